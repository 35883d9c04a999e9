// SPDX-License-Identifier: Apache-2.0
// Writes tar archives (POSIX ustar), the form in which an engine takes images and files. Content that is the
// same gives the same bytes: no times, no names of users.

/** One entry. `path` is relative; directories come before what lies in them. */
export interface TarEntry {
  readonly path: string
  readonly mode: number
  readonly content?: Uint8Array
  /** A symbolic link to this, instead of a file. */
  readonly linkTo?: string
  readonly isDirectory?: boolean
  readonly uid?: number
  readonly gid?: number
}

const blockBytes = 512

/** The whole archive. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? [])
    const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)
    const names = [...longName('L', entry.path), ...longName('K', entry.linkTo ?? '')]
    return [...names, header(entry, content.length), content, padding]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)])
}

/** GNU's entry for a path, or a link's target, that does not fit the header; every engine knows it. */
function longName(type: 'L' | 'K', text: string): readonly Buffer[] {
  const bytes = Buffer.from(`${text}\0`)
  if (bytes.length <= 100) return []
  const padding = Buffer.alloc((blockBytes - (bytes.length % blockBytes)) % blockBytes)
  const entry = { path: '././@LongLink', mode: 0o644 }
  return [header(entry, bytes.length, type), bytes, padding]
}

function header(entry: TarEntry, size: number, type = typeOf(entry)): Buffer {
  const { path, mode, uid = 0, gid = 0, linkTo = '' } = entry
  const block = Buffer.alloc(blockBytes)
  block.write(path.slice(0, 100), 0)
  block.write(octal(mode, 8), 100)
  block.write(octal(uid, 8), 108)
  block.write(octal(gid, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(0, 12), 136)
  block.write('        ', 148)
  block.write(type, 156)
  block.write(linkTo.slice(0, 100), 157)
  block.write('ustar\u000000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function typeOf({ linkTo, isDirectory }: TarEntry): string {
  if (linkTo !== undefined) return '2'
  return isDirectory === true ? '5' : '0'
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}
