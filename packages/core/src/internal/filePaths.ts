/**
 * Paths of files as text: those of another machine, too.
 *
 * @internal
 */

/** Whether a path is one from the root on, and says what it means. */
export const isAbsolute = (path: string): boolean => partsOf(path) !== undefined

/** Whether `path` is `folder` or below it. A path that is not absolute is nowhere. */
export const isInside = (
  folder: string,
  path: string,
  options?: { readonly ignoreCase?: boolean | undefined }
): boolean => {
  const plain = (part: string) => options?.ignoreCase === true ? part.normalize("NFC").toLowerCase() : part
  const [outer, inner] = [partsOf(folder), partsOf(path)]
  return outer !== undefined && inner !== undefined &&
    outer.every((part, index) => plain(part) === plain(inner[index] ?? ""))
}

const drive = /^[A-Za-z]:(?=[\\/])/

const partsOf = (path: string): ReadonlyArray<string> | undefined => {
  if (path.includes("\0")) return undefined
  const disk = drive.exec(path)?.[0]
  if (disk === undefined && !path.startsWith("/")) return undefined
  const parts: Array<string> = []
  for (const part of disk === undefined ? path.split("/") : path.slice(disk.length).split(/[\\/]/)) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") {
      // Windows leaves these ends away, and takes what follows a colon for a part of the file.
      if (disk !== undefined && /[. ]$|:/.test(part)) return undefined
      parts.push(part)
    }
  }
  return [disk?.toLowerCase() ?? "/", ...parts]
}
