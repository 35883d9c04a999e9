// SPDX-License-Identifier: Apache-2.0
// Starts a container: builds the chain wrapper -> stage -> [user switch] -> program, hands it the
// program on a nameless file, and waits until the stage has noted who it is.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { VkError, messageOf } from '../../util/vk-error.ts'
import { dropOptions } from './capabilities.ts'
import { inputPath } from './container-input.ts'
import { isShellSafe, quote } from './environment.ts'
import { hidingPrefix } from './hidden-dir.ts'
import type { HiddenDir } from './hidden-dir.ts'
import type { HostTools } from './host-tools.ts'
import { openNamelessFile } from './nameless-file.ts'
import { nodeProgramScript } from './node-program.ts'
import type { Program } from './program.ts'
import type { Surroundings } from './surroundings.ts'
import type { RunUser } from './users.ts'
import { portableScript, wrapperScript } from './wrapper.ts'

/** Everything one launch needs; nothing is looked up any more. */
export interface LaunchPlan {
  /** Directory of the launch record. */
  readonly dir: string
  readonly stdoutPath: string
  readonly stderrPath: string
  readonly program: Program
  readonly env: ReadonlyMap<string, string>
  /** Undefined: stay who we are. */
  readonly user: RunUser | undefined
  readonly noNewPrivileges: boolean
  /** Capabilities that the container can never have, such as NET_RAW, or ALL. */
  readonly dropped: readonly string[]
  /** Undefined: the container sees all that its user may see. */
  readonly hidden: HiddenDir | undefined
  readonly cgroupFiles: readonly string[]
  readonly killFile: string | undefined
  /** Its input is a pipe in `dir`, see container-input.ts; else it reads /dev/null. */
  readonly hasInput: boolean
}

export type LaunchHost = Pick<Surroundings, 'tools' | 'strayDescriptors'>

/** Starts the wrapper; resolves when the stage has started, rejects with what it said otherwise. */
export async function launch(plan: LaunchPlan, host: LaunchHost): Promise<ChildProcess> {
  const shell = shellFor(host)
  const { argv, input } = finalStep(plan, { tools: host.tools, shell })
  const descriptor = openNamelessFile(input)
  let child: ChildProcess
  try {
    child = spawn(shell.path, wrapperArgs(plan, { host, shell, final: argv }), {
      argv0: 'sh',
      cwd: '/',
      env: {},
      detached: true,
      stdio: [descriptor, 'ignore', 'ignore', 'pipe'],
    })
  } finally {
    closeSync(descriptor)
  }
  child.unref()
  await whenStarted(child)
  return child
}

/** The wrapper's shell. Only bash can close high descriptors, but it adds `_` to what it starts. */
interface WrapperShell {
  readonly path: string
  readonly closes: readonly number[]
  /** setsid, where the wrapper's own subshell becomes the container by it. */
  readonly inlineSetsid: string | undefined
}

function shellFor({ tools, strayDescriptors }: LaunchHost): WrapperShell {
  const needsBash = strayDescriptors.length > 0 && tools.bash !== undefined
  return {
    path: needsBash ? tools.bash : tools.shell,
    closes: needsBash ? strayDescriptors : [],
    inlineSetsid: process.platform === 'linux' ? tools.setsid : undefined,
  }
}

function wrapperArgs(
  plan: LaunchPlan,
  {
    host,
    shell,
    final,
  }: {
    readonly host: LaunchHost
    readonly shell: WrapperShell
    readonly final: readonly string[]
  },
): string[] {
  const { mv, setsid } = host.tools
  const { dir, stdoutPath, stderrPath, killFile = '', cgroupFiles, hasInput } = plan
  const script = [
    ...shell.closes.map((descriptor) => `exec ${descriptor}>&-\n`),
    shell.inlineSetsid === undefined ? portableScript(setsid !== undefined) : wrapperScript,
  ].join('')
  const files = [dir, stdoutPath, stderrPath, mv, killFile, hasInput ? inputPath(dir) : '']
  const groups = [String(cgroupFiles.length), ...cgroupFiles]
  return ['-c', script, 'virtual-kubelet-wrapper', ...files, ...groups, ...final]
}

/** The last step before the program: what the stage becomes, and what is read from descriptor 0. */
function finalStep(
  plan: LaunchPlan,
  { tools, shell }: { readonly tools: HostTools; readonly shell: WrapperShell },
): { readonly argv: readonly string[]; readonly input: string } {
  const { dir, program, env, user, hidden } = plan
  const { setpriv } = tools
  const switches = user !== undefined || plan.noNewPrivileges || plan.dropped.length > 0
  const session = shell.inlineSetsid === undefined ? [] : [shell.inlineSetsid]
  const drop = switches && setpriv ? [setpriv, ...setprivOptions(plan)] : []
  const hide = hidden === undefined ? [] : hidingPrefix(hidden, { tools, base: dir })
  const before = [...hide, ...session, ...drop]
  if (isShellSafe(env) && (user === undefined || setpriv !== undefined)) {
    const redirect = plan.hasInput ? '<&4 4<&-' : '</dev/null'
    if (!switches && hide.length === 0 && session.length > 0 && shell.closes.length === 0) {
      return { argv: [], input: shellProgram(program, { env, via: [...session, '--'], redirect }) }
    }
    const input = shellProgram(program, { env, via: [], redirect })
    return { argv: [...before, tools.shell, '-s'], input }
  }
  const input = JSON.stringify({
    argv: program.argv,
    workingDir: program.workingDir,
    env: Object.fromEntries(env),
    user: setpriv === undefined ? user : undefined,
    hasInput: plan.hasInput,
    envTool: tools.env,
  })
  return { argv: [...before, process.execPath, '--no-warnings', '-e', nodeProgramScript(0)], input }
}

/** Options of setpriv, up to the command line that follows. */
export function setprivOptions({
  user,
  noNewPrivileges,
  dropped,
}: Pick<LaunchPlan, 'user' | 'noNewPrivileges' | 'dropped'>): readonly string[] {
  const groups = user?.supplementalGroups ?? []
  return [
    ...(user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`] : []),
    ...(user ? [groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`] : []),
    ...dropOptions(dropped, { changesUser: user !== undefined }),
    ...(noNewPrivileges ? ['--no-new-privs'] : []),
    '--',
  ]
}

/**
 * Text by which a shell becomes the program. Shells set PWD, OLDPWD, SHLVL and `_` by themselves; they go
 * before the pod's own variables come.
 */
export function shellProgram(
  { argv, workingDir }: Program,
  {
    env,
    via,
    redirect,
  }: {
    readonly env: ReadonlyMap<string, string>
    readonly via: readonly string[]
    readonly redirect: string
  },
): string {
  const exports = [...env].map(([name, value]) => `export ${name}=${quote(value)}\n`)
  return [
    `cd -- ${quote(workingDir)} || exit 126\n`,
    'unset PWD OLDPWD SHLVL _\n',
    ...exports,
    `exec ${[...via, ...argv].map(quote).join(' ')} ${redirect}\n`,
  ].join('')
}

/** Resolves on the stage's word on descriptor 3. The wrapper holds that open, so only text counts. */
async function whenStarted(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Without descriptors left, Node.js makes no pipes and only emits the error.
  const pipe = (child.stdio as ChildProcess['stdio'] | undefined)?.[3] as Readable | undefined
  let said = ''
  const fail = (cause?: unknown): void =>
    reject(
      new VkError('Unavailable', `Cannot start process: ${said.trim() || 'its wrapper ended'}`, {
        podReason: 'RunContainerError',
        cause,
      }),
    )
  pipe?.setEncoding('utf8')
  pipe?.on('data', (text: string) => {
    said += text
    if (said.endsWith('started\n')) resolve()
  })
  pipe?.once('end', () => fail())
  pipe?.once('error', fail)
  // Nothing has run: this start is tried again, and costs no attempt.
  child.once('error', (cause) => {
    const message = `Cannot start process: ${messageOf(cause)}`
    reject(new VkError('Unavailable', message, { podReason: 'CreateContainerError', cause }))
  })
  try {
    await promise
  } finally {
    pipe?.destroy()
  }
}
