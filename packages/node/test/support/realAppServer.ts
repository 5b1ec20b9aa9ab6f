/**
 * A client of the real app-server, with a scripted model.
 */
import * as Client from "@effect-codex/core/appserver/Client"
import * as NodeCodexCli from "@effect-codex/node/NodeCodexCli"
import * as NodeProcessGuard from "@effect-codex/node/NodeProcessGuard"
import * as FakeModel from "@effect-codex/testing/FakeModel"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

/** The client, the model behind it, and what a test does with the machine. */
export const layer = (script: FakeModel.Script, options: Client.StdioOptions = {}) =>
  FakeModel.layerWith(
    script,
    (cli) => Client.layerStdio(options).pipe(Layer.provide([NodeCodexCli.layer(cli), NodeProcessGuard.layer]))
  ).pipe(
    Layer.provideMerge(NodeServices.layer),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )
