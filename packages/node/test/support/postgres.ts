/**
 * A real PostgreSQL server of this test alone: in a directory that goes with it, reached by a socket in there.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { existsSync, globSync } from "node:fs"
import { delimiter, join } from "node:path"

export class Postgres extends Context.Service<Postgres, { readonly socket: string }>()("Postgres") {}

const isRoot = process.getuid?.() === 0

/** `nobody`: the server refuses to run as root. */
const unprivileged = 65_534

const asServer = (command: string, args: ReadonlyArray<string>) => {
  const options = { env: { LC_ALL: "C" }, stdin: "ignore", extendEnv: true, forceKillAfter: "5 seconds" } as const
  const setpriv = [`--reuid=${unprivileged}`, `--regid=${unprivileged}`, "--clear-groups", command]
  return isRoot
    ? ChildProcess.make("setpriv", [...setpriv, ...args], options)
    : ChildProcess.make(command, args, options)
}

const complete = Effect.fnUntraced(function*(command: ChildProcess.Command) {
  const handle = yield* command
  const output = yield* Stream.mkString(Stream.decodeText(handle.all))
  if ((yield* handle.exitCode) !== 0) return yield* Effect.die(new Error(output))
}, Effect.scoped)

const findBinaries = Effect.sync(() =>
  [
    ...(process.env.PATH ?? "").split(delimiter),
    ...globSync("/usr/lib/postgresql/*/bin").toSorted((a, b) => b.localeCompare(a, "en", { numeric: true }))
  ].find((directory) => ["initdb", "postgres"].every((name) => existsSync(join(directory, name))))
)

/** Without the cluster that Debian's package would create and start. */
const install = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const settings = "/etc/postgresql-common"
  yield* fs.makeDirectory(settings, { recursive: true })
  yield* Effect.ignore(
    fs.writeFileString(`${settings}/createcluster.conf`, "create_main_cluster = false\n", { flag: "wx" })
  )
  const options = { env: { DEBIAN_FRONTEND: "noninteractive" }, stdin: "ignore", extendEnv: true } as const
  yield* complete(ChildProcess.make("apt-get", ["update"], options))
  const keepSettings = ["-o", "Dpkg::Options::=--force-confold"]
  yield* complete(ChildProcess.make("apt-get", [...keepSettings, "install", "-y", "postgresql"], options))
})

const binaries = Effect.gen(function*() {
  const found = yield* findBinaries
  if (found !== undefined) return found
  if (isRoot && existsSync("/usr/bin/apt-get")) yield* install
  return (yield* findBinaries) ??
    (yield* Effect.die(new Error("This test needs PostgreSQL: install it so that `initdb` is on the PATH")))
})

/** Without any care for what a crash of the machine would lose. */
const settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses="]

export const layer = Layer.effect(
  Postgres,
  Effect.gen(function*() {
    const bin = yield* binaries
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    if (isRoot) yield* fs.chown(directory, unprivileged, unprivileged)
    const data = join(directory, "data")
    yield* complete(asServer(join(bin, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]))
    const args = ["-D", data, "-k", directory, ...settings.flatMap((setting) => ["-c", setting])]
    const server = yield* asServer(join(bin, "postgres"), args)
    yield* Effect.forkScoped(Stream.runDrain(server.all))
    const socket = join(directory, ".s.PGSQL.5432")
    yield* Effect.sync(() => existsSync(socket)).pipe(
      Effect.repeat({ until: (exists) => exists, schedule: Schedule.spaced("20 millis") }),
      Effect.timeout("20 seconds")
    )
    return { socket }
  })
).pipe(Layer.provide(NodeServices.layer))

const untilStarted = { schedule: Schedule.spaced("20 millis"), times: 500 }

/** Clients wait until the server has started up. */
export const layerClient = (socket: string, startupParameters: Record<string, string> = {}) =>
  PgClient.layerFrom(
    PgClient.make({ path: socket, username: "postgres", database: "postgres", startupParameters }).pipe(
      Effect.retry(untilStarted),
      // One that was refused may be the first that is used.
      Effect.tap((sql) => Effect.retry(sql`SELECT 1`, untilStarted))
    )
  )
