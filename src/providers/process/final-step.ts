// SPDX-License-Identifier: Apache-2.0
// The last step of a launch, from the stage to the program: sandbox, session, user, and then a shell that
// reads the rest from a nameless file, so that no variable of the pod is seen before rights are given up.
import { dropOptions } from './capabilities.ts'
import { isShellSafe, quote } from './environment.ts'
import { hidingPrefix } from './hidden-dir.ts'
import type { HostTools } from './host-tools.ts'
import { bubblewrapCommand } from './isolation/bubblewrap.ts'
import type { Sandbox } from './isolation/sandbox.ts'
import { CallList } from './isolation/calls/call-list.ts'
import { addSandbox } from './isolation/calls/sandbox-calls.ts'
import { stepPrograms } from './isolation/tool-kit.ts'
import type { StepPrograms } from './isolation/tool-kit.ts'
import type { LaunchPlan } from './launch-plan.ts'
import { nodeProgramScript } from './node-program.ts'
import type { Program } from './program.ts'
import type { RunUser } from './users.ts'

/** What the stage becomes, and what is read from descriptor 0. */
export interface FinalStep {
  /** Empty: the stage itself runs the input. */
  readonly argv: readonly string[]
  readonly input: string | Uint8Array
}

/** What the step can lean on. */
export interface StepTools {
  readonly tools: HostTools
  /** What gives the stage a session of its own, where it becomes the container by it: setsid, and more. */
  readonly session: readonly string[]
  /** The stage's shell is not one to become the program. */
  readonly needsOwnShell: boolean
}

/** The last step of a launch. */
export function finalStep(plan: LaunchPlan, step: StepTools): FinalStep {
  return plan.isolation ? isolatedStep(plan, plan.isolation, step) : hostStep(plan, step)
}

function hostStep(plan: LaunchPlan, { tools, session, needsOwnShell }: StepTools): FinalStep {
  const { dir, program, env, user, hidden } = plan
  const { setpriv } = tools
  const switches = user !== undefined || plan.noNewPrivileges || plan.dropped.length > 0
  const drop = switches && setpriv ? [setpriv, ...setprivOptions(plan)] : []
  const hide = hidden === undefined ? [] : hidingPrefix(hidden, { tools, base: dir })
  const before = [...hide, ...session, ...drop]
  if (isShellSafe(env) && (user === undefined || setpriv !== undefined)) {
    const redirect = redirectOf(plan)
    if (!switches && hide.length === 0 && session.length > 0 && !needsOwnShell) {
      return { argv: [], input: shellProgram(program, { env, via: [...session, '--'], redirect }) }
    }
    const input = shellProgram(program, { env, via: [], redirect })
    return { argv: [...before, tools.shell, '-s'], input }
  }
  const switchTo = setpriv === undefined ? user : undefined
  return { argv: [...before, ...nodeStep], input: nodeInput(plan, { tools, user: switchTo }) }
}

/**
 * The stage becomes bwrap, and what that starts is the program in the end. Output and descriptor 3 are
 * left as they are until the sandbox stands, so that bwrap's complaints reach us and not the pod's log.
 */
function isolatedStep(
  plan: LaunchPlan,
  sandbox: Sandbox,
  { tools, session }: StepTools,
): FinalStep {
  const { program, env } = plan
  const { shell, node, ...inner } = stepPrograms(tools, sandbox.hasKit)
  if (sandbox.calls) return calledStep(plan, { sandbox, calls: sandbox.calls, shell })
  const bounded = sandbox.capabilities
  const groups = groupSteps(plan.user, tools)
  const filter = sandbox.filter ? [sandbox.filter.starter] : []
  const drop = bounded ? boundSteps(plan.user, { capabilities: bounded, programs: inner }) : []
  const before = [
    ...session,
    ...groups,
    ...bubblewrapCommand(sandbox, tools),
    ...inner.setsid,
    ...drop,
    ...filter,
  ]
  if (isShellSafe(env)) {
    const input = shellProgram(program, { env, via: [], redirect: redirectOf(plan) })
    return { argv: [...before, ...shell, '-s'], input: `${opening(sandbox)}${input}` }
  }
  const open = [...shell, '-c', `${opening(sandbox)}exec "$@"\n`, 'virtual-kubelet-open']
  return {
    argv: [...before, ...open, ...node, ...nodeOptions],
    input: nodeInput(plan, {
      tools: sandbox.hasKit ? { ...tools, env: undefined } : tools,
      user: undefined,
    }),
  }
}

interface CalledSandbox {
  readonly sandbox: Sandbox
  readonly calls: NonNullable<Sandbox['calls']>
  readonly shell: readonly string[]
}

/** The stage becomes what makes the sandbox by a list of calls; see isolation/calls/. */
function calledStep(
  plan: LaunchPlan,
  { sandbox, calls: { caller, at }, shell: [shell = '', ...options] }: CalledSandbox,
): FinalStep {
  const { program, env, hasInput, user } = plan
  const { argv, workingDir, file = argv[0] } = program
  const list = new CallList(caller.architecture)
  const last = {
    file,
    argv,
    workingDir,
    env: [...env].map(([name, value]) => `${name}=${value}`),
    hasInput,
    filter: sandbox.filter?.exact,
    shell: [shell, ...options, '-s'] as const,
  }
  addSandbox(list, { sandbox, at, user, lastCapability: caller.lastCapability, last })
  const text = shellProgram(program, { env, via: [], redirect: redirectOf(plan) })
  return { argv: [caller.path], input: list.build(text) }
}

/** Run inside a sandbox that stands: says so, and lets go of what is not the program's. */
function opening({ guard }: Pick<Sandbox, 'guard'>): string {
  return `trap '' PIPE
${guard ? refuseProcesses : ''}echo started >&3
trap - PIPE
exec >&5 2>&6 3>&- 5>&- 6>&- 7>&-
`
}

/**
 * A guard has the machine's /proc, without which bwrap does not work; a link that appeared in a volume may have
 * led a mount to it. No single quote may be in this text; see container-context.ts.
 */
const refuseProcesses = `while read -r id parent device root at rest; do
  case "$at $rest" in
    /proc\\ *|/proc/*) ;;
    *\\ -\\ proc\\ *) echo "a mount leads to other processes" >&3; exit 125 ;;
  esac
done </proc/self/mountinfo
`

const nodeOptions = ['--no-warnings', '-e', nodeProgramScript(0)]
const nodeStep = [process.execPath, ...nodeOptions]

function nodeInput(
  { program, env, hasInput }: LaunchPlan,
  { tools, user }: { readonly tools: HostTools; readonly user: RunUser | undefined },
): string {
  const { argv, workingDir } = program
  return JSON.stringify({
    argv,
    workingDir,
    user,
    hasInput,
    env: Object.fromEntries(env),
    envTool: tools.env,
  })
}

function redirectOf({ hasInput }: LaunchPlan): string {
  return hasInput ? '<&4 4<&-' : '</dev/null'
}

/**
 * Takes the user's groups, and leaves user and rights as they are. It is done before the container's root is
 * entered: setpriv looks each number up as a name first, and in there the pod says what a name means
 * (/etc/passwd), and even which libraries are loaded to find out (/etc/nsswitch.conf).
 */
export function groupSteps(
  user: RunUser | undefined,
  { setpriv = 'setpriv' }: Pick<HostTools, 'setpriv'>,
): readonly string[] {
  return user ? [setpriv, ...groupOptions(user), '--'] : []
}

/** Becomes the user with these capabilities at most; inside, and so without a look at any name. */
export function boundSteps(
  user: RunUser | undefined,
  {
    capabilities,
    programs: { setpriv, nsenter },
  }: {
    readonly capabilities: readonly string[]
    readonly programs: Pick<StepPrograms, 'setpriv' | 'nsenter'>
  },
): readonly string[] {
  const changesUser = user !== undefined && user.uid !== 0
  // Nobody but root can use what is in the bounding set, for nothing gives new rights any more.
  const kept = changesUser ? new Set([...capabilities, 'SETUID']) : capabilities
  const bound = ['-all', ...[...kept].map((name) => `+${name.toLowerCase()}`)].join(',')
  const options = ['--inh-caps=-all', '--ambient-caps=-all', `--bounding-set=${bound}`]
  return [
    ...setpriv,
    ...options,
    '--no-new-privs',
    '--',
    // setuid by a number and no name; without namespaces to enter it does just that.
    ...(changesUser ? [...nsenter, `--setuid=${user.uid}`, '--'] : []),
  ]
}

/** Options of setpriv, up to the command line that follows. */
export function setprivOptions({
  user,
  noNewPrivileges,
  dropped,
}: Pick<LaunchPlan, 'user' | 'noNewPrivileges' | 'dropped'>): readonly string[] {
  return [
    ...switchOptions(user),
    ...dropOptions(dropped, { changesUser: user !== undefined }),
    ...(noNewPrivileges ? ['--no-new-privs'] : []),
    '--',
  ]
}

/** What the text says besides the program. */
export interface ShellWords {
  readonly env: ReadonlyMap<string, string>
  readonly via: readonly string[]
  readonly redirect: string
}

/**
 * Text by which a shell becomes the program. Shells set PWD, OLDPWD, SHLVL and `_` by themselves; they go
 * before the pod's own variables come.
 */
export function shellProgram(
  { argv, workingDir }: Program,
  { env, via, redirect }: ShellWords,
): string {
  const exports = [...env].map(([name, value]) => `export ${name}=${quote(value)}\n`)
  return [
    `cd -- ${quote(workingDir)} || exit 126\n`,
    'unset PWD OLDPWD SHLVL _\n',
    ...exports,
    `exec ${[...via, ...argv].map(quote).join(' ')} ${redirect}\n`,
  ].join('')
}

function switchOptions(user: RunUser | undefined): readonly string[] {
  return user ? [`--reuid=${user.uid}`, ...groupOptions(user)] : []
}

function groupOptions({ gid, supplementalGroups: groups }: RunUser): readonly string[] {
  return [`--regid=${gid}`, groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`]
}
