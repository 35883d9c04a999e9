// SPDX-License-Identifier: Apache-2.0
// A planned root in system calls: what bubblewrap makes of the words of root-arguments.ts, without its look at the
// machine's whole table of mounts for each bind. Parents come before what lies in them, and each directory in
// memory is made read-only when it is complete.
import { existsSync, statSync } from 'node:fs'
import type { BindNode, DirNode, MadeNode, RootNode } from '../root-node.ts'
import type { CallList } from './call-list.ts'

/** Of mount(2) and linux/mount.h. */
export const mountFlags = {
  noSuid: 2,
  noDevices: 4,
  noExec: 8,
  bind: 0x1000,
  recursive: 0x4000,
  private: 0x4_0000,
  slave: 0x8_0000,
} as const

/** AT_* of fcntl.h. */
export const here = -100
const recursively = 0x8000

/** MOUNT_ATTR_*, which are the same numbers as those of mount(2). */
const readOnly = 1
const { noSuid, noDevices, noExec } = mountFlags
const tight = noSuid | noDevices

const fileType = 0o100_000
/** Of its own processes: what bubblewrap keeps from being written to, whoever the user is. */
const coveredPlaces = ['sys', 'sysrq-trigger', 'irq', 'bus']
const deviceNames = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
const deviceLinks = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  core: '/proc/kcore',
  ptmx: 'pts/ptmx',
}

/** Makes the root in the directory `at`, in a mount namespace of its own. */
export function addRoot(list: CallList, root: DirNode, at: string): void {
  addMemory(list, at, { mode: 0o755 })
  addChildren(list, root, { at })
  const isWritable = root.kind === 'made' && root.isWritable === true
  if (!isWritable) setAttributes(list, at, { flags: readOnly })
}

/** Paths of the host that are bound. */
export function sourcesOf(node: RootNode): readonly string[] {
  if (node.kind === 'link' || node.kind === 'proc') return []
  const below = [...node.children.values()].flatMap(sourcesOf)
  return node.kind === 'bind' ? [node.source, ...below] : below
}

interface Place {
  readonly at: string
  /** The container's /proc that it is in. */
  readonly proc?: string
}

function addChildren(list: CallList, { children }: DirNode, { at, proc }: Place): void {
  for (const [name, node] of children) {
    addNode(list, node, { at: `${at}/${name}`, ...(proc !== undefined && { proc }) })
  }
}

function addNode(list: CallList, node: RootNode, place: Place): void {
  const { at } = place
  switch (node.kind) {
    case 'link':
      list.add('symlinkat', [node.target, here, at], { complaint: `cannot make a link at "${at}"` })
      return
    case 'bind':
      addBind(list, node, place)
      break
    case 'made':
      addMade(list, node, at)
      break
    case 'proc':
      addProc(list, at)
      break
    case 'dev':
      addDevices(list, at)
      break
    case 'mqueue':
      addDir(list, at)
      mount(list, ['mqueue', at, 'mqueue', 0])
      break
    case 'through':
  }
  addChildren(list, node, node.kind === 'proc' ? { at, proc: at } : place)
  const isSealed = node.kind === 'made' && node.isMount === true && node.isWritable !== true
  if (isSealed) setAttributes(list, at, { flags: readOnly })
}

function addBind(list: CallList, node: BindNode, { at, proc }: Place): void {
  const { isReadOnly, hasDevices, isOptional = false } = node
  // Parts of a /proc are those of the container's own.
  const source = proc === undefined || !node.source.startsWith('/proc/') ? node.source : at
  if (source !== at) addTarget(list, source, at)
  const flags = hasDevices ? noSuid : isReadOnly ? tight | readOnly : tight
  bind(list, { source, at, flags, isOptional })
}

/** A directory or a file to mount on, unless there is one. */
function addTarget(list: CallList, source: string, at: string): void {
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() === true) addDir(list, at)
  else list.add('mknodat', [here, at, fileType | 0o444], { whenNegative: 'next' })
}

function addDir(list: CallList, at: string, mode = 0o755): void {
  list.add('mkdirat', [here, at, mode], { whenNegative: 'next' })
}

function bind(
  list: CallList,
  {
    source,
    at,
    flags,
    isOptional = false,
  }: {
    readonly source: string
    readonly at: string
    readonly flags: number
    readonly isOptional?: boolean
  },
): void {
  const after = list.label()
  const { bind: bound, recursive } = mountFlags
  mount(list, [source, at, 0, bound | recursive], isOptional ? { whenNegative: after } : {})
  setAttributes(list, at, { flags, isRecursive: true })
  list.place(after)
}

function addMade(list: CallList, { mode, isMount, sizeBytes }: MadeNode, at: string): void {
  if (isMount) addMemory(list, at, { mode, sizeBytes })
  else addDir(list, at, mode)
}

function addMemory(
  list: CallList,
  at: string,
  { mode, sizeBytes }: { readonly mode: number; readonly sizeBytes?: number | undefined },
): void {
  const size = sizeBytes === undefined ? '' : `,size=${sizeBytes}`
  addDir(list, at)
  mount(list, ['tmpfs', at, 'tmpfs', tight, `mode=${mode.toString(8)}${size}`])
}

/** In a new process namespace, of which it tells. */
function addProc(list: CallList, at: string): void {
  addDir(list, at)
  mount(list, ['proc', at, 'proc', tight | noExec])
  for (const name of coveredPlaces) {
    if (!existsSync(`/proc/${name}`)) continue
    const path = `${at}/${name}`
    bind(list, { source: path, at: path, flags: tight | readOnly })
  }
}

/** As bubblewrap makes one, with terminals of its own. */
function addDevices(list: CallList, at: string): void {
  addMemory(list, at, { mode: 0o755 })
  for (const name of deviceNames) {
    const path = `${at}/${name}`
    addTarget(list, `/dev/${name}`, path)
    bind(list, { source: `/dev/${name}`, at: path, flags: noSuid })
  }
  for (const [name, target] of Object.entries(deviceLinks)) {
    list.add('symlinkat', [target, here, `${at}/${name}`])
  }
  addDir(list, `${at}/shm`)
  addDir(list, `${at}/pts`)
  const options = 'newinstance,ptmxmode=0666,mode=620'
  mount(list, ['devpts', `${at}/pts`, 'devpts', noSuid | noExec, options])
}

function mount(
  list: CallList,
  args: readonly [source: string, at: string, type: string | 0, flags: number, options?: string],
  how: Pick<NonNullable<Parameters<CallList['add']>[2]>, 'whenNegative'> = {},
): void {
  list.add(
    'mount',
    args.filter((one) => one !== undefined),
    {
      complaint: `cannot mount "${args[0]}" at "${args[1]}"`,
      ...how,
    },
  )
}

interface Attributes {
  readonly flags: number
  readonly isRecursive?: boolean
}

/** Adds attributes to the mount at a path, and to those below it. */
function setAttributes(
  list: CallList,
  at: string,
  { flags, isRecursive = false }: Attributes,
): void {
  const attributes = attributeBytes(flags)
  const how = { complaint: `cannot set the attributes of the mount at "${at}"` }
  list.add(
    'mount_setattr',
    [here, at, isRecursive ? recursively : 0, attributes, attributes.length],
    how,
  )
}

/** A `struct mount_attr` that sets these, of which there is one each. */
function attributeBytes(flags: number): Uint8Array {
  const known = knownAttributes.get(flags)
  if (known) return known
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(flags, 0)
  knownAttributes.set(flags, bytes)
  return bytes
}

const knownAttributes = new Map<number, Uint8Array>()
