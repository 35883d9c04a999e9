// SPDX-License-Identifier: Apache-2.0
// The sandbox of one start: its root with the pod's mounts in it, and on the host's disk the directories
// that are the container's alone, which go with it.
import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import type { ProcessConfig } from '../process-config.ts'
import type { ProcessMark } from '../process-identity.ts'
import type { RunUser } from '../users.ts'
import type { Sandbox } from './sandbox.ts'
import { placeFor } from './calls/caller.ts'
import type { Caller } from './calls/caller-file.ts'
import { hasCalls } from './calls/sandbox-calls.ts'
import { containerCapabilities } from './capability-set.ts'
import { hostTree, rememberingTree } from './file-tree.ts'
import type { FileTree } from './file-tree.ts'
import { hostRoot, imageRootOf, isHidden } from './host-root.ts'
import type { ScratchDirs } from './host-root.ts'
import { anchorOf, guardRoot } from './guard.ts'
import type { Guarded } from './guard.ts'
import { addMounts, needsGuard } from './plan-sandbox.ts'
import type { PodMemory } from './pod-memory.ts'
import { namespacesOf } from './pod-namespaces.ts'
import type { Namespaces, Peer } from './pod-namespaces.ts'
import type { RootBuilder } from './root-builder.ts'
import { readOnlyBind } from './root-node.ts'
import type { DirNode } from './root-node.ts'
import type { FilterFiles } from './seccomp/filter-store.ts'
import { sharedVolumes } from './shared-volumes.ts'
import type { ToolKit } from './tool-kit.ts'
import { kitDir, trustedFor } from './trusted-files.ts'

export interface SandboxPlaces {
  readonly config: ProcessConfig
  /** --root-dir, which no container sees. */
  readonly protectedDir: string
  readonly isRoot: boolean
  /** See trusted-files.ts. */
  readonly trusted: readonly string[]
  /** For a root that is not the host's. */
  readonly kit: ToolKit | undefined
  /** Node.js hands the variables on, wherever on the host it is; see node-program.ts. */
  readonly needsNode: boolean
  /** Directory of the image; undefined: it is the host. */
  readonly imageRoot: string | undefined
  readonly peers: readonly Peer[]
  /** See pod-holders.ts. */
  readonly holder: ProcessMark | undefined
  /** Where the pod's containers have the memory that they share; undefined: each its own. */
  readonly memoryDir: string | undefined
  /** Undefined: the container may make any system call. */
  readonly filter: FilterFiles | undefined
  /** Undefined: bubblewrap makes all roots. */
  readonly caller: Caller | undefined
}

/** Who the container runs as, and where that user is at home on the host. */
export interface SandboxUser {
  readonly user: RunUser
  readonly home: string
}

/** A sandbox that can be made, and what of the host its paths are. */
export interface PreparedSandbox {
  readonly sandbox: Sandbox
  readonly builder: RootBuilder
}

/** Directory, below a container's own, of what only that run of it may write to. */
export function scratchDir(attemptDir: string): string {
  return join(attemptDir, 'scratch')
}

/** Of directories in which everybody may write, and nobody may remove what is another's. */
const openMode = 0o1777

const starterPath = `${kitDir}/filter`

/** Makes the container's own directories and plans everything else. */
export async function prepareSandbox(
  start: ContainerStart,
  owner: SandboxUser,
  places: SandboxPlaces,
): Promise<PreparedSandbox> {
  const { config, isRoot, imageRoot, filter } = places
  const tree = rememberingTree(hostTree)
  const protectedDir = tree.real(places.protectedDir) ?? places.protectedDir
  const { network } = config
  const namespaces = namespacesOf(start, { ...places, network, canJoin: isRoot })
  const scratch = await scratchFor(start, owner)
  const shared = sharedVolumes(start.pod, start.spec)
  const view = { tree, protectedDir, shared, scratch, namespaces, user: owner.user }
  const builder = rootFor(start, view, places)
  const trusted = trustedFor({ ...places, image: imageRoot ?? 'host' })
  addMounts(builder, start, { tree, protectedDir, shared, trusted })
  const guarded = guardFor(builder.root, { start, view, places })
  const sandbox: Sandbox = {
    ...namespaces,
    hasKit: imageRoot !== undefined,
    root: guarded?.root ?? builder.root,
    guard: guarded?.words,
    memory: podMemory(places),
    capabilities: isRoot
      ? containerCapabilities(start.spec, config.allowedCapabilities)
      : undefined,
    filter: filter && { ...filter, starter: starterPath },
    openDirs: scratch ? [scratch.tmp, scratch.varTmp] : [],
    calls: undefined,
  }
  const calls = callsFor(sandbox, places)
  if (!calls) await Promise.all(sandbox.openDirs.map((dir) => chmod(dir, openMode)))
  return { sandbox: { ...sandbox, calls }, builder }
}

/** What is known of one start before its root is planned. */
interface StartView {
  readonly tree: FileTree
  /** Free of links. */
  readonly protectedDir: string
  /** Volumes that others can change meanwhile. */
  readonly shared: ReadonlySet<string>
  readonly scratch: ScratchDirs | undefined
  readonly namespaces: Namespaces
  readonly user: RunUser
}

/** The root before the pod's mounts are in it. */
function rootFor({ spec }: ContainerStart, view: StartView, places: SandboxPlaces): RootBuilder {
  const { config, isRoot, imageRoot, filter, kit } = places
  const { tree, protectedDir, scratch, namespaces, user } = view
  const system = {
    hasTerminals: isRoot || spec.tty === true,
    hasOwnProc: isRoot || namespaces.hasOwnProcesses,
    sharedMemory: places.memoryDir,
    isRootUser: user.uid === 0,
  }
  const node = places.needsNode ? [process.execPath] : []
  const visible = [...config.imagePath, ...config.visibleHostPaths, ...node]
  const builder =
    imageRoot === undefined
      ? hostRoot({ tree, scratch, system, visible, protectedDir })
      : imageRootOf({ tree, scratch, system, imageRoot, kit })
  if (filter) builder.put(starterPath, readOnlyBind(filter.starter))
  return builder
}

/** Undefined: no mount needs one. */
function guardFor(
  root: DirNode,
  of: { readonly start: ContainerStart; readonly view: StartView; readonly places: SandboxPlaces },
): Guarded | undefined {
  const { mounts, volumeDirs } = of.start
  const { tree, protectedDir, shared } = of.view
  const { config, isRoot } = of.places
  const anchoring = { tree, protectedDir, prefixes: config.hostPathPrefixes }
  const anchors = new Map([...volumeDirs].map(([name, dir]) => [name, anchorOf(dir, anchoring)]))
  if (!needsGuard({ mounts, volumeDirs: anchors }, shared)) return undefined
  const anchored = [...new Set(anchors.values())]
  return guardRoot(root, { tree, volumeDirs: anchored, protectedDir, isRoot })
}

/** What needs Node.js for its variables has no shell to fall back to. */
function callsFor(sandbox: Sandbox, { caller, needsNode }: SandboxPlaces): Sandbox['calls'] {
  if (!caller || needsNode || !hasCalls(sandbox)) return undefined
  const at = placeFor(sandbox.root, sandbox.memory?.dir)
  return at === undefined ? undefined : { caller, at }
}

function podMemory({ memoryDir, peers }: SandboxPlaces): PodMemory | undefined {
  if (memoryDir === undefined) return undefined
  const holders = peers.map(({ memoryHolder }) => memoryHolder)
  return { dir: memoryDir, heldBy: holders.find((one) => one !== undefined) }
}

/** Undefined: the container has nothing to write to. */
async function scratchFor(
  { attemptDir, spec }: ContainerStart,
  { user, home }: SandboxUser,
): Promise<ScratchDirs | undefined> {
  if (spec.securityContext?.readOnlyRootFilesystem === true) return undefined
  const dir = scratchDir(attemptDir)
  const [tmp, varTmp, own] = [join(dir, 'tmp'), join(dir, 'var-tmp'), join(dir, 'home')]
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await Promise.all([tmp, varTmp].map((path) => mkdir(path, { recursive: true, mode: 0o700 })))
  if (!isHidden(home)) return { tmp, varTmp }
  await mkdir(own, { recursive: true, mode: 0o700 })
  if (user.uid !== process.getuid?.()) await chown(own, user.uid, user.gid)
  return { tmp, varTmp, home: { path: home, source: own } }
}
