/**
 * What Codex does in the tests of the pipeline.
 */
import * as CodexScript from "@effect-codex/testing/CodexScript"
import * as Schema from "effect/Schema"
import * as Review from "./Review.ts"

export const finding = new Review.Finding({ severity: "high", line: 7, problem: "It loses data." })

export const found = CodexScript.answer(Schema.Array(Review.Finding), [finding])

export const nothing = CodexScript.answer(Schema.Array(Review.Finding), [])

/** The first rule that fits a turn is played. */
export const script = CodexScript.make([
  CodexScript.when({ prompt: "Review save.ts" }, CodexScript.run("cat save.ts", { output: "save()\n" }), found),
  CodexScript.when({ prompt: "Review busy.ts", attempt: 1 }, CodexScript.fail("overloaded")),
  CodexScript.when({ prompt: "Review chatty.ts" }, CodexScript.message("There is one thing, in line 7.")),
  CodexScript.when({ prompt: "Your last answer could not be used" }, found),
  CodexScript.turn(CodexScript.wait("20 seconds"), nothing)
])
