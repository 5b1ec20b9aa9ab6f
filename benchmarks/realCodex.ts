/**
 * The real Codex, for measures that need it: where it is, and a model that answers at once.
 */
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as ModelReply from "@effect-codex/testing/ModelReply"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** Runs `use` with the environment that makes the real Codex ask a model which always answers `reply`, at once. */
export const withModel = <A>(
  use: (env: Readonly<Record<string, string>>) => Promise<A>,
  reply = ModelReply.message("Hello.")
): Promise<A> =>
  FakeModel.FakeModel.pipe(
    Effect.flatMap(({ cli }) => Effect.promise(() => use(cli.env))),
    Effect.provide(
      FakeModel.layer(() => reply).pipe(
        Layer.provide([
          NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }),
          NodeServices.layer
        ])
      )
    ),
    Effect.runPromise
  )

/** The native executable. */
export const path = (): string => {
  const [triple, target] = process.platform === "darwin"
    ? ["apple-darwin", "darwin"]
    : ["unknown-linux-musl", "linux"]
  const codex = createRequire(import.meta.url).resolve("@openai/codex/package.json")
  const native = createRequire(codex).resolve(`@openai/codex-${target}-${process.arch}/package.json`)
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64"
  return join(dirname(native), "vendor", `${arch}-${triple}`, "bin", "codex")
}
