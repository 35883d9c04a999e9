// SPDX-License-Identifier: Apache-2.0
// All that lies between a container's stage and its program, as one list of system calls: the processes that
// bubblewrap would leave, with the rights they would have; docs/decisions/0015-a-list-of-system-calls.md.
//   outer    the stage itself: joins the pod's namespaces, then waits for the first one and ends as it has ended
//   first    pid 1 of the new namespaces: makes the root, then buries whatever ends in there, without rights
//   program  gives up its rights, waits until the two above have given up theirs, takes its output, says that it
//            has started, and becomes the program
// What fails in any of them is so said before anything of the container has run, and the start fails by it.
import type { ProcessMark } from '../../process-identity.ts'
import type { RunUser } from '../../users.ts'
import type { Sandbox } from '../sandbox.ts'
import { memoryOptions } from '../pod-memory.ts'
import type { Call, CallList } from './call-list.ts'
import { callerName } from './caller-file.ts'
import { addRoot, here, mountFlags } from './mount-calls.ts'
import { addProgram, type LastProgram } from './program-calls.ts'
import { addRights, addUsersGroups, dropAll } from './rights-calls.ts'

/** What a list is made of. */
export interface SandboxCalls {
  readonly sandbox: Sandbox
  /** A directory of the host that the root shows nothing of: there it is made. */
  readonly at: string
  /** Undefined: who we are. */
  readonly user: RunUser | undefined
  /** Number of the last capability that the kernel knows. */
  readonly lastCapability: number
  readonly last: LastProgram
}

/** CLONE_* of linux/sched.h. */
const newMounts = 0x2_0000
const newProcesses = 0x2000_0000
const kinds = { uts: 0x400_0000, ipc: 0x800_0000, net: 0x4000_0000 } as const
const childSignal = 17
const closesOnExec = 0x8_0000
const defaultAction = Buffer.alloc(32)
const detached = 2
const largest = 0x7fff_ffff
const complaints = 2
/** The outer process, and an event that is counted: a read takes one. High enough to be nobody's. */
const [outside, bound] = [62, 63]
const [countsSingly, refusesToWait] = [1, 0x800]
const one = Buffer.alloc(8)
one.writeUInt8(1, 0)
/** An array of `struct pollfd` that awaits either of them. */
const either = Buffer.alloc(16)
for (const [index, descriptor] of [outside, bound].entries()) {
  const readable = 1
  either.writeInt32LE(descriptor, 8 * index)
  either.writeInt16LE(readable, 8 * index + 4)
}

/** Adds them to a list; what is not in them is left to bubblewrap, see `hasCalls`. */
export function addSandbox(list: CallList, what: SandboxCalls): void {
  const { sandbox } = what
  const outer = list.label()
  addOuter(list, sandbox)
  const self = list.add('pidfd_open', [list.add('getpid', [])])
  list.add('dup3', [self, outside, closesOnExec])
  const event = list.add('eventfd2', [0, closesOnExec | countsSingly | refusesToWait])
  list.add('dup3', [event, bound, closesOnExec])
  const { hostname, hasOwnIpc, hasOwnNetwork } = sandbox
  const flags =
    newMounts |
    newProcesses |
    (hostname === undefined ? 0 : kinds.uts) |
    (hasOwnIpc ? kinds.ipc : 0) |
    (hasOwnNetwork ? kinds.net : 0)
  const first = list.add('clone', [flags | childSignal], {
    complaint: 'cannot make namespaces',
    whenPositive: outer,
  })
  addFirst(list, what)
  list.place(outer)
  addWaiting(list, first, { who: 'the outer process' })
}

/** Can a list make it? Other processes' namespaces and a guard take bubblewrap. */
export function hasCalls({ hasOwnProcesses, guard, capabilities, root }: Sandbox): boolean {
  return hasOwnProcesses && !guard && capabilities !== undefined && root.kind === 'made'
}

function addOuter(list: CallList, { joins, memory, openDirs }: Sandbox): void {
  const [setName, noNewPrivileges] = [15, 38]
  list.add('prctl', [setName, callerName])
  list.add('prctl', [noNewPrivileges, 1], { complaint: 'cannot refuse new privileges' })
  // A shell's `&` ignores INT and QUIT.
  for (const signal of [2, 3]) list.add('rt_sigaction', [signal, defaultAction, 0, 8])
  list.add('setsid', [])
  list.add('umask', [0])
  for (const dir of openDirs) {
    list.add('fchmodat', [here, dir, 0o1777], { complaint: `cannot open "${dir}" to all` })
  }
  const holder = memory?.heldBy
  const held = [
    ...(joins?.kinds.map((kind) => hold(list, joins.inside, { kind, flag: kinds[kind] })) ?? []),
    ...(holder ? [hold(list, holder, { kind: 'mnt', flag: newMounts })] : []),
  ]
  // They are held: if the pids are still theirs, so are the namespaces.
  for (const mark of [joins?.inside, holder]) if (mark) addComparison(list, mark)
  for (const { descriptor, flag } of held) {
    list.add('setns', [descriptor, flag], { complaint: 'cannot join a namespace' })
  }
  if (!memory || holder) return
  list.add('unshare', [newMounts])
  addParting(list, 'slave')
  const { noSuid, noDevices } = mountFlags
  const words = ['virtual-kubelet', memory.dir, 'tmpfs', noSuid | noDevices, memoryOptions]
  list.add('mount', words, { complaint: 'cannot mount the memory of the pod' })
}

interface Held {
  readonly descriptor: Call
  readonly flag: number
}

/** What fails here for want of the process is known by its words; see `hasLostPeer`. */
function hold(
  list: CallList,
  { pid }: ProcessMark,
  { kind, flag }: { readonly kind: string; readonly flag: number },
): Held {
  const path = `/proc/${pid}/ns/${kind}`
  const complaint = `cannot open '${path}'`
  return { descriptor: list.add('openat', [here, path, closesOnExec], { complaint }), flag }
}

function addComparison(list: CallList, { pid, startTime }: ProcessMark): void {
  const complaint = `cannot open '/proc/${pid}/ns/': it has ended`
  const buffer = Buffer.alloc(1024)
  const file = list.add('openat', [here, `/proc/${pid}/stat`, closesOnExec], { complaint })
  const length = list.add('read', [file, buffer, buffer.length - 8], { complaint })
  list.compareStart(buffer, { length, startTime, complaint })
}

/**
 * Nothing that is mounted here goes to the host. What is mounted there later comes to where a pod's memory is held, and
 * so to its containers that start after that; in a container's root it would be without the attributes of its place.
 */
function addParting(list: CallList, propagation: 'slave' | 'private'): void {
  const flags = mountFlags.recursive | mountFlags[propagation]
  list.add('mount', [0, '/', 0, flags], { complaint: 'cannot part from the mounts of the host' })
}

function addFirst(list: CallList, what: SandboxCalls): void {
  const { sandbox, at, user } = what
  addParting(list, 'private')
  addRoot(list, sandbox.root, at)
  addEntry(list, at)
  const { hostname } = sandbox
  if (hostname !== undefined) list.add('sethostname', [hostname, Buffer.byteLength(hostname)])
  if (sandbox.hasOwnNetwork) addLoopback(list)
  addUsersGroups(list, user)
  list.add('umask', [0o022])
  const first = list.label()
  const program = list.add('clone', [childSignal], { whenPositive: first })
  list.add('setsid', [])
  addRights(list, { ...what, capabilities: sandbox.capabilities ?? [] })
  for (const _ of ['outer', 'first']) addBound(list)
  addProgram(list, what.last)
  list.place(first)
  addWaiting(list, program, { who: 'the first process', filter: sandbox.filter?.early })
}

/** Waits until one of them has given up its rights. An outer process that was killed never will; the first takes us along. */
function addBound(list: CallList): void {
  list.add('ppoll', [either, 2, 0, 0, 8])
  const complaint = 'what makes the sandbox has ended'
  list.add('read', [bound, Buffer.alloc(8), 8], { complaint })
}

/** The root becomes all that there is. */
function addEntry(list: CallList, at: string): void {
  const how = { complaint: 'cannot enter the root of the container' }
  list.add('chdir', [at], how)
  list.add('pivot_root', ['.', '.'], how)
  // The host's lies over it now.
  list.add('umount2', ['.', detached], how)
  list.add('chdir', ['/'], how)
}

/** Brought up, the loopback device has its addresses by itself. */
function addLoopback(list: CallList): void {
  const how = { complaint: 'cannot bring up the loopback device' }
  const [inet, datagram, setFlags, upAndRunning] = [2, 2, 0x8914, 0x41]
  const request = Buffer.alloc(40)
  request.write('lo', 'latin1')
  request.writeUInt16LE(upAndRunning, 16)
  list.add('ioctl', [list.add('socket', [inet, datagram], how), setFlags, request], how)
}

interface Waiting {
  /** For complaints. */
  readonly who: string
  readonly filter?: Uint8Array | undefined
}

/** Stays for a child, and ends as it ends, with nothing that is worth taking over. */
function addWaiting(list: CallList, child: Call, { who, filter }: Waiting): void {
  for (const [from, to] of [
    [0, complaints - 1],
    [complaints + 1, bound - 1],
    [bound + 1, largest],
  ] as const) {
    list.add('close_range', [from, to])
  }
  // First: who may take it over once it has no rights must not do so while it is without a filter.
  if (filter) {
    const complaint = `the filter of ${who} cannot be set`
    list.add('seccomp', [1, 0, { filter }], { complaint })
  }
  dropAll(list, who)
  list.add('write', [bound, one, one.length])
  for (const descriptor of [complaints, bound]) list.add('close', [descriptor])
  list.wait(child)
}
