import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { commandsOf, lineOf, scriptOf } from "../src/internal/shellWords.ts"

const plain: ReadonlyArray<readonly [line: string, commands: ReadonlyArray<ReadonlyArray<string>>]> = [
  ["git status", [["git", "status"]]],
  ["  git\t status  ", [["git", "status"]]],
  ["/bin/bash -lc 'git status'", [["git", "status"]]],
  ["/usr/bin/sh -c \"git status --x='a b'\"", [["git", "status", "--x=a b"]]],
  ["bash -c 'a; b && c || d | e'", [["a"], ["b"], ["c"], ["d"], ["e"]]],
  ["bash -lc 'cd src &&\n  ls -la\n\nls'", [["cd", "src"], ["ls", "-la"], ["ls"]]],
  ["bash -lc \"touch a; echo 'x  y' | cat\"", [["touch", "a"], ["echo", "x  y"], ["cat"]]],
  ["echo 'a'\\''b' \"c \\\" \\$ d\" e\\ f '' \"\"", [["echo", "a'b", "c \" $ d", "e f", "", ""]]],
  ["echo \"a\\nb\"", [["echo", "a\\nb"]]],
  ["git commit -m 'Größe; $HOME `x`' --author=me", [["git", "commit", "-m", "Größe; $HOME `x`", "--author=me"]]],
  ["npm run build -- a=b", [["npm", "run", "build", "--", "a=b"]]],
  ["bash -c 'git status; rm -rf .'", [["git", "status"], ["rm", "-rf", "."]]],
  ["fish -c 'git status'", [["fish", "-c", "git status"]]],
  ["/tmp/bash -c 'git status'", [["/tmp/bash", "-c", "git status"]]],
  ["bash -c 'if true; then rm x; fi'", [["if", "true"], ["then", "rm", "x"], ["fi"]]]
]

const uncertain = [
  "",
  "  ",
  ";",
  "git status; rm -rf .",
  "git status & rm -rf .",
  "git status |& rm",
  "git status > ~/.bashrc",
  "git status 2>&1",
  "git status < /dev/null",
  "git status $(rm -rf .)",
  "git status `rm -rf .`",
  "git status \"$(rm -rf .)\"",
  "git status \"`rm -rf .`\"",
  "git status $HOME",
  "git status \"$HOME\"",
  "git status $'\\x41'",
  "git status *.ts",
  "git status ?",
  "git status [a]",
  "git status {a,b}",
  "git status ~",
  "git status # comment",
  "git status !!",
  "PATH=/tmp git status",
  "A+=1 git status",
  "=git status",
  "(git status)",
  "f() { rm; }; f",
  "cat <<EOF\nx\nEOF",
  "git status \\\nrm",
  "git status\rrm",
  "git 'status",
  "git \"status",
  "git status\\",
  "git status \0",
  "git status 'a\0'",
  "bash",
  "bash script.sh",
  "bash -ic 'git status'",
  "bash -c 'git status' extra",
  "bash -c",
  "bash -c 'git status' && rm x",
  "bash -c 'git status > x'",
  "bash --rcfile x -c 'git status'"
]

describe("the commands of a line", () => {
  for (const [line, commands] of plain) {
    it(`are told: ${JSON.stringify(line)}`, () => assert.deepStrictEqual(commandsOf(line), commands))
  }

  for (const line of uncertain) {
    it(`are not guessed: ${JSON.stringify(line)}`, () => assert.isUndefined(commandsOf(line)))
  }

  const word = Schema.String.check(Schema.makeFilter((text) => !text.includes("\0")))

  it.effect.prop(
    "are the words that were quoted",
    { program: Schema.Literals(["git", "npm run", "a;b"]), words: Schema.Array(word) },
    ({ program, words }) =>
      Effect.sync(() => {
        const argv = [program, ...words]
        assert.deepStrictEqual(commandsOf(lineOf(argv)), [argv])
        assert.deepStrictEqual(commandsOf(lineOf(["/bin/bash", "-lc", lineOf(argv)])), [argv])
        assert.deepStrictEqual(scriptOf(["zsh", "-c", `${lineOf(argv)} && ${lineOf(argv)}`]), [argv, argv])
      })
  )
})

describe("the words of a command", () => {
  it("are those of its script, if it is a shell", () => {
    assert.deepStrictEqual(scriptOf(["bash", "-lc", "a b; c"]), [["a", "b"], ["c"]])
    assert.deepStrictEqual(scriptOf(["git", "status; rm"]), [["git", "status; rm"]])
    assert.isUndefined(scriptOf(["bash", "-lc", "a > b"]))
    assert.isUndefined(scriptOf([]))
  })
})
