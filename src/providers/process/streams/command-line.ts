// SPDX-License-Identifier: Apache-2.0
// The command line by which a command gets to where a container is: its control groups, its mount
// namespace, its user and capabilities, its directory. Each step becomes the next by exec, so that the
// command has the pid that was started. Values travel in the environment, never on a command line.
import { closeSync, openSync, readlinkSync } from 'node:fs'
import type { Container } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import { droppedCapabilities } from '../capabilities.ts'
import type { ContainerProcess } from '../container-process.ts'
import { isShellSafe } from '../environment.ts'
import { setprivOptions } from '../launcher.ts'
import { isOwn } from '../start-plan.ts'
import type { Surroundings } from '../surroundings.ts'
import type { ContainerContext } from './container-context.ts'

/** What to start, and the descriptor to close once it has ended. */
export interface CommandLine extends Disposable {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export interface CommandRequest {
  readonly command: readonly string[]
  readonly spec: Container
  readonly context: ContainerContext
}

/** Joins each control group named before `--`, then goes on. */
const joinScript = `while [ "$1" != -- ]; do echo 0 >"$1" || exit 125; shift; done
shift
exec "$@"
`
/** Goes to the directory, then becomes the command. */
const enterScript = `cd -- "$1" || exit 126
unset $2
shift 2
exec "$@"
`
/** Set by shells themselves; a command gets only those that its container has. */
const shellVariables = ['PWD', 'OLDPWD', 'SHLVL', '_']
/** The same for variables that no shell hands on. */
const nodeEnterScript = `
const fs = require('node:fs'), path = require('node:path')
const { argv, workingDir, env } = JSON.parse(process.env.VK_EXEC)
const fail = (code, why) => { fs.writeSync(2, why + '\\n'); process.exit(code) }
try { process.chdir(workingDir) } catch (error) { fail(126, 'chdir: ' + error.message) }
const isFile = (file) => { try { fs.accessSync(file, 1); return fs.statSync(file).isFile() } catch { return false } }
const [name] = argv
const found = name.includes('/')
  ? path.resolve(name)
  : (env.PATH ?? '').split(':').map((dir) => path.resolve(dir, name)).find(isFile)
if (!found) fail(127, name + ': not found')
process.execve(found, argv, env)
`

/** Builds it; throws a VkError when the container has gone meanwhile. */
export async function commandLineFor(
  container: ContainerProcess,
  request: CommandRequest,
  surroundings: Surroundings,
): Promise<CommandLine> {
  const namespace = openNamespace(container)
  try {
    // The namespace is held now: if the pid is still the container's, it is the container's too.
    if (!(await container.isProgramAlive())) throw gone()
    return { ...build(container, request, { surroundings, namespace }), [Symbol.dispose]: close }
  } catch (error) {
    close()
    throw error
  }

  function close(): void {
    if (namespace !== undefined) closeSync(namespace)
  }
}

function build(
  container: ContainerProcess,
  { command, spec, context }: CommandRequest,
  {
    surroundings,
    namespace,
  }: { readonly surroundings: Surroundings; readonly namespace: number | undefined },
): Omit<CommandLine, typeof Symbol.dispose> {
  const { tools } = surroundings
  const { env, workingDir } = context
  const joining = joiningSteps(container, surroundings)
  const entering =
    namespace === undefined
      ? []
      : [nsenterPath(tools.nsenter), `--mount=${pathOf(namespace)}`, '--']
  const isSafe = isShellSafe(env)
  const strays = shellVariables.filter((name) => !env.has(name)).join(' ')
  const last = isSafe
    ? [tools.shell, '-c', enterScript, 'virtual-kubelet-exec', workingDir, strays, ...command]
    : [process.execPath, '--no-warnings', '-e', nodeEnterScript]
  const [file = tools.shell, ...args] = [
    ...joining,
    ...entering,
    ...switching(container, { spec, surroundings }),
    ...last,
  ]
  const variables = Object.fromEntries(env)
  return {
    file,
    args,
    env: isSafe
      ? variables
      : { VK_EXEC: JSON.stringify({ argv: command, workingDir, env: variables }) },
  }
}

/** Into the control groups, without what our own parent let us inherit; nothing where there is neither. */
function joiningSteps(
  container: ContainerProcess,
  { tools, cgroups, strayDescriptors }: Surroundings,
): readonly string[] {
  const joins = cgroups?.joinFiles(container.group) ?? []
  const closes = tools.bash === undefined ? [] : strayDescriptors
  if (joins.length + closes.length === 0) return []
  const shell = closes.length > 0 ? (tools.bash ?? tools.shell) : tools.shell
  const script = [...closes.map((descriptor) => `exec ${descriptor}>&-\n`), joinScript].join('')
  return [shell, '-c', script, 'virtual-kubelet-exec', ...joins, '--']
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
  if (process.platform !== 'linux') return undefined
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

function nsenterPath(path: string | undefined): string {
  if (path === undefined) throw unsupported('nsenter')
  return path
}

function unsupported(what: string): VkError {
  return new VkError('Unsupported', `this machine has no ${what} to get into the container with`)
}

function gone(cause?: unknown): VkError {
  return new VkError('NotFound', 'the container has ended', { cause })
}
