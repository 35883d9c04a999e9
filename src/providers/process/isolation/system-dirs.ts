// SPDX-License-Identifier: Apache-2.0
// What the kernel has in every container: devices without those of the machine, processes, and no
// more of the machine's state than other container runtimes show.
import type { FileTree } from './file-tree.ts'
import { sharedMemoryBytes } from './pod-memory.ts'
import type { RootBuilder } from './root-builder.ts'
import { madeDir, memoryDir, readOnlyBind, sealedDir, writableBind } from './root-node.ts'
import type { BindNode, DirNode, RootNode } from './root-node.ts'

/** What of the kernel a container sees. */
export interface SystemOptions {
  /** Pseudo terminals of its own. */
  readonly hasTerminals: boolean
  /** A new /proc can be had; else the host's is shown, read-only. */
  readonly hasOwnProc: boolean
  /** It has root's user: none of the host's settings may be its to change. */
  readonly isRootUser: boolean
  /** Directory of the host that is /dev/shm; undefined: one in memory, of its own. */
  readonly sharedMemory: string | undefined
}

/** Masked by container runtimes, for it tells of the machine or of other containers. */
const maskedFiles = ['kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug']
const maskedDirs = ['acpi', 'asound', 'scsi']
/** Root needs no capability to write to most of these: one names a program that the host runs as root. */
const readOnlyPlaces = ['sys', 'sysrq-trigger', 'fs']
const deviceNames = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

/** Adds /dev, /proc and /sys. */
export function addSystem(
  builder: RootBuilder,
  { tree, options }: { readonly tree: FileTree; readonly options: SystemOptions },
): void {
  builder.put('/proc', options.hasOwnProc ? procDir(tree, options) : readOnlyBind('/proc'))
  const devices = options.hasTerminals ? deviceDir() : plainDeviceDir()
  const { sharedMemory } = options
  devices.children.set(
    'shm',
    sharedMemory === undefined ? memoryDir(0o1777, sharedMemoryBytes) : writableBind(sharedMemory),
  )
  builder.put('/dev', devices)
  builder.put('/sys', readOnlyBind('/sys'))
  if (tree.entry('/sys/firmware')) builder.put('/sys/firmware', sealedDir())
}

function procDir(tree: FileTree, { isRootUser }: SystemOptions): DirNode {
  const isThere = (name: string): boolean => tree.entry(`/proc/${name}`) !== undefined
  const children = new Map<string, RootNode>()
  for (const name of maskedFiles.filter(isThere)) children.set(name, readOnlyBind('/dev/null'))
  for (const name of maskedDirs.filter(isThere)) children.set(name, sealedDir())
  for (const name of isRootUser ? readOnlyPlaces.filter(isThere) : []) {
    children.set(name, readOnlyBind(`/proc/${name}`))
  }
  return { kind: 'proc', children }
}

function deviceDir(): DirNode {
  return { kind: 'dev', children: new Map<string, RootNode>([['mqueue', mqueue()]]) }
}

/** The same without terminals, which take a second user namespace that nobody could enter any more. */
function plainDeviceDir(): DirNode {
  const children = new Map<string, RootNode>(deviceNames.map((name) => [name, device(name)]))
  const links = { fd: '/proc/self/fd', stdin: 'fd/0', stdout: 'fd/1', stderr: 'fd/2' }
  for (const [name, target] of Object.entries(links)) children.set(name, { kind: 'link', target })
  children.set('mqueue', mqueue())
  return { ...madeDir(), isMount: true, isWritable: true, children }
}

function device(name: string): BindNode {
  return { ...writableBind(`/dev/${name}`), hasDevices: true }
}

function mqueue(): DirNode {
  return { kind: 'mqueue', children: new Map() }
}
