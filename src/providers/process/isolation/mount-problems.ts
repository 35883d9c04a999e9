// SPDX-License-Identifier: Apache-2.0
// What of a container's mounts could not be where the pod wants it, told without a start: the same root is
// planned, with volumes that are empty. Nothing is made.
import { normalize } from 'node:path'
import type { Container, Pod, Volume, VolumeMount } from '../../../kube/types.gen.ts'
import type { PodProblem } from '../../../provider/provider.ts'
import type { FileTree } from './file-tree.ts'
import { hostRoot, imageRootOf } from './host-root.ts'
import { placeMount } from './mount-points.ts'
import { mountRefusal } from './plan-sandbox.ts'
import type { RootBuilder } from './root-builder.ts'
import { readOnlyBind } from './root-node.ts'
import type { BindNode } from './root-node.ts'
import { sharedVolumes } from './shared-volumes.ts'
import { trustedFor } from './trusted-files.ts'

export interface ProblemPlaces {
  readonly tree: FileTree
  readonly isRoot: boolean
  /** What of the host must stay in place; see trusted-files.ts. */
  readonly trusted: readonly string[]
  /** Further paths of the host that containers see. */
  readonly visible: readonly string[]
  /** The image is the host, a directory, or one that is not unpacked. */
  readonly image: 'host' | 'unknown' | { readonly dir: string }
}

/** Stands for volumes and for images that are not unpacked: a directory with nothing in it. */
const emptyPath = '/.virtual-kubelet-empty'

interface Wish {
  readonly field: string
  /** Of the volume; empty where there is none. */
  readonly name: string
  readonly mountPath: string
  readonly isTerminationMessage: boolean
  readonly isReadOnly: boolean
  readonly isShared: boolean
  /** Undefined: only the start shows it. */
  readonly isDirectory: boolean | undefined
}

/** Every mount of the container that is refused; `at` is its field, such as `spec.containers[0]`. */
export function mountProblems(
  { pod, spec, at }: { readonly pod: Pod; readonly spec: Container; readonly at: string },
  places: ProblemPlaces,
): readonly PodProblem[] {
  const tree = withEmptyDir(places.tree)
  const builder = rootOf(spec, { ...places, tree })
  const trusted = trustedFor(places)
  const depth = ({ mountPath }: Wish): number => mountPath.split('/').length
  const wishes = [...wishesOf(pod, spec, tree)].sort((a, b) => depth(a) - depth(b))
  return wishes.flatMap((wish) => {
    const { mountPath, isReadOnly, isShared } = wish
    try {
      const isDirectory = wish.isDirectory ?? builder.find(mountPath)?.kind !== 'file'
      const dir: BindNode = { ...readOnlyBind(emptyPath), isReadOnly, isShared }
      const node = isDirectory ? dir : readOnlyBind('/dev/null')
      placeMount(builder, { mountPath, node, isDirectory }, trusted)
      return []
    } catch (error) {
      return [{ field: `${at}.${wish.field}`, why: mountRefusal(wish, error) }]
    }
  })
}

function rootOf(
  spec: Container,
  { tree, isRoot, visible, image }: Omit<ProblemPlaces, 'trusted'>,
): RootBuilder {
  const isReadOnly = spec.securityContext?.readOnlyRootFilesystem === true
  const base = {
    tree,
    scratch: isReadOnly ? undefined : { tmp: emptyPath, varTmp: emptyPath },
    system: {
      hasTerminals: isRoot || spec.tty === true,
      hasOwnProc: true,
      sharedMemory: undefined,
      isRootUser: false,
    },
  }
  if (image === 'host') return hostRoot({ ...base, visible, protectedDir: emptyPath })
  const kit = { programs: new Map(), loader: '/dev/null', libraries: [] }
  return imageRootOf({ ...base, imageRoot: image === 'unknown' ? emptyPath : image.dir, kit })
}

function* wishesOf(pod: Pod, spec: Container, tree: FileTree): Generator<Wish> {
  const { volumeMounts = [], terminationMessagePath } = spec
  const shared = sharedVolumes(pod, spec)
  const volumes = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume]))
  const taken = new Set<string>()
  for (const [index, mount] of volumeMounts.entries()) {
    const volume = volumes.get(mount.name)
    const mountPath = normalize(`/${mount.mountPath}`)
    taken.add(normalize(`${mountPath}/`))
    yield {
      field: `volumeMounts[${index}].mountPath`,
      name: mount.name,
      mountPath,
      isTerminationMessage: false,
      isReadOnly: mount.readOnly === true || isWrittenByUs(volume),
      isShared: shared.has(mount.name),
      isDirectory: isDirectory(mount, { volume, tree }),
    }
  }
  if (!terminationMessagePath || taken.has(normalize(`/${terminationMessagePath}/`))) return
  yield {
    field: 'terminationMessagePath',
    name: '',
    mountPath: normalize(`/${terminationMessagePath}`),
    isTerminationMessage: true,
    isReadOnly: false,
    isShared: false,
    isDirectory: false,
  }
}

function isDirectory(
  { subPath, subPathExpr }: VolumeMount,
  { volume, tree }: { readonly volume: Volume | undefined; readonly tree: FileTree },
): boolean | undefined {
  if (subPath || subPathExpr) return undefined
  const { hostPath } = volume ?? {}
  if (!hostPath) return true
  const real = tree.real(hostPath.path)
  if (real !== undefined) return tree.entry(real)?.kind === 'dir'
  return hostPath.type?.startsWith('Directory') ? true : hostPath.type ? false : undefined
}

function isWrittenByUs(volume: Volume | undefined): boolean {
  const { configMap, secret, projected, downwardAPI, image } = volume ?? {}
  return Boolean(configMap ?? secret ?? projected ?? downwardAPI ?? image)
}

function withEmptyDir(tree: FileTree): FileTree {
  return {
    ...tree,
    entry: (path) => (path === emptyPath ? { kind: 'dir', mode: 0o755 } : tree.entry(path)),
    names: (path) => (path === emptyPath ? [] : tree.names(path)),
  }
}
