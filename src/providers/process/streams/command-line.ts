// SPDX-License-Identifier: Apache-2.0
// The command line by which a command gets to where a container is: its control groups, its mount
// namespace, its user and capabilities, its directory. Each step becomes the next by exec, so that the
// command has the pid that was started. The pod's variables come last, from a nameless file, when the
// rights are given up: a step that still has ours must never see an LD_PRELOAD of the pod's.
import { closeSync, fchownSync, openSync, readlinkSync } from 'node:fs'
import type { Container } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import { droppedCapabilities } from '../capabilities.ts'
import type { ContainerProcess } from '../container-process.ts'
import { isShellSafe } from '../environment.ts'
import type { SandboxRecord } from '../exit-record.ts'
import { boundSteps, groupSteps, setprivOptions, shellProgram } from '../final-step.ts'
import type { HostTools } from '../host-tools.ts'
import { stepPrograms } from '../isolation/tool-kit.ts'
import { openNamelessFile } from '../nameless-file.ts'
import { nodeProgramScript } from '../node-program.ts'
import type { Program } from '../program.ts'
import { isOwn } from '../start-plan.ts'
import type { Surroundings } from '../surroundings.ts'
import type { RunUser } from '../users.ts'

/** What to start, with an empty environment; disposed once it has ended. */
export interface CommandLine extends Disposable {
  readonly file: string
  readonly args: readonly string[]
}

export interface CommandRequest {
  readonly program: Program
  readonly env: ReadonlyMap<string, string>
  readonly spec: Container
  /** Somebody waits at descriptor 4, and kills the command's process group when no word comes from there. */
  readonly isLeashed: boolean
}

/** What is written to descriptor 4 when the command is over: its children may go on. */
export const leashWord = 'over\n'
const leashScript = `( read -r word <&4 || kill -KILL "-$$" ) 3<&- </dev/null >/dev/null 2>&1 &
exec 4<&-
`

/** Opens the file with the command on descriptor 3, joins the groups named before `--`, and goes on. */
const stageScript = `umask 022
exec 3<"$1" || exit 125
shift
while [ "$1" != -- ]; do echo 0 >"$1" || exit 125; shift; done
shift
exec "$@"
`
const stageName = 'virtual-kubelet-exec'

/** Builds it; throws a VkError when the container has gone meanwhile. */
export async function commandLineFor(
  container: ContainerProcess,
  request: CommandRequest,
  surroundings: Surroundings,
): Promise<CommandLine> {
  const resources = new DisposableStack()
  try {
    const namespaces = await openNamespaces(container, {
      resources,
      isRoot: surroundings.own.uid === 0,
    })
    const hasKit = container.launch.record.sandbox?.hasKit === true
    const { argv, input } = lastStep(request, { namespaces, hasKit, surroundings })
    const descriptor = openNamelessFile(input)
    resources.defer(() => closeSync(descriptor))
    const { uid, gid } = container.launch.record.user
    if (uid !== surroundings.own.uid) fchownSync(descriptor, uid, gid)
    const [file, ...args] = [
      ...stage(container, { surroundings, descriptor, isLeashed: request.isLeashed }),
      ...groupsInSandbox(container, surroundings),
      ...(namespaces.length === 0 ? [] : entering(namespaces, surroundings)),
      ...switching(container, { spec: request.spec, surroundings }),
      ...filtering(container),
      ...argv,
    ]
    return { file, args, [Symbol.dispose]: () => resources.dispose() }
  } catch (error) {
    resources.dispose()
    throw error
  }
}

interface EnteredPlace {
  readonly namespaces: readonly HeldNamespace[]
  readonly hasKit: boolean
  readonly surroundings: Surroundings
}

/** What becomes the command, and what it reads from descriptor 3. */
function lastStep(
  { program, env }: CommandRequest,
  { namespaces, hasKit, surroundings: { tools } }: EnteredPlace,
): { readonly argv: readonly string[]; readonly input: string } {
  // Only children of a process that enters a process namespace are in it: one waits for the command.
  const { shell, node } = stepPrograms(tools, hasKit)
  const waits = namespaces.some(({ option }) => option === 'pid')
  const waiter = [...shell, '-c', `${waiterHead}("$@")\nexit $?\n`, 'virtual-kubelet-wait']
  if (isShellSafe(env)) {
    const script = waits ? `${waiterHead}(. /proc/self/fd/3)\nexit $?\n` : '. /proc/self/fd/3'
    return {
      argv: [...shell, '-c', script],
      input: shellProgram(program, { env, via: [], redirect: '3<&-' }),
    }
  }
  const { argv, workingDir } = program
  return {
    argv: [...(waits ? waiter : []), ...node, '--no-warnings', '-e', nodeProgramScript(3)],
    input: JSON.stringify({
      argv,
      workingDir,
      env: Object.fromEntries(env),
      envTool: hasKit ? undefined : tools.env,
    }),
  }
}

interface StageStart {
  readonly surroundings: Surroundings
  readonly descriptor: number
  readonly isLeashed: boolean
}

/** The first step, still with our own rights. It also closes what our parent let us inherit. */
function stage(
  container: ContainerProcess,
  { surroundings, descriptor, isLeashed }: StageStart,
): readonly [string, ...string[]] {
  const { tools, cgroups, strayDescriptors } = surroundings
  const joins = cgroups?.joinFiles(container.group) ?? []
  const closes = tools.bash === undefined ? [] : strayDescriptors
  const shell = closes.length > 0 ? (tools.bash ?? tools.shell) : tools.shell
  const leash = isLeashed ? leashScript : ''
  const script = [...closes.map((stray) => `exec ${stray}>&-\n`), leash, stageScript].join('')
  return [shell, '-c', script, stageName, pathOf(descriptor), ...joins, '--']
}

/** Caught, not ignored: the command must get these signals, and its status must be told. */
const waiterHead = 'trap : HUP INT QUIT TERM\n'

function entering(
  namespaces: readonly HeldNamespace[],
  { tools }: Surroundings,
): readonly string[] {
  if (tools.nsenter === undefined) throw unsupported('nsenter')
  const options = namespaces.map(({ option, descriptor }) => `--${option}=${pathOf(descriptor)}`)
  const hasUsers = namespaces.some(({ option }) => option === 'user')
  return [
    tools.nsenter,
    ...options,
    ...(hasUsers ? ['--preserve-credentials'] : []),
    '--no-fork',
    '--',
  ]
}

/** The user and rights of the container, where they are not our own. */
function switching(
  container: ContainerProcess,
  { spec, surroundings }: { readonly spec: Container; readonly surroundings: Surroundings },
): readonly string[] {
  const { tools, own, canDropCapabilities } = surroundings
  const { user: runsAs, sandbox } = container.launch.record
  const user = isOwn(runsAs, own) ? undefined : runsAs
  if (sandbox) return switchingInSandbox(user, { sandbox, tools })
  const noNewPrivileges = spec.securityContext?.allowPrivilegeEscalation === false
  const dropped = canDropCapabilities ? droppedCapabilities(spec) : []
  if (user === undefined && !noNewPrivileges && dropped.length === 0) return []
  if (tools.setpriv !== undefined) {
    return [tools.setpriv, ...setprivOptions({ user, noNewPrivileges, dropped })]
  }
  // Without the right to become the container's user nothing may run in its name.
  if (user !== undefined) throw unsupported("util-linux's setpriv")
  return []
}

/** bwrap lets nobody in a sandbox gain rights, and so must whoever comes later. */
function switchingInSandbox(
  user: RunUser | undefined,
  { sandbox, tools }: { readonly sandbox: SandboxRecord; readonly tools: HostTools },
): readonly string[] {
  if (tools.setpriv === undefined) throw unsupported("util-linux's setpriv")
  const { capabilities, hasKit = false } = sandbox
  const programs = stepPrograms(tools, hasKit)
  return capabilities
    ? boundSteps(user, { capabilities, programs })
    : [...programs.setpriv, '--no-new-privs', '--']
}

/** Under the container's filter of system calls, with its rights, and so the last step before the command. */
function filtering({ launch: { record } }: ContainerProcess): readonly string[] {
  const starter = record.sandbox?.starter
  return starter === undefined ? [] : [starter]
}

/** Taken outside; see `groupSteps`. */
function groupsInSandbox(
  { launch: { record } }: ContainerProcess,
  { tools, own }: Surroundings,
): readonly string[] {
  return record.sandbox && !isOwn(record.user, own) ? groupSteps(record.user, tools) : []
}

/** A namespace that is not ours, held by a descriptor. */
interface HeldNamespace {
  /** Option of nsenter. */
  readonly option: string
  readonly descriptor: number
}

/** nsenter's options, by the names of /proc. */
const namespaceOptions = {
  user: 'user',
  mnt: 'mount',
  pid: 'pid',
  ipc: 'ipc',
  uts: 'uts',
  net: 'net',
} as const

/** The container's namespaces, without those that are our own. */
async function openNamespaces(
  container: ContainerProcess,
  { resources, isRoot }: { readonly resources: DisposableStack; readonly isRoot: boolean },
): Promise<readonly HeldNamespace[]> {
  const inside = (await container.program())?.inside.pid
  if (inside === undefined) throw gone()
  const held: HeldNamespace[] = []
  for (const [name, option] of Object.entries(namespaceOptions)) {
    const descriptor = openNamespace(`/proc/${inside}/ns/${name}`, `/proc/self/ns/${name}`)
    if (descriptor === undefined) continue
    resources.defer(() => closeSync(descriptor))
    held.push({ option, descriptor })
  }
  // They are held now: if the pid is still the container's, they are the container's too.
  if ((await container.program())?.inside.pid !== inside) throw gone()
  // Where that process is the pod's own program, it may have made namespaces of its own, in which it says what
  // every path is. To make them takes a user namespace, which can never be left again: looked at last.
  const isElsewhere = held.some(({ option }) => option === 'user') || !hasOurUsers(inside)
  if (isRoot && isElsewhere) throw unavailable()
  return held
}

function openNamespace(path: string, own: string): number | undefined {
  try {
    return readlinkSync(path) === readlinkSync(own) ? undefined : openSync(path, 'r')
  } catch (cause) {
    throw gone(cause)
  }
}

function hasOurUsers(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user')
  } catch (cause) {
    throw gone(cause)
  }
}

// By our own pid: a terminal's child inherits no descriptors.
function pathOf(descriptor: number): string {
  return `/proc/${process.pid}/fd/${descriptor}`
}

function unsupported(what: string): VkError {
  return new VkError('Unsupported', `this machine has no ${what} to get into the container with`)
}

function unavailable(): VkError {
  return new VkError(
    'Unavailable',
    "the container's program has left its sandbox for a user namespace",
  )
}

function gone(cause?: unknown): VkError {
  return new VkError('NotFound', 'the container has ended', { cause })
}
