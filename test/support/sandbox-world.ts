// SPDX-License-Identifier: Apache-2.0
// Containers in sandboxes for tests: a runtime with `isolation: bubblewrap`, volumes on the host, and what a
// script in a container of a pod prints.
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod, Volume } from '../../src/kube/types.gen.ts'
import { findHostTools } from '../../src/providers/process/host-tools.ts'
import { bubblewrapProblem } from '../../src/providers/process/isolation/bubblewrap.ts'
import type { ContainerMount, ContainerStart } from '../../src/runtime/container-runtime.ts'
import { collectProcess } from './collected-process.ts'
import type { CollectedProcess } from './collected-process.ts'
import { ended } from './process-probes.ts'
import { processWorld } from './process-runtime.ts'
import type { ProcessWorld, StartInWords } from './process-runtime.ts'

const problem = bubblewrapProblem(findHostTools())

/** Why sandboxes cannot be tested here; false where they can. */
export const noSandbox: string | false = problem === undefined ? false : `no sandboxes: ${problem}`

export interface SandboxStart extends Partial<StartInWords> {
  readonly script: string
  readonly mounts?: readonly ContainerMount[]
  readonly volumes?: readonly Volume[]
  readonly pod?: Partial<Pod['spec']>
}

export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | undefined
}

/** A runtime whose containers are in sandboxes. */
export async function sandboxWorld(
  config: Readonly<Record<string, unknown>> = {},
): Promise<ProcessWorld> {
  return await processWorld({ isolation: 'bubblewrap', ...config })
}

/** A volume of a pod on the host, open to all, with these files. */
export async function volume(
  world: ProcessWorld,
  name: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const dir = join(world.dir, 'pods', 'volumes', name)
  await mkdir(dir, { recursive: true, mode: 0o755 })
  await chmod(dir, 0o777)
  for (const [file, text] of Object.entries(files)) await writeFile(join(dir, file), text)
  return dir
}

/** A mount of a directory. */
export function at(
  hostPath: string,
  mountPath: string,
  more: Partial<ContainerMount> = {},
): ContainerMount {
  return { name: 'v', hostPath, mountPath, isReadOnly: false, kind: 'dir', ...more }
}

/** The start of a container that runs a script. */
export function startOf(world: ProcessWorld, what: SandboxStart): ContainerStart {
  const { script, mounts = [], volumes = [], pod = {}, ...words } = what
  const start = world.start({ command: ['sh', '-c', script], ...words })
  const volumeDirs = new Map(
    mounts.filter(({ kind }) => kind === 'dir').map(({ name, hostPath }) => [name, hostPath]),
  )
  return {
    ...start,
    pod: { ...start.pod, spec: { ...start.pod.spec, volumes: [...volumes], ...pod } },
    mounts,
    volumeDirs,
  }
}

/** Runs a command in a container that runs, to its end. */
export async function runInside(
  { runtime, context }: Pick<ProcessWorld, 'runtime' | 'context'>,
  { key, spec }: Pick<ContainerStart, 'key' | 'spec'>,
  command: readonly string[],
): Promise<CollectedProcess> {
  const choice = { stdin: false, stdout: true, stderr: true, tty: false }
  return await collectProcess(await runtime.exec(key, { ...choice, command, spec }, context))
}

/** Runs it to its end. */
export async function outputOf(world: ProcessWorld, start: ContainerStart): Promise<Output> {
  await world.runtime.startContainer(start, world.context)
  const state = await ended(world.runtime, start.key)
  return {
    stdout: await world.output(start),
    stderr: await world.output(start, 'stderr'),
    exitCode: state.kind === 'exited' ? state.exitCode : undefined,
  }
}
