// SPDX-License-Identifier: Apache-2.0
// How a volume of the engine becomes what the core has laid out here, in the order of a kubelet: the new
// files in a folder of their own, then the link `..data` to it in one step, then what is old goes. Pure.
import { posix } from 'node:path'
import type { TarEntry } from '../tar-archive.ts'
import type { TarListing } from '../tar-reading.ts'

export const dataLink = '..data'
export const newDataLink = '..data_tmp'

/** What the core has laid out. */
export interface Generation {
  /** Of the folder that `..data` leads to. */
  readonly name: string
  /** The volume's own directory, then the folder and all below it; paths are the volume's. */
  readonly entries: readonly TarEntry[]
}

export interface VolumeUpdate {
  /** To upload, in this order; empty where the files are there already. */
  readonly upload: readonly TarEntry[]
  /** `..data_tmp` is to become `..data`. */
  readonly swaps: boolean
  /** To remove afterwards, what lies in a folder before it. */
  readonly remove: readonly string[]
}

/** `there` is what the volume holds, by paths below it. */
export function planUpdate(
  { name, entries }: Generation,
  there: readonly TarListing[],
): VolumeUpdate {
  const links = topNames(entries, name).map((top) => linkEntry(top, `${dataLink}/${top}`))
  const current = there.find(({ path }) => path === dataLink)?.linkTo
  const isThere = current === name
  const paths = new Set(there.map(({ path }) => path))
  const missing = links.filter(({ path }) => !paths.has(path))
  const kept = new Set([...entries, ...links].map(({ path }) => path.replace(/\/$/, '')))
  const old = there.map(({ path }) => path).filter((path) => !kept.has(path) && path !== dataLink)
  const swaps = !isThere && current !== undefined
  const data = linkEntry(swaps ? newDataLink : dataLink, name)
  return {
    upload: isThere ? missing : [...entries, data, ...missing],
    swaps,
    // One that an update of ours left half done is written anew, or goes.
    remove: old.filter((path) => !(swaps && path === newDataLink)).toSorted(deepestFirst),
  }
}

/** Names that containers see: each is a link through `..data`. */
function topNames(entries: readonly TarEntry[], generation: string): readonly string[] {
  const prefix = `${generation}/`
  const names = entries
    .filter(({ path }) => path.startsWith(prefix) && path !== prefix)
    .map(({ path }) => path.slice(prefix.length).split('/', 1)[0] ?? '')
  return [...new Set(names)]
}

function linkEntry(path: string, linkTo: string): TarEntry {
  return { path, mode: 0o777, linkTo }
}

function deepestFirst(one: string, other: string): number {
  return other.split(posix.sep).length - one.split(posix.sep).length
}
