// SPDX-License-Identifier: Apache-2.0
// Starts a container: builds the chain wrapper -> stage -> [user switch] -> program, hands it the
// program on a nameless file, and waits until the stage has noted who it is.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { getSystemErrorMap } from 'node:util'
import { withPipes } from '../../util/child-pipes.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
import { inputPath } from './container-input.ts'
import { finalStep } from './final-step.ts'
import { mountFailure } from './isolation/mount-failure.ts'
import { sandboxPath } from './isolation/sandboxed-program.ts'
import type { LaunchPlan } from './launch-plan.ts'
import { openNamelessFile } from './nameless-file.ts'
import type { Surroundings } from './surroundings.ts'
import { portableScript, wrapperScript } from './wrapper.ts'

export type LaunchHost = Pick<Surroundings, 'tools' | 'strayDescriptors'>

/** Starts the wrapper; resolves when the stage has started, rejects with what it said otherwise. */
export async function launch(plan: LaunchPlan, host: LaunchHost): Promise<ChildProcess> {
  const shell = shellFor(host)
  const { argv, input } = finalStep(plan, {
    tools: host.tools,
    session: shell.inlineSetsid === undefined ? [] : [shell.inlineSetsid],
    needsOwnShell: shell.closes.length > 0,
  })
  const descriptor = openNamelessFile(input)
  let child: ChildProcess
  try {
    child = withPipes(
      spawn(shell.path, wrapperArgs(plan, { host, shell, final: argv }), {
        argv0: 'sh',
        cwd: '/',
        env: {},
        detached: true,
        stdio: [descriptor, 'ignore', 'ignore', 'pipe'],
      }),
    )
  } finally {
    closeSync(descriptor)
  }
  child.unref()
  await whenStarted(child, plan)
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

interface WrapperStart {
  readonly host: LaunchHost
  readonly shell: WrapperShell
  readonly final: readonly string[]
}

function wrapperArgs(plan: LaunchPlan, { host, shell, final }: WrapperStart): string[] {
  const { setsid } = host.tools
  const script = [
    ...shell.closes.map((descriptor) => `exec ${descriptor}>&-\n`),
    shell.inlineSetsid === undefined ? portableScript(setsid !== undefined) : wrapperScript,
  ].join('')
  return [
    '-c',
    script,
    'virtual-kubelet-wrapper',
    ...wrapperWords(plan, { mv: host.tools.mv, final }),
  ]
}

/** The wrapper's own arguments; see wrapper.ts. */
export function wrapperWords(
  { dir, stdoutPath, stderrPath, killFile = '', cgroupFiles, hasInput, isolation }: LaunchPlan,
  { mv, final }: { readonly mv: string; readonly final: readonly string[] },
): readonly string[] {
  const files = [dir, stdoutPath, stderrPath, mv, killFile]
  const more = [hasInput ? inputPath(dir) : '', isolation ? sandboxPath(dir) : '']
  return [...files, ...more, String(cgroupFiles.length), ...cgroupFiles, ...final]
}

/** A stage that did not get as far as the program, in its own words, or by the mount that has failed. */
export function startFailure(
  said: string,
  { isolation }: Pick<LaunchPlan, 'isolation'>,
  cause: unknown = new Error(said),
): VkError {
  const reasoned = withReason(said)
  const mount = isolation && mountFailure(reasoned, isolation)
  const why = withoutPaths(reasoned) || 'its wrapper ended'
  return new VkError('Unavailable', mount ?? `Cannot start process: ${why}`, {
    podReason: 'RunContainerError',
    cause,
  })
}

/** A list of calls tells errors by their number; see isolation/calls/. */
function withReason(said: string): string {
  return said.replace(/: error (\d{3})\n$/, (whole, number: string) => {
    const [, reason] = getSystemErrorMap().get(-Number(number)) ?? []
    return reason === undefined ? whole : `: ${reason}`
  })
}

/** Paths of this machine are nobody's business outside. */
function withoutPaths(text: string): string {
  return text.trim().replaceAll(/(?<=^|[\s'"])\/[^\s:'"]+/g, '…')
}

/** Resolves on the stage's word on descriptor 3. The wrapper holds that open, so only text counts. */
async function whenStarted(
  child: ChildProcess,
  plan: Pick<LaunchPlan, 'isolation'>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const pipe = child.stdio[3] as Readable
  let said = ''
  const fail = (cause?: unknown): void => reject(startFailure(said, plan, cause))
  pipe.setEncoding('utf8')
  pipe.on('data', (text: string) => {
    said += text
    if (said.endsWith('started\n')) resolve()
  })
  pipe.once('end', () => fail())
  pipe.once('error', fail)
  // Nothing has run: this start is tried again, and costs no attempt.
  child.once('error', (cause) => {
    const message = `Cannot start process: ${messageOf(cause)}`
    reject(new VkError('Unavailable', message, { podReason: 'CreateContainerError', cause }))
  })
  try {
    await promise
  } finally {
    pipe.destroy()
  }
}
