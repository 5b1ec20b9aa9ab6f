/**
 * A process that outlives the host for as long as it takes to end what the host left behind.
 *
 * It is a shell that waits for its standard input, a pipe of which only the host holds the other end, to end.
 * The kernel closes that end whatever the host dies of.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"

export interface HostWatch {
  /** Starts the watching process, unless it runs. */
  readonly ensure: Effect.Effect<void>
  /** Tells that `pid` is the root of a tree, whether its environment can be read or not. */
  readonly add: (pid: number) => Effect.Effect<void>
  /** Tells that nothing is left of the tree of `pid`. */
  readonly remove: (pid: number) => Effect.Effect<void>
}

export const make = Effect.fnUntraced(function*(
  spawner: ChildProcessSpawner["Service"],
  mark: string
): Effect.fn.Return<HostWatch, never, Scope.Scope> {
  const layerScope = yield* Effect.scope
  const oneAtATime = Semaphore.makeUnsafe(1)
  const roots = new Set<number>()
  let watcher: { readonly handle: ChildProcessHandle; readonly scope: Scope.Closeable } | undefined
  let warned = false

  const start = Effect.gen(function*() {
    if (watcher !== undefined) {
      if (yield* Effect.orElseSucceed(watcher.handle.isRunning, () => false)) return
      yield* Scope.close(watcher.scope, Exit.void)
      watcher = undefined
    }
    const scope = yield* Scope.fork(layerScope)
    const handle = yield* Scope.provide(spawner.spawn(command), scope)
    // A program that never closes its layer must still be able to end.
    const reref = yield* handle.unref
    yield* Scope.addFinalizer(scope, Effect.ignore(reref))
    // Its first line is the mark, which is so neither among its arguments nor in its environment.
    yield* write(handle, [mark, ...[...roots].map((pid) => `+${pid}`)])
    watcher = { handle, scope }
  }).pipe(
    Effect.catch((error) => {
      if (warned) return Effect.void
      warned = true
      return Effect.logWarning(
        "No guard process could be started: what Codex starts would outlive a host that is killed",
        error
      )
    })
  )

  /** A watcher that is gone cannot be told; the next one is. */
  const tell = (line: string) =>
    Semaphore.withPermit(
      oneAtATime,
      Effect.suspend(() => watcher === undefined ? Effect.void : Effect.ignore(write(watcher.handle, [line])))
    )

  return {
    ensure: Effect.uninterruptible(Semaphore.withPermit(oneAtATime, start)),
    add: (pid) => Effect.andThen(Effect.sync(() => roots.add(pid)), tell(`+${pid}`)),
    remove: (pid) => Effect.suspend(() => roots.delete(pid) ? tell(`-${pid}`) : Effect.void)
  }
})

const write = (handle: ChildProcessHandle, lines: ReadonlyArray<string>) =>
  Stream.run(Stream.succeed(new TextEncoder().encode(`${lines.join("\n")}\n`)), handle.stdin)

/**
 * `look` prints every living process as `<parent>:<id>=<start>`, `pick` sets `process` to one of them, and `marked`
 * prints the ids of those with the mark in their environment.
 *
 * `pick` forks nothing on Linux: when the layer closes meanwhile, it would have to wait for the orphan to be reaped.
 */
const tools = {
  linux: `
look() {
  sed -n 's/^\\([0-9]*\\) (.*) [^ZX] \\([0-9]*\\) \\([^ ]* \\)\\{17\\}\\([0-9]*\\) .*/\\2:\\1=\\4/p' /proc/[0-9]*/stat
}
pick() {
  process=
  read -r line < "/proc/$1/stat" || return
  set -- "$1" \${line##*) }
  case $2 in Z | X) ;; *) process=$3:$1=\${21} ;; esac
}
marked() {
  for file in $(grep -lsF -e "$mark" /proc/[0-9]*/environ); do
    file=\${file#/proc/}
    echo "\${file%/environ}"
  done
}`,
  darwin: `
list() {
  LC_ALL=C TZ=UTC0 ps "$@" -o pid=,ppid=,stat=,lstart= | while read -r pid ppid stat a b c d e; do
    case $stat in Z*) ;; *) echo "$ppid:$pid=$a$b$c$d$e" ;; esac
  done
}
pick() { process=$(list -ww -p "$1"); }
look() { list -axww; }
marked() {
  ps -axEww -o pid=,command= | grep -F -e "$mark" | while read -r pid rest; do echo "$pid"; done
}`
}

/**
 * `gather` sets `members` to all that has the mark in its environment, was known before, or descends from such;
 * a process is known by its id and its start. What is found is asked to stop with SIGINT, which ends `codex exec`
 * in good order. What is left after a second is stopped, so that it can start nothing more, and killed.
 */
export const script = (platform: keyof typeof tools) =>
  `${tools[platform]}
known=" "
gather() {
  # In this order: the grep that looks for the mark, and so has it, is not in the table.
  table=$(look)
  seeds=" $(echo $(marked)) "
  members=" "
  more=yes
  while [ "$more" ]; do
    more=
    for process in $table; do
      id=\${process#*:}
      pid=\${id%=*}
      case $members in *" $pid "*) continue ;; esac
      case $seeds$members in
      *" $pid "* | *" \${process%%:*} "*) ;;
      *) case $known in *" $id "*) ;; *) continue ;; esac ;;
      esac
      members="$members$pid "
      known="$known$id "
      more=yes
    done
  done
}
add() {
  pick "$1"
  if [ "$process" ]; then known="$known\${process#*:} "; fi
}
remove() {
  case $known in *" $1="*) ;; *) return ;; esac
  rest=\${known#*" $1="}
  known="\${known%%" $1="*} \${rest#* }"
}

read -r mark || exit
while read -r line; do
  case $line in +*) add "\${line#+}" ;; -*) remove "\${line#-}" ;; esac
done

gather
kill -INT $members
for i in 1 2 3 4 5 6 7 8 9 10; do
  alive=
  for pid in $members; do kill -0 "$pid" && alive=yes; done
  [ "$alive" ] || break
  sleep 0.1
done

before=
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  gather
  [ "$members" = " " ] && exit
  if [ "$members" = "$before" ]; then kill -KILL $members; sleep 0.02; else kill -STOP $members; fi
  before=$members
done
`

const command = ChildProcess.make("/bin/sh", [
  "-c",
  script(process.platform === "darwin" ? "darwin" : "linux"),
  "effect-codex-guard"
], {
  // Out of the host's directory, which it must not hold, and (as a group of its own) out of reach of a Ctrl-C.
  cwd: "/",
  detached: true,
  env: {},
  extendEnv: true,
  stdin: { stream: "pipe", endOnDone: false },
  stdout: "ignore",
  stderr: "ignore",
  killSignal: "SIGKILL"
})
