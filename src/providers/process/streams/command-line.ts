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
import { setprivOptions, shellProgram } from '../final-step.ts'
import { openNamelessFile } from '../nameless-file.ts'
import { nodeProgramScript } from '../node-program.ts'
import type { Program } from '../program.ts'
import { isOwn } from '../start-plan.ts'
import type { Surroundings } from '../surroundings.ts'

/** What to start, with an empty environment; disposed once it has ended. */
export interface CommandLine extends Disposable {
  readonly file: string
  readonly args: readonly string[]
}

export interface CommandRequest {
  readonly program: Program
  readonly env: ReadonlyMap<string, string>
  readonly spec: Container
}

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
    const namespace = openNamespace(container)
    if (namespace !== undefined) resources.defer(() => closeSync(namespace))
    // The namespace is held now: if the pid is still the container's, it is the container's too.
    if (!(await container.isProgramAlive())) throw gone()
    const { argv, input } = lastStep(request, surroundings)
    const descriptor = openNamelessFile(input)
    resources.defer(() => closeSync(descriptor))
    const { uid, gid } = container.launch.record.user
    if (uid !== surroundings.own.uid) fchownSync(descriptor, uid, gid)
    const [file, ...args] = [
      ...stage(container, { surroundings, descriptor }),
      ...(namespace === undefined ? [] : entering(namespace, surroundings)),
      ...switching(container, { spec: request.spec, surroundings }),
      ...argv,
    ]
    return { file, args, [Symbol.dispose]: () => resources.dispose() }
  } catch (error) {
    resources.dispose()
    throw error
  }
}

/** What becomes the command, and what it reads from descriptor 3. */
function lastStep(
  { program, env }: CommandRequest,
  { tools }: Surroundings,
): { readonly argv: readonly string[]; readonly input: string } {
  if (isShellSafe(env)) {
    return {
      argv: [tools.shell, '-c', '. /proc/self/fd/3'],
      input: shellProgram(program, { env, via: [], redirect: '3<&-' }),
    }
  }
  const { argv, workingDir } = program
  return {
    argv: [process.execPath, '--no-warnings', '-e', nodeProgramScript(3)],
    input: JSON.stringify({ argv, workingDir, env: Object.fromEntries(env), envTool: tools.env }),
  }
}

/** The first step, still with our own rights. It also closes what our parent let us inherit. */
function stage(
  container: ContainerProcess,
  {
    surroundings,
    descriptor,
  }: { readonly surroundings: Surroundings; readonly descriptor: number },
): readonly [string, ...string[]] {
  const { tools, cgroups, strayDescriptors } = surroundings
  const joins = cgroups?.joinFiles(container.group) ?? []
  const closes = tools.bash === undefined ? [] : strayDescriptors
  const shell = closes.length > 0 ? (tools.bash ?? tools.shell) : tools.shell
  const script = [...closes.map((stray) => `exec ${stray}>&-\n`), stageScript].join('')
  return [shell, '-c', script, stageName, pathOf(descriptor), ...joins, '--']
}

function entering(namespace: number, { tools }: Surroundings): readonly string[] {
  if (tools.nsenter === undefined) throw unsupported('nsenter')
  return [tools.nsenter, `--mount=${pathOf(namespace)}`, '--']
}

/** The user and rights of the container, where they are not our own. */
function switching(
  container: ContainerProcess,
  { spec, surroundings }: { readonly spec: Container; readonly surroundings: Surroundings },
): readonly string[] {
  const { tools, own, canDropCapabilities } = surroundings
  const runsAs = container.launch.record.user
  const user = isOwn(runsAs, own) ? undefined : runsAs
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

/** The container's mount namespace; undefined when it is our own. */
function openNamespace({ pid }: ContainerProcess): number | undefined {
  const path = `/proc/${pid}/ns/mnt`
  try {
    if (readlinkSync(path) === readlinkSync('/proc/self/ns/mnt')) return undefined
    return openSync(path, 'r')
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

function gone(cause?: unknown): VkError {
  return new VkError('NotFound', 'the container has ended', { cause })
}
