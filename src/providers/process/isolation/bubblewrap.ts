// SPDX-License-Identifier: Apache-2.0
// bubblewrap's command line, and whether it works here at all. It gives no program a root of its own
// without the rights to: user namespaces for ordinary users, or root that may make mounts.
import type { StdioOptions } from 'node:child_process'
import { UserError } from '../../../util/vk-error.ts'
import type { HostTools } from '../host-tools.ts'
import type { ProcessConfig } from '../process-config.ts'
import type { ProcessMark } from '../process-identity.ts'
import { makeMemory } from './pod-memory.ts'
import { rootArguments } from './root-arguments.ts'
import type { Sandbox } from './sandbox.ts'
import { tryTool } from '../try-tool.ts'
import type { TryOptions } from '../try-tool.ts'

// Descriptors that the stage opens for bwrap: what it tells, and its own words, which nobody else is to see
// on a command line.
const infoDescriptor = '7'
const wordsDescriptor = '8'
const guardDescriptor = '9'
// The stage needs no output of its own, and a shell can name no more than ten descriptors: a process namespace,
// or, where bwrap makes a new one, the filter of its first process.
const processesDescriptor = '1'

/** Of root's own rights the last steps before the program need these; they give them up. */
const stepCapabilities = ['SETUID', 'SETGID', 'SETPCAP']

/** The command line of bwrap, up to what runs inside. */
export function bubblewrapCommand(
  { joins, guard, processesOf, memory, capabilities }: Sandbox,
  tools: HostTools,
): readonly string[] {
  const { bubblewrap = 'bwrap', nsenter = 'nsenter', unshare = 'unshare', shell } = tools
  const holder = memory?.heldBy
  const places = [
    ...(joins?.kinds.map((kind) => `--${kind}=/proc/${joins.inside.pid}/ns/${kind}`) ?? []),
    ...(holder ? [`--mount=/proc/${holder.pid}/ns/mnt`] : []),
  ]
  const marks = [joins?.inside, processesOf, holder].filter((one) => one !== undefined)
  const joining = [
    ...(places.length > 0 ? [nsenter, ...places, '--'] : []),
    ...checking(marks, shell),
    ...(memory && !holder ? makeMemory(memory.dir, tools) : []),
    // bwrap's own mounts get what the host mounts below them later, writable and not nosuid. For an ordinary user
    // it would cost more than it is worth; see docs/decisions/0018-later-mounts-stay-out.md.
    ...(capabilities ? [unshare, '--mount', '--propagation', 'private', '--'] : []),
  ]
  const outer = guard ? [bubblewrap, '--args', guardDescriptor, '--'] : []
  return [...joining, ...outer, bubblewrap, '--args', wordsDescriptor, '--']
}

/**
 * Arguments: pid and start time of each process whose namespaces are held by now, `--`, what comes next. Only if
 * it is still the same process they are its own: a pid can belong to a stranger a moment later.
 */
const checkScript = `start_of() { start=\${20}; }
while [ "$1" != -- ]; do
  line=
  read -r line 2>/dev/null <"/proc/$1/stat"
  start_of \${line##*) }
  [ "$start" = "$2" ] || { echo "cannot open '/proc/$1/ns/': it has ended" >&2; exit 1; }
  shift 2
done
shift
exec "$@"
`

/** Did a start fail because whom it was to join has ended at that very moment? */
export function hasLostPeer(error: unknown): boolean {
  const { cause } = error as Error
  return cause instanceof Error && /can(not|'t) open '?\/proc\/\d+\/ns\//.test(cause.message)
}

/**
 * Did a start fail because a mount of the host has ended while bwrap took all of them along? It looks at each by
 * its place, where there is nothing any more.
 */
export function hasLostMount(error: unknown): boolean {
  const { cause } = error as Error
  const said = /Unable to apply mount flags: remount ".*": (No such file|Invalid argument)/
  return cause instanceof Error && said.test(cause.message)
}

function checking(marks: readonly ProcessMark[], shell: string): readonly string[] {
  if (marks.length === 0) return []
  const words = marks.flatMap(({ pid, startTime }) => [String(pid), startTime])
  return [shell, '-c', checkScript, 'virtual-kubelet-join', ...words, '--']
}

/** The words that bwrap reads from its descriptor. */
export function bubblewrapWords(sandbox: Sandbox): readonly string[] {
  const { root, hostname, hasOwnProcesses, hasOwnIpc, hasOwnNetwork, capabilities } = sandbox
  const hasOthersProcesses = sandbox.processesOf !== undefined
  const kept = capabilities && [...new Set([...capabilities, ...stepCapabilities])]
  return [
    '--info-fd',
    infoDescriptor,
    ...(hasOwnProcesses ? ['--unshare-pid'] : []),
    ...(filterOfFirst(sandbox) === undefined ? [] : ['--seccomp', processesDescriptor]),
    ...(hasOthersProcesses ? ['--pidns', processesDescriptor] : []),
    ...(hasOwnIpc ? ['--unshare-ipc'] : []),
    ...(hasOwnNetwork ? ['--unshare-net'] : []),
    ...(hostname === undefined ? [] : ['--unshare-uts', '--hostname', hostname]),
    ...(kept ? ['--cap-drop', 'ALL', ...kept.flatMap((name) => ['--cap-add', `CAP_${name}`])] : []),
    ...rootArguments(root),
  ]
}

/** bwrap's own process in there needs one too: who runs as its user may take control of it. */
export function filterOfFirst({ filter, hasOwnProcesses }: Sandbox): string | undefined {
  return hasOwnProcesses ? filter?.program : undefined
}

/** A mount of the host that ends while bwrap binds it spoils that try. */
const probeTries = 3

/** Why bubblewrap cannot be used here; undefined: it works. Tries it, in some ten milliseconds. */
export function bubblewrapProblem(
  tools: HostTools,
  limit: Pick<TryOptions, 'limitMs'> = {},
): string | undefined {
  const { bubblewrap, setsid, setpriv, nsenter, shell } = tools
  if (bubblewrap === undefined) return 'bubblewrap is not installed'
  if (!setsid || !setpriv || !nsenter) return 'setsid, setpriv or nsenter of util-linux is missing'
  const namespaces = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--hostname', 'pod']
  const root = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp']
  // Inside, users are changed by nsenter; see final-step.ts.
  const change = process.getuid?.() === 0 ? [nsenter, '--setuid=65534', '--'] : []
  const args = [...namespaces, ...root, '--', ...change, shell, '-c', ':']
  let problem: string | undefined
  for (let tries = 0; tries < probeTries; tries += 1) {
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe']
    const { status, stderr, error } = tryTool(bubblewrap, args, { stdio, ...limit })
    if (status === 0) return undefined
    problem = error?.message ?? stderr.trim().split('\n')[0] ?? `bwrap exited with ${status}`
  }
  return problem
}

function checkNetwork(isolation: ProcessConfig['isolation']): void {
  const isRoot = process.getuid?.() === 0
  if (isRoot && isolation === 'bubblewrap') return
  const why = isRoot ? 'isolation is not "bubblewrap"' : 'that needs root'
  throw new UserError(`Cannot give pods a network of their own: ${why}`, {
    hint: 'Say isolation: bubblewrap beside network: none, or leave network out.',
  })
}

/**
 * Are containers given a root of their own? Throws a UserError where they must be and cannot, or where it does not
 * become known.
 */
export function canIsolate(
  { isolation, network }: ProcessConfig,
  tools: HostTools,
  limit: Pick<TryOptions, 'limitMs'> = {},
): boolean {
  if (network === 'none') checkNetwork(isolation)
  if (isolation === 'none') return false
  const problem = bubblewrapProblem(tools, limit)
  if (problem === undefined) return true
  if (isolation === 'auto') return false
  throw new UserError(`Cannot isolate processes by bubblewrap: ${problem}`, {
    hint: 'Install bubblewrap (and allow user namespaces), or leave isolation out to run without it.',
  })
}
