/**
 * How one knows what differs from machine to machine and from run to run, and what is secret.
 *
 * @internal
 */

/** Every name that there is in a text. */
export const namePattern =
  /<(?:thread|turn|item|id|call|process|host|tree|workspace|temp|home|codex home|cwd|codex|port|hash|path [^<> ]+|secret|time)(?: \d+)?>/g

export const secret = "<secret>"

/** What a name stands for if it was not sent by the program: an id of the same form, or itself. */
export const standIn = (name: string): string => {
  const [, kind = "", number = ""] = /^<(thread|turn|item|id) (\d+)>$/.exec(name) ?? []
  const group = ["thread", "turn", "item", "id"].indexOf(kind)
  return group === -1 ? name : `00000000-0000-7000-800${group}-${number.padStart(12, "0")}`
}

/** Not the name of a variable that holds one. */
export const isSecretName = (name: string): boolean => secretName.test(name) && !/^env_|_env_var$/i.test(name)

const secretName =
  /secret|passw|api[-_]?key|_key$|private[-_]?key|bearer|credential|cookie|^authorization$|(?:^|_|[a-z](?=T))token$/i

export const kindOf = (key: string): string => {
  const kind = key.replace(/_?ids?$/i, "")
  if (/thread|session/i.test(kind)) return "thread"
  return /turn$/i.test(kind) ? "turn" : /item$/i.test(kind) ? "item" : "id"
}

/** `name = "value"`, in TOML. */
export const assignment = /([\w-]+)("?\s*=\s*)"(?:[^"\\]|\\.)*"/g

export const keyLike =
  /\b(?:sk-[\w-]{8,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16})|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?<=\bBearer )[\w.~+/=-]{8,}/g

export const temporary =
  /(?<![\w.-])(?:\/private)?\/(?:tmp|var\/tmp|var\/folders\/[^/\s"']+\/[^/\s"']+\/T)\/[^/\s"'`,;:()[\]{}<>]+/g

export const homes = /(?<![\w.-])\/(?:home|Users)\/[^/\s"'`,;:()[\]{}<>]+/g

export const rollout = /\d{4}\/\d{2}\/\d{2}\/rollout-\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}/g

export const uuid = /(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])/gi

export const modelId = /\b(?:msg|rs|resp|call|fc|ctc|ws|cmp|lsh)_[A-Za-z0-9]{16,}\b/g

export const hash = /\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b/g

export const loopback = /(\b127\.0\.0\.1:|\blocalhost:|\[::1\]:)(\d{2,5})\b/g

export const isoTime = /(?<!\d)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g
