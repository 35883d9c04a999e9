// SPDX-License-Identifier: Apache-2.0
// What a root is planned from: a look at files of the host that follows no link and changes nothing.
import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/** One entry of the host's tree; `device` covers character and block devices. */
export interface TreeEntry {
  readonly kind: 'file' | 'dir' | 'link' | 'device'
  /** Permission bits. */
  readonly mode: number
}

/** Looks at a tree of files. Paths are absolute. */
export interface FileTree {
  /** Undefined: nothing there, or not for us to see. */
  entry(path: string): TreeEntry | undefined
  /** Where a link leads, as it is written. */
  target(path: string): string
  /** The path without links; undefined where it leads nowhere. */
  real(path: string): string | undefined
  /** Names in a directory; throws where they cannot be listed. */
  names(path: string): readonly string[]
}

/** This machine's files. */
export const hostTree: FileTree = {
  entry(path) {
    try {
      // Without an error for each of the many that are not there.
      const found = lstatSync(path, { throwIfNoEntry: false })
      if (!found) return undefined
      const kind = found.isSymbolicLink()
        ? 'link'
        : found.isDirectory()
          ? 'dir'
          : found.isCharacterDevice() || found.isBlockDevice()
            ? 'device'
            : 'file'
      return { kind, mode: found.mode & 0o7777 }
    } catch {
      // Missing and forbidden are the same to a plan: it cannot build on it.
      return undefined
    }
  },
  target: (path) => readlinkSync(path),
  real(path) {
    try {
      return realpathSync(path)
    } catch {
      // As with entries: missing or forbidden.
      return undefined
    }
  },
  names: (path) => readdirSync(path),
}

/** The same tree, looking at each path once: for one plan, which is of one moment. */
export function rememberingTree(tree: FileTree): FileTree {
  const entries = new Map<string, TreeEntry | undefined>()
  return {
    ...tree,
    entry(path) {
      if (!entries.has(path)) entries.set(path, tree.entry(path))
      return entries.get(path)
    },
  }
}

/** `path` of a tree whose root lies at `base` on the host; `base` may be `/`. */
export function inside(base: string, path: string): string {
  return path === '/' ? base : join(base, path)
}
