/**
 * A bug that the testing kit is to find, and the tests of the kit.
 */
import type { Selection } from "./tests.ts"

export interface Edit {
  readonly file: string
  /** Is there once. */
  readonly find: string
  readonly replace: string
}

export interface Bug {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** They are to find it. */
  readonly tests: Selection
}

/** A bug in one place of a file, which is named from `packages`. */
export const bug = (
  name: string,
  tests: Selection,
  file: string,
  find: string,
  replace: string
): Bug => bugs(name, tests, [file, find, replace])

/** A bug that takes several changes. */
export const bugs = (
  name: string,
  tests: Selection,
  ...edits: ReadonlyArray<readonly [file: string, find: string, replace: string]>
): Bug => ({
  name,
  tests,
  edits: edits.map(([file, find, replace]) => ({ file: `packages/${file}`, find, replace }))
})

const file = (path: string, only?: string): Selection => ({ files: [`packages/${path}`], only })

/** The contract of a transport. */
export const contract = {
  exec: file("testing/test/CodexTransportContract.test.ts", "codex exec, a fake"),
  appServer: file("testing/test/CodexTransportContract.test.ts", "codex app-server, a fake")
}

/** The laws of a program. */
export const laws = file("testing/test/CodexLaws.test.ts")

/** What was recorded of the real CLI. */
export const cassettes = file("testing/test/Cassettes.test.ts")

/** Scripts, as each of the fakes plays them. */
export const scripts = {
  exec: file("testing/test/FakeCliScript.test.ts"),
  appServer: file("testing/test/FakeAppServer.test.ts"),
  real: file("node/test/Scripts.integration.test.ts", "what it costs")
}

/** Programs over the fakes. */
export const programs = file("testing/test/Kit.test.ts")
export const connections = file("testing/test/KitAppServer.test.ts")

/** A program over the real CLI, and its processes. */
export const processes = file("node/test/Kit.integration.test.ts")

/** The contract of a session store. */
export const stores = {
  memory: file("testing/test/SessionStoreContract.test.ts", "a store in memory"),
  file: file("node/test/NodeSessionStore.integration.test.ts", "keeps the contract")
}
