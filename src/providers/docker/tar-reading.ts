// SPDX-License-Identifier: Apache-2.0
// Reads what a tar archive of an engine names, not what is in its files: POSIX ustar, with the long names of
// PAX and of GNU.

/** One entry; `path` as the archive has it, without a slash at its end. */
export interface TarListing {
  readonly path: string
  readonly linkTo?: string
}

const blockBytes = 512
const long = { path: '', link: '' }

/** The entries, in order; stops at the end mark, or where the archive was cut off. */
export function listTar(archive: Buffer): readonly TarListing[] {
  const entries: TarListing[] = []
  let next = { ...long }
  for (let at = 0; at + blockBytes <= archive.length;) {
    const header = archive.subarray(at, at + blockBytes)
    if (header[0] === 0) break
    const size = Number.parseInt(textOf(header, 124, 12).trim() || '0', 8)
    const content = archive.subarray(at + blockBytes, at + blockBytes + size)
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes
    const type = String.fromCharCode(header[156] ?? 0)
    if (type === 'x') next = { ...next, ...paxNames(content) }
    else if (type === 'L') next.path = textOf(content, 0, size)
    else if (type === 'K') next.link = textOf(content, 0, size)
    else if (type !== 'g') {
      entries.push(listingOf(header, { type, next }))
      next = { ...long }
    }
  }
  return entries
}

function listingOf(
  header: Buffer,
  { type, next }: { readonly type: string; readonly next: typeof long },
): TarListing {
  const [name, prefix] = [textOf(header, 0, 100), textOf(header, 345, 155)]
  const short = prefix === '' ? name : `${prefix}/${name}`
  const path = (next.path || short).replace(/\/+$/, '')
  return type === '2' ? { path, linkTo: next.link || textOf(header, 157, 100) } : { path }
}

/** Records are `<length> <key>=<value>\n`; the length counts bytes, of itself too. */
function paxNames(content: Buffer): Partial<typeof long> {
  const names: { path?: string; link?: string } = {}
  for (let at = 0; at < content.length;) {
    const blank = content.indexOf(0x20, at)
    const length = Number(content.toString('latin1', at, blank))
    if (blank === -1 || !Number.isInteger(length) || length <= 0) break
    const [key, ...value] = content.toString('utf8', blank + 1, at + length - 1).split('=')
    if (key === 'path') names.path = value.join('=')
    if (key === 'linkpath') names.link = value.join('=')
    at += length
  }
  return names
}

function textOf(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? field.length : end)
}
