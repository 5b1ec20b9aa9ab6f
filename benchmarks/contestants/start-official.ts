import { Codex, type CodexOptions } from "@openai/codex-sdk"

const path = process.env["CODEX_PATH"]
const options: CodexOptions = path === undefined ? {} : { codexPathOverride: path }
const thread = new Codex(options).startThread({ skipGitRepoCheck: true })
const { events } = await thread.runStreamed("Hello")
let seen = 0
for await (const _ of events) {
  if (seen++ === 0) process.stdout.write("1")
}
