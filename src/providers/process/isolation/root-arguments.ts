// SPDX-License-Identifier: Apache-2.0
// A planned root in bubblewrap's words: parents before what lies in them, and each directory in memory
// made read-only when it is complete.
import type { BindNode, DirNode, MadeNode, RootNode } from './root-node.ts'

/** Options of bwrap that make this root. */
export function rootArguments(root: DirNode): readonly string[] {
  const words = [...childrenArguments(root, '')]
  const isWritable = root.kind === 'made' && root.isWritable === true
  return [...bindOfRoot(root), ...words, ...(isWritable ? [] : ['--remount-ro', '/'])]
}

function bindOfRoot(root: DirNode): readonly string[] {
  return root.kind === 'bind' ? bindArguments(root, '/') : []
}

function* childrenArguments(parent: DirNode, at: string): Generator<string> {
  for (const [name, node] of parent.children) yield* nodeArguments(node, `${at}/${name}`)
}

function* nodeArguments(node: RootNode, path: string): Generator<string> {
  switch (node.kind) {
    case 'link':
      yield* ['--symlink', node.target, path]
      return
    case 'bind':
      yield* bindArguments(node, path)
      yield* childrenArguments(node, path)
      return
    case 'made':
      yield* madeArguments(node, path)
      yield* childrenArguments(node, path)
      if (node.isMount && !node.isWritable) yield* ['--remount-ro', path]
      return
    case 'through':
      yield* childrenArguments(node, path)
      return
    case 'proc':
    case 'dev':
    case 'mqueue':
      yield* [`--${node.kind}`, path]
      yield* childrenArguments(node, path)
  }
}

function bindArguments(
  { source, isReadOnly, hasDevices, isOptional }: BindNode,
  path: string,
): readonly string[] {
  const attempt = isOptional ? '-try' : ''
  // A device in a read-only mount works like any; bwrap would take its use away instead.
  if (hasDevices) return [`--dev-bind${attempt}`, source, path]
  return [`--${isReadOnly ? 'ro-' : ''}bind${attempt}`, source, path]
}

function madeArguments({ mode, isMount, sizeBytes }: MadeNode, path: string): readonly string[] {
  const perms = ['--perms', mode.toString(8).padStart(4, '0')]
  if (!isMount) return [...perms, '--dir', path]
  const size = sizeBytes === undefined ? [] : ['--size', String(sizeBytes)]
  return [...perms, ...size, '--tmpfs', path]
}
