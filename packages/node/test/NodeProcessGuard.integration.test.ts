import * as ProcessGuard from "@effect-codex/core/ProcessGuard"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { script } from "../src/internal/hostWatch.ts"
import * as ProcessTable from "../src/internal/processTable.ts"
import * as ProcessTree from "../src/internal/processTree.ts"
import { eventually, group, guards, isAlive, openFiles, running } from "./fixtures/processes.ts"

/** Tells its process id, and ignores every polite signal, as its descendants then do. */
const stubborn = `trap "" INT TERM HUP; echo $$; `

/** A child, a daemon in a session of its own whose parent is gone, and a child with a clean environment. */
const family = `${stubborn}
sh -c 'echo $$; exec sleep 60' &
setsid sh -c 'sh -c "echo \\$\\$; exec sleep 60" &'
env -i sh -c 'echo $$; exec sleep 60' &
wait`

/** Starts a process with descendants that tell their ids, and waits until `count` of them have done so. */
const start = Effect.fnUntraced(function*(
  command: string,
  args: ReadonlyArray<string>,
  count: number,
  env: Readonly<Record<string, string>> = {}
) {
  const handle = yield* ChildProcess.make(command, args, {
    env: { ...env },
    extendEnv: true,
    stdin: "ignore",
    stderr: "inherit",
    killSignal: "SIGKILL",
    // The spawner waits for the group of a detached one, zombies included. What is to end is ours to end.
    detached: false
  })
  const lines = yield* handle.stdout.pipe(Stream.decodeText, Stream.splitLines, Stream.take(count), Stream.runCollect)
  return { pid: handle.pid, lines, pids: lines.map(Number), exit: handle.exitCode }
})

const startTree = Effect.fnUntraced(function*(tree: ProcessGuard.ProcessTree, script: string, count: number) {
  const root = yield* start("sh", ["-c", script], count, tree.env)
  yield* tree.attach(root.pid)
  return root
})

const guardTree = Effect.flatMap(ProcessGuard.ProcessGuard, ({ guard }) => guard)

const Live = NodeProcessGuard.layer.pipe(Layer.provideMerge(NodeServices.layer))

layer(Live, { excludeTestServices: true })("NodeProcessGuard", (it) => {
  describe("sweep", () => {
    it.effect("ends what ignores signals, left its session, or cleaned its environment: 20 rounds", () =>
      Effect.gen(function*() {
        const tree = yield* guardTree
        const { pid, pids } = yield* startTree(tree, family, 4)
        assert.strictEqual(new Set(pids).size, 4)
        assert.include(pids, pid)
        yield* tree.record(pid)
        // As if the CLI had ended by itself: nobody is left as the parent of what it started.
        process.kill(pid, "SIGKILL")
        yield* eventually(() => !isAlive(pid))
        assert.deepStrictEqual(pids.filter(isAlive), pids.filter((other) => other !== pid))
        yield* tree.sweep
        assert.deepStrictEqual(pids.filter(isAlive), [])
      }).pipe(Effect.scoped, Effect.repeat({ times: 19 })))

    it.effect("is done when the scope closes, the root included, recorded or not", () =>
      Effect.gen(function*() {
        const outlives = yield* Effect.scope
        const pids = yield* Effect.gen(function*() {
          const tree = yield* guardTree
          return (yield* Scope.provide(startTree(tree, family, 4), outlives)).pids
        }).pipe(Effect.scoped)
        assert.deepStrictEqual(pids.filter(isAlive), [])
      }))

    it.effect("leaves another tree and all else alone", () =>
      Effect.gen(function*() {
        const [one, other] = [yield* guardTree, yield* guardTree]
        const mine = yield* startTree(one, family, 4)
        const others = yield* startTree(other, family, 4)
        const stranger = yield* start("sh", ["-c", "echo $$; exec sleep 60"], 1)
        yield* one.sweep
        assert.deepStrictEqual(mine.pids.filter(isAlive), [])
        assert.deepStrictEqual(others.pids.filter(isAlive), others.pids)
        assert.deepStrictEqual(stranger.pids.filter(isAlive), stranger.pids)
        yield* other.sweep
        assert.deepStrictEqual(others.pids.filter(isAlive), [])
      }))

    it.effect("does not end a process that got the id of a recorded one", () =>
      Effect.gen(function*() {
        const { pid } = yield* start("sh", ["-c", "echo $$; exec sleep 60"], 1)
        const tree = ProcessTree.make("no such mark")
        tree.known.set(pid, `${Number(ProcessTable.linux.startOf(pid)) - 1}`)
        yield* ProcessTree.record(tree, ProcessTable.linux, pid)
        yield* ProcessTree.sweep(tree, ProcessTable.linux)
        assert.isTrue(isAlive(pid))
        tree.known.set(pid, `${ProcessTable.linux.startOf(pid)}`)
        yield* ProcessTree.sweep(tree, ProcessTable.linux)
        assert.isFalse(isAlive(pid))
      }))

    it.effect("does not wait for zombies", () =>
      Effect.gen(function*() {
        const tree = yield* guardTree
        // The shell becomes a `sleep`, which never asks how the other child ended.
        const root = yield* startTree(tree, "sh -c 'echo $$' & exec sleep 60", 1)
        yield* eventually(() => !isAlive(root.pids[0]))
        process.kill(root.pids[0], 0)
        yield* tree.sweep
        assert.isFalse(isAlive(root.pid))
      }))

    it.effect("outruns what starts itself anew all the time", () =>
      Effect.gen(function*() {
        const tree = yield* guardTree
        const hop = "sleep 0.02; [ $N -gt 500 ] || N=$((N + 1)) sh -c \"$HOP\" effect-codex-test-hop &"
        yield* startTree(tree, `echo $$; export HOP='${hop}'; N=0 sh -c "$HOP" effect-codex-test-hop & wait`, 1)
        assert.isTrue(yield* eventually(() => running("effect-codex-test-hop").length > 0))
        yield* tree.sweep
        yield* Effect.sleep("60 millis")
        assert.deepStrictEqual(running("effect-codex-test-hop"), [])
      }))

    it.effect("outruns a parent with a clean environment that starts children all the time", () =>
      Effect.gen(function*() {
        const tree = yield* guardTree
        const spread = "N=0; while [ $N -lt 500 ]; do N=$((N + 1)); sleep 59.125 & sleep 0.01; done"
        const root = yield* startTree(tree, `echo $$; env -i sh -c '${spread}' & wait`, 1)
        assert.isTrue(yield* eventually(() => running("59.125").length > 5))
        yield* tree.record(root.pid)
        process.kill(root.pid, "SIGKILL")
        yield* tree.sweep
        assert.deepStrictEqual(running("59.125"), [])
      }))
  })

  describe("marks", () => {
    it.effect("of an outer guard are passed on to the trees of an inner one", () =>
      Effect.gen(function*() {
        const outer = yield* guardTree
        const inherited = process.env[NodeProcessGuard.variable]
        yield* Effect.acquireRelease(
          Effect.sync(() => Object.assign(process.env, outer.env)),
          () =>
            Effect.sync(() => {
              if (inherited === undefined) delete process.env[NodeProcessGuard.variable]
              else process.env[NodeProcessGuard.variable] = inherited
            })
        )
        const { pids } = yield* Effect.gen(function*() {
          return yield* startTree(yield* guardTree, family, 4)
        }).pipe(
          Effect.provide(Layer.fresh(NodeProcessGuard.layer), { local: true }),
          Effect.provideService(Scope.Scope, yield* Effect.scope)
        )
        yield* outer.sweep
        assert.deepStrictEqual(pids.filter(isAlive), [])
      }))
  })

  describe("the guard process", () => {
    it.effect("is one per layer, starts with the first tree, and is gone at once when the layer closes", () =>
      Effect.gen(function*() {
        const before = guards(process.pid)
        const ours = () => guards(process.pid).filter((pid) => !before.includes(pid))
        const files = openFiles(process.pid)
        yield* start("sh", ["-c", "echo $$; exec sleep 60"], 1)
        const pipes = openFiles(process.pid).filter((file) => !files.includes(file))
        assert.isNotEmpty(pipes)
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Layer.fresh(NodeProcessGuard.layer), scope)
        assert.deepStrictEqual(ours(), [])
        yield* Effect.scoped(Effect.andThen(guardTree, guardTree)).pipe(Effect.provide(context))
        const [pid, ...others] = ours()
        assert.deepStrictEqual(others, [])
        // Out of the reach of a Ctrl-C, and of a kill of the host's group, and without the pipes of others.
        assert.strictEqual(group(pid), pid)
        assert.deepStrictEqual(openFiles(pid).filter((file) => pipes.includes(file)), [])
        const [closing] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assert.deepStrictEqual(ours(), [])
        assert.isBelow(Duration.toMillis(closing), 250)
      }))

    it.effect("is started anew when it was killed", () =>
      Effect.gen(function*() {
        const before = guards(process.pid)
        const ours = () => guards(process.pid).filter((pid) => !before.includes(pid))
        yield* Effect.gen(function*() {
          yield* guardTree
          const [first] = ours()
          process.kill(first, "SIGKILL")
          yield* Effect.scoped(guardTree).pipe(
            Effect.andThen(Effect.sleep("5 millis")),
            Effect.repeat({ while: () => ours().length === 0 })
          )
          assert.notInclude(ours(), first)
        }).pipe(Effect.scoped, Effect.provide(Layer.fresh(NodeProcessGuard.layer), { local: true }))
        assert.deepStrictEqual(ours(), [])
      }))

    it.effect("that cannot be started is told of once, and nothing else changes", () =>
      Effect.gen(function*() {
        const warnings: Array<string> = []
        const logger = Logger.make(({ message }) => void warnings.push(String(message)))
        const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
        const noShell = ChildProcessSpawner.make((command) =>
          spawner.spawn(
            command._tag === "StandardCommand" ? ChildProcess.make("/nonexistent/sh", [], command.options) : command
          )
        )
        yield* Effect.gen(function*() {
          yield* Effect.scoped(guardTree)
          const tree = yield* guardTree
          const { pids } = yield* startTree(tree, family, 4).pipe(
            Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner)
          )
          yield* tree.sweep
          assert.deepStrictEqual(pids.filter(isAlive), [])
        }).pipe(
          Effect.scoped,
          Effect.provide(Layer.fresh(NodeProcessGuard.layer), { local: true }),
          Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, noShell),
          Effect.provide(Logger.layer([logger]))
        )
        assert.strictEqual(warnings.length, 1)
        assert.match(warnings[0], /No guard process/)
      }))
  })
})

layer(NodeServices.layer, { excludeTestServices: true })("the death of the host", (it) => {
  const host = Effect.fnUntraced(function*(script: string, mode: string, count: number) {
    const path = yield* Path.Path
    const fixture = path.join(import.meta.dirname, "fixtures", "host.ts")
    const { exit, lines, pid } = yield* start(process.execPath, [fixture, script, mode], count + 1)
    const isGuard = (line: string) => line.startsWith("guard ")
    const guard = Number(lines.find(isGuard)?.slice("guard ".length))
    assert.isAbove(guard, 0)
    return { pid, exit, guard, pids: lines.filter((line) => !isGuard(line)).map(Number) }
  })

  it.effect("by SIGKILL ends the whole tree and the guard within two seconds: 5 rounds", () =>
    Effect.gen(function*() {
      const { guard, pid, pids } = yield* host(family, "marked", 4)
      assert.deepStrictEqual(pids.filter(isAlive), pids)
      process.kill(pid, "SIGKILL")
      assert.isTrue(yield* eventually(() => ![pid, ...pids, guard].some(isAlive)))
    }).pipe(Effect.scoped, Effect.repeat({ times: 4 })))

  it.effect("leaves a polite root its time to clean up", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      const polite = `trap 'echo cleaned > ${file}; exit' INT; echo $$; while :; do sleep 0.05; done`
      const { pid, pids } = yield* host(polite, "marked", 1)
      process.kill(pid, "SIGKILL")
      assert.isTrue(yield* eventually(() => !pids.some(isAlive)))
      assert.strictEqual(yield* fs.readFileString(file), "cleaned\n")
    }))

  it.effect("ends a root whose environment cannot be read, and its children", () =>
    Effect.gen(function*() {
      const { pid, pids } = yield* host(`${stubborn} sh -c 'echo $$; exec sleep 60' & wait`, "unmarked", 2)
      process.kill(pid, "SIGKILL")
      assert.isTrue(yield* eventually(() => !pids.some(isAlive)))
    }))

  it.effect("is noticed by a guard that replaced another, for all trees", () =>
    Effect.gen(function*() {
      const { guard, pid, pids } = yield* host(`${stubborn} exec sleep 60`, "restart", 1)
      process.kill(pid, "SIGKILL")
      assert.isTrue(yield* eventually(() => ![...pids, guard].some(isAlive)))
    }))

  it.effect("by having nothing left to do is not held up by the guard", () =>
    Effect.gen(function*() {
      const { exit, guard } = yield* host("echo $$", "exit", 1)
      assert.strictEqual(yield* Effect.timeout(exit, "5 seconds"), 0)
      assert.isTrue(yield* eventually(() => !isAlive(guard)))
    }))

  for (const platform of ["linux", "darwin"] as const) {
    it.effect(`ends those who were added and not removed, and the marked (${platform})`, () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        // What macOS has as `ps`, before the one that is installed here.
        const bin = yield* fs.makeTempDirectoryScoped()
        yield* fs.copyFile(path.join(import.meta.dirname, "fixtures", "ps.sh"), path.join(bin, "ps"))
        yield* fs.chmod(path.join(bin, "ps"), 0o755)

        const mark = `test-${process.pid}-${platform}.`
        const one = ["-c", "echo $$; exec sleep 60"]
        const marked = yield* start("sh", one, 1, { [NodeProcessGuard.variable]: `${mark}7;` })
        const [first, second, third] = [
          yield* start("sh", one, 1),
          yield* start("sh", one, 1),
          yield* start("sh", one, 1)
        ]
        const lines = [mark, `+${first.pid}`, `+${second.pid}`, `-${first.pid}`, `+${third.pid}`, `-${2 ** 30}`]
        const guard = yield* ChildProcess.make("sh", ["-c", script(platform)], {
          env: { PATH: `${bin}:${process.env.PATH}` },
          stdin: Stream.succeed(new TextEncoder().encode(`${lines.join("\n")}\n`)),
          stdout: "ignore",
          stderr: "ignore"
        })
        yield* Effect.ignore(Effect.timeout(guard.exitCode, "2 seconds"))
        assert.deepStrictEqual([marked, first, second, third].map(({ pid }) => isAlive(pid)), [
          false,
          true,
          false,
          false
        ])
      }))
  }
})
