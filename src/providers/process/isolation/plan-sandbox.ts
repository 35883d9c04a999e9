// SPDX-License-Identifier: Apache-2.0
// From a container's words to its sandbox: which root, what lies where in it, which namespaces. Nothing is
// made here but the directories that the container itself may write to.
import { normalize, relative } from 'node:path'
import type { ContainerMount, ContainerStart } from '../../../runtime/container-runtime.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { FileTree } from './file-tree.ts'
import { RootBuilder, RootError } from './root-builder.ts'
import { memoryDir, sealedDir } from './root-node.ts'
import type { BindNode, DirNode } from './root-node.ts'
import { checkTrusted } from './trusted-files.ts'

export interface MountRules {
  readonly tree: FileTree
  /** Free of links. */
  readonly protectedDir: string
  /** Volumes that others can change meanwhile. */
  readonly shared: ReadonlySet<string>
  /** What must stay where it is; see trusted-files.ts. */
  readonly trusted: readonly string[]
}

/**
 * Puts the container's mounts into its root, outer ones first. Throws a VkError with RunContainerError for
 * one that cannot be there, as a container runtime would fail to start the container.
 */
export function addMounts(
  builder: RootBuilder,
  mounts: readonly ContainerMount[],
  rules: MountRules,
): void {
  const depth = ({ mountPath }: ContainerMount): number => mountPath.split('/').length
  const ordered = mounts
    .map((mount) => ({ ...mount, mountPath: normalize(mount.mountPath) }))
    .sort((a, b) => depth(a) - depth(b))
  for (const mount of ordered) addMount(builder, mount, rules)
}

function addMount(builder: RootBuilder, mount: ContainerMount, rules: MountRules): void {
  try {
    // bwrap reads its words from a file in which zeros part them.
    if (mount.mountPath.includes('\0')) throw new RootError('it holds a character that no path can')
    const path = builder.put(mount.mountPath, nodeOf(mount, rules))
    if (builder.isWithinShared(path)) {
      throw new RootError('it lies in a volume that others can write to')
    }
    checkTrusted(builder, path, rules.trusted)
  } catch (error) {
    const why = error instanceof RootError ? error.message : 'the directory cannot be listed'
    throw new VkError('Invalid', `Cannot mount at ${JSON.stringify(mount.mountPath)}: ${why}`, {
      podReason: 'RunContainerError',
      cause: error,
    })
  }
}

function nodeOf(
  mount: ContainerMount,
  { tree, protectedDir, shared }: Omit<MountRules, 'trusted'>,
): DirNode {
  if (mount.kind === 'tmpfs') return memoryDir(0o777, mount.sizeBytes)
  const source = mount.hostPath
  const node: BindNode = {
    kind: 'bind',
    source,
    isReadOnly: mount.isReadOnly,
    isShared: shared.has(mount.name),
    hasDevices: tree.entry(source)?.kind === 'device',
    children: new Map(),
  }
  // Sources are free of links, so what lies below one is told by its name.
  const below = relative(source, protectedDir)
  if (below !== '' && !below.startsWith('..')) {
    new RootBuilder(node, tree).put(`/${below}`, sealedDir())
  }
  return node
}

/** Does a mount lead into a volume, by a way that others can change meanwhile? */
export function needsGuard(
  { mounts, volumeDirs }: Pick<ContainerStart, 'mounts' | 'volumeDirs'>,
  shared: ReadonlySet<string>,
): boolean {
  return mounts.some(({ name, hostPath }) => shared.has(name) && volumeDirs.get(name) !== hostPath)
}
