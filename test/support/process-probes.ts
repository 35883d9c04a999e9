// SPDX-License-Identifier: Apache-2.0
// What tests of processes ask again and again: has it ended, which pid has it.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram } from '../../src/providers/process/isolation/sandboxed-program.ts'
import type { ProcessRuntime } from '../../src/providers/process/process-runtime.ts'
import type { ContainerKey, ContainerState } from '../../src/runtime/container-runtime.ts'

// Command lines of what runs in a container before its program does.
const ownStep =
  /virtual-kubelet-|^sandbox\0|^(\S*\/)?(da)?sh\0-s\0|^(\S*\/)?(setsid|setpriv|node|env|unshare|mount)\0/

/** Waits until `isSo` answers true; fails after a minute, which no machine is too busy for. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 60_000; performance.now() < endMs; await delay(10)) {
    if (await isSo()) return
  }
  assert.fail('it did not come about within a minute')
}

/** State of a container that the runtime lists, or undefined. */
export async function stateOf(
  runtime: ProcessRuntime,
  key: ContainerKey,
): Promise<ContainerState | undefined> {
  const all = await runtime.listContainers()
  return all.find(
    (container) =>
      container.key.pod.uid === key.pod.uid &&
      container.key.name === key.name &&
      container.key.attempt === key.attempt,
  )?.state
}

/** Waits until the container has ended or is lost. */
export async function ended(runtime: ProcessRuntime, key: ContainerKey): Promise<ContainerState> {
  let state: ContainerState | undefined
  await eventually(async () => {
    state = await stateOf(runtime, key)
    return state !== undefined && state.kind !== 'running'
  })
  assert.ok(state)
  return state
}

/** Pid of a container's program, once it is no shell of ours any more. */
export async function pidOf(
  world: { readonly dir: string },
  key: ContainerKey,
  which: 'program' | 'wrapper' = 'program',
): Promise<number> {
  const parent = join(world.dir, 'process')
  for (const name of await readdir(parent)) {
    const record = JSON.parse(await readFile(join(parent, name, 'launch.json'), 'utf8')) as {
      readonly key: ContainerKey
      readonly sandbox?: { readonly hasOwnProcesses: boolean }
    }
    if (record.key.pod.uid !== key.pod.uid || record.key.name !== key.name) continue
    const [pid, , wrapper] = (await readFile(join(parent, name, 'started'), 'utf8')).split('|')
    if (which === 'wrapper') return Number(wrapper)
    const { sandbox } = record
    if (sandbox) return await programIn(join(parent, name), { ancestor: Number(pid), ...sandbox })
    await eventually(async () => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'gone')
      return line !== '' && !ownStep.test(line)
    })
    return Number(pid)
  }
  return assert.fail('the container has no record')
}

/** Pid of the program in a sandbox, once it is no step of ours any more. */
async function programIn(
  dir: string,
  sandbox: { readonly ancestor: number; readonly hasOwnProcesses: boolean },
): Promise<number> {
  let pid = 0
  await eventually(async () => {
    pid = (await findProgram(dir, sandbox))?.programPid ?? 0
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return line !== '' && !ownStep.test(line)
  })
  return pid
}
