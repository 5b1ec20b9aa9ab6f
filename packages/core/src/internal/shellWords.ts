/**
 * The words of shell commands, where they can be told for certain.
 *
 * @internal
 */

/**
 * The words of each command of a command line. A line that starts a shell with a script (`bash -lc '…'`) stands for the
 * commands of the script.
 *
 * `undefined` if anything in it may mean something else than it says: an expansion, a redirection, a pattern, an
 * assignment, a job in the background, or whatever else is not known here.
 */
export const commandsOf = (line: string): ReadonlyArray<ReadonlyArray<string>> | undefined => {
  const commands = parse(line)
  const [argv, more] = commands ?? []
  return argv === undefined || more !== undefined ? undefined : scriptOf(argv)
}

/** As {@link commandsOf}, of a command whose words are known. */
export const scriptOf = (argv: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> | undefined => {
  const [shell, flag, script, ...rest] = argv
  if (shell === undefined) return undefined
  if (!isShell.test(shell)) return [argv]
  // A shell that is started in any other way may do anything.
  return (flag === "-c" || flag === "-lc") && script !== undefined && rest.length === 0 ? parse(script) : undefined
}

/** A command line of these words. */
export const lineOf = (words: ReadonlyArray<string>): string =>
  words.map((word) => isPlain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`).join(" ")

// A shell of any other directory might be anything.
const isShell = /^(?:\/(?:usr\/(?:local\/)?)?bin\/|\/opt\/homebrew\/bin\/)?(?:ba|da|z)?sh$/

const isPlain = /^[\p{L}\p{N}_@%+:,./-][\p{L}\p{N}_@%+=:,./-]*$/u

/** What means nothing to any POSIX shell, wherever it stands in a word. */
const literal = /[\p{L}\p{N}_@%+=:,./-]+/uy
const blank = /[ \t]+/y
/** Whatever joins two commands, both are run or one is; a lone `&` would leave the first one behind. */
const joint = /(?:&&|\|\||[;|\n])[ \t\n]*/y
const singleQuoted = /'([^'\0]*)'/y
/** Without expansions. A backslash before anything else is itself. */
const doubleQuoted = /"((?:[^"\\$`\0]|\\[^\n\0])*)"/y
const escaped = /\\([^\n\0])/y
const assignment = /^(?:[A-Za-z_][A-Za-z0-9_]*\+?)?=/

const parse = (script: string): ReadonlyArray<ReadonlyArray<string>> | undefined => {
  const commands: Array<ReadonlyArray<string>> = []
  let words: Array<string> = []
  let word: string | undefined
  let at = 0
  /** Takes what matches here, and gives its group, or all of it. */
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(script)
    if (match === null) return undefined
    at = pattern.lastIndex
    return match[1] ?? match[0]
  }
  const endWord = () => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  const endCommand = () => {
    endWord()
    if (words.length > 0) commands.push(words)
    words = []
  }

  while (at < script.length) {
    if (take(blank) !== undefined) {
      endWord()
      continue
    }
    if (take(joint) !== undefined) {
      endCommand()
      continue
    }
    const plain = take(literal)
    if (plain !== undefined) {
      // `A=1 command`, and zsh's `=command`. What is quoted is no name.
      if (words.length === 0 && assignment.test(`${word ?? ""}${plain}`)) return undefined
      if (word === undefined && plain.startsWith("=")) return undefined
      word = `${word ?? ""}${plain}`
      continue
    }
    const quoted = take(singleQuoted) ?? take(doubleQuoted)?.replaceAll(/\\([\\"$`])/g, "$1") ?? take(escaped)
    if (quoted === undefined) return undefined
    word = `${word ?? ""}${quoted}`
  }
  endCommand()
  return commands.length === 0 ? undefined : commands
}
