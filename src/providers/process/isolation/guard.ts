// SPDX-License-Identifier: Apache-2.0
// A guard around bwrap where one of its sources lies inside of a volume that others write to: whoever can
// exchange a directory for a link there must not lead it, with its rights, to what is none of theirs. The
// guard is another bwrap, in which there is nothing but what the container may see anyway and its volumes.
import { relative } from 'node:path'
import { isPathWithin } from '../../../util/path-within.ts'
import { hiddenDirs } from './host-root.ts'
import type { FileTree } from './file-tree.ts'
import type { DirNode, RootNode } from './root-node.ts'

/** The guard's own words, and the root as it is to be made inside. */
export interface Guarded {
  readonly words: readonly string[]
  readonly root: DirNode
}

export interface GuardOptions {
  readonly tree: FileTree
  /** Directories on the host that nobody can exchange: whole volumes, or what they lie in. */
  readonly volumeDirs: readonly string[]
  readonly protectedDir: string
  /** False: the inner bwrap makes a user namespace, and says in /proc who is who in it. */
  readonly isRoot: boolean
}

const hostReadOnly = ['--ro-bind', '/', '/', '--dev-bind', '/dev', '/dev']

/** Where volumes lie inside; containers see nothing of it. */
const stage = '/tmp'

/** Puts everything that the guard hides and the root needs into the stage. */
export function guardRoot(root: DirNode, options: GuardOptions): Guarded {
  const { tree, protectedDir } = options
  const covered = ['/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue', ...hiddenDirs].filter(
    (dir) => tree.entry(dir)?.kind === 'dir',
  )
  const isCovered = (path: string): boolean =>
    [...covered, protectedDir].some((dir) => isPathWithin(path, dir))
  const staged = new Map<string, string>()
  const sourceOf = (source: string): string => {
    const volume = options.volumeDirs.find((dir) => isPathWithin(source, dir))
    const base = volume ?? (isCovered(source) ? source : undefined)
    if (base === undefined) return source
    const place = staged.get(base) ?? `${stage}/${staged.size}`
    staged.set(base, place)
    const below = relative(base, source)
    return below === '' ? place : `${place}/${below}`
  }
  const inside = restage(root, sourceOf)
  const isApart =
    tree.entry(protectedDir)?.kind === 'dir' &&
    !covered.some((dir) => isPathWithin(protectedDir, dir))
  const hidden = [...covered, ...(isApart ? [protectedDir] : [])]
  return {
    root: inside,
    words: [
      ...hostReadOnly,
      ...(options.isRoot ? [] : ['--bind', '/proc', '/proc']),
      ...hidden.flatMap((dir) => ['--tmpfs', dir]),
      ...[...staged].flatMap(([base, place]) => ['--bind', base, place]),
    ],
  }
}

/**
 * What of the host nobody can exchange, of a volume's directory: of one below an allowed prefix that is the prefix,
 * for pods that may write to another part of it can put a link in the volume's place, long after it was looked at.
 */
export function anchorOf(
  volumeDir: string,
  { prefixes, protectedDir, tree }: Pick<GuardOptions, 'protectedDir' | 'tree'> & AnchorOptions,
): string {
  // Devices work only where they are.
  if (tree.entry(volumeDir)?.kind === 'device') return volumeDir
  const above = prefixes
    .map((prefix) => tree.real(prefix) ?? prefix)
    .filter((prefix) => isPathWithin(volumeDir, prefix) && !isPathWithin(protectedDir, prefix))
  return above.sort((a, b) => a.length - b.length)[0] ?? volumeDir
}

interface AnchorOptions {
  /** Below which pods may name paths of the host. */
  readonly prefixes: readonly string[]
}

function restage(node: DirNode, sourceOf: (source: string) => string): DirNode {
  const children = new Map<string, RootNode>()
  for (const [name, child] of node.children) {
    children.set(name, child.kind === 'link' ? child : restage(child, sourceOf))
  }
  return node.kind === 'bind'
    ? { ...node, source: sourceOf(node.source), children }
    : { ...node, children }
}
