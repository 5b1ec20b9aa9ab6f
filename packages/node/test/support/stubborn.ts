/** A command that is hard to end, and who it is. */
import { readFileSync } from "node:fs"

/**
 * It and its children ignore what can be ignored. One child leaves the session too, and its parent dies, so that no
 * process leads to it.
 */
export const stubborn = `
trap '' TERM INT HUP
(trap '' TERM INT HUP; echo $BASHPID > child.pid; exec sleep 1000) &
setsid bash -c '(trap "" TERM INT HUP; echo $BASHPID > orphan.pid; exec sleep 1000) & exit 0'
echo $PPID > cli.pid
echo $$ > command.pid
wait`

/** Where its processes tell their ids, in the directory that it works in. */
export const pidFiles = (workspace: string): ReadonlyArray<string> =>
  ["command", "child", "orphan"].map((name) => `${workspace}/${name}.pid`)

/** The process of Codex that has started a command there, which tells it. */
export const cliIn = (workspace: string): number => Number(readFileSync(`${workspace}/cli.pid`, "utf8"))
