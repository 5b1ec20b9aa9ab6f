/**
 * What belongs to one run alone, and neither to what was asked nor to what was answered.
 *
 * @internal
 */
import type * as Schema from "effect/Schema"
import { isObject } from "./json.ts"

/**
 * What is sent, without what belongs to this run alone: the mark of its process tree, blanked secrets, the trace that it
 * is part of, and who the program says it is.
 */
export const withoutRun = (json: Schema.Json): Schema.Json => {
  if (!isObject(json)) return json
  const { trace: _, ...message } = json
  const { params } = message
  if (!isObject(params)) return message
  const { clientInfo: __, ...others } = params
  const { config } = others
  if (!isObject(config) || !isObject(config["shell_environment_policy"])) return { ...message, params: others }
  const { shell_environment_policy: { set = {}, ...policy }, ...rest } = config
  const kept = isObject(set) ? Object.entries(set).filter(([name, value]) => !isOfRun(name, value)) : []
  const left = kept.length === 0 ? policy : { ...policy, set: Object.fromEntries(kept) }
  return {
    ...message,
    params: {
      ...others,
      config: Object.keys(left).length === 0 ? rest : { ...rest, shell_environment_policy: left }
    }
  }
}

/** As {@link withoutRun}, of the flags of a command. */
export const argsWithoutRun = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.filter((arg, index) => {
    const config = arg === "--config" ? args[index + 1] : args[index - 1] === "--config" ? arg : ""
    const [, name, value] = /^shell_environment_policy\.set\.(\w+)="(.*)"$/s.exec(config ?? "") ?? []
    return name === undefined || !isOfRun(name, value)
  })

/** What `NodeProcessGuard` tells a process tree by. */
export const mark = "EFFECT_CODEX_TREE"

const isOfRun = (name: string, value: unknown): boolean => value === "" || name === mark
