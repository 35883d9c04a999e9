// SPDX-License-Identifier: Apache-2.0
// From a container's words to its sandbox: which root, what lies where in it, which namespaces. Nothing is
// made here but the directories that the container itself may write to.
import { normalize, relative } from 'node:path'
import type { Container } from '../../../kube/types.gen.ts'
import type { ContainerMount, ContainerStart } from '../../../runtime/container-runtime.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { FileTree } from './file-tree.ts'
import { called } from './mount-failure.ts'
import { placeMount } from './mount-points.ts'
import { RootBuilder, RootError } from './root-builder.ts'
import { memoryDir, sealedDir } from './root-node.ts'
import type { BindNode, DirNode, MountLabel } from './root-node.ts'

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
 * Puts the container's mounts into its root, outer ones first. Throws a VkError with CreateContainerError for
 * one that cannot be there: nothing has run, and no restart makes it right.
 */
export function addMounts(
  builder: RootBuilder,
  { mounts, spec }: Pick<ContainerStart, 'mounts' | 'spec'>,
  rules: MountRules,
): void {
  const depth = ({ mountPath }: ContainerMount): number => mountPath.split('/').length
  const ordered = mounts
    .map((mount) => ({ ...mount, mountPath: normalize(mount.mountPath) }))
    .sort((a, b) => depth(a) - depth(b))
  for (const mount of ordered) {
    try {
      const isDirectory = mount.kind !== 'file'
      const point = { mountPath: mount.mountPath, node: nodeOf(mount, rules), isDirectory }
      placeMount(builder, point, rules.trusted)
    } catch (error) {
      const isTerminationMessage = isMessageOf(spec, mount)
      throw new VkError('Invalid', mountRefusal({ ...mount, isTerminationMessage }, error), {
        podReason: 'CreateContainerError',
        cause: error,
      })
    }
  }
}

/** Says why a mount cannot be where it should. */
export function mountRefusal(
  mount: MountLabel & { readonly isTerminationMessage: boolean },
  error: unknown,
): string {
  const why = error instanceof RootError ? error.message : 'the directory cannot be listed'
  const what = mount.isTerminationMessage
    ? `use terminationMessagePath ${JSON.stringify(mount.mountPath)}`
    : `mount ${called(mount)}`
  return `Cannot ${what}: ${why}`
}

/** The core's own mounts have no volume. */
function isMessageOf({ terminationMessagePath }: Container, mount: ContainerMount): boolean {
  if (mount.name !== '' || !terminationMessagePath) return false
  return normalize(terminationMessagePath) === mount.mountPath
}

function nodeOf(
  mount: ContainerMount,
  { tree, protectedDir, shared }: Omit<MountRules, 'trusted'>,
): DirNode {
  const { name, mountPath } = mount
  const label = { name, mountPath }
  if (mount.kind === 'tmpfs') return { ...memoryDir(0o777, mount.sizeBytes), mount: label }
  const source = mount.hostPath
  const node: BindNode = {
    kind: 'bind',
    source,
    isReadOnly: mount.isReadOnly,
    isShared: shared.has(mount.name),
    hasDevices: tree.entry(source)?.kind === 'device',
    mount: label,
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
