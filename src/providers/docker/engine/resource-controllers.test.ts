// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EngineInfo } from './engine-objects.ts'
import {
  readControllers,
  type EngineAnswers,
  type ResourceControllers,
} from './resource-controllers.ts'

/** Of an engine that answers so to `/info`, and where it is Podman to its own as well. */
async function controllersOf(
  kind: EngineAnswers['kind'],
  info: Partial<EngineInfo>,
  own?: object,
): Promise<ResourceControllers> {
  const json = (): Promise<never> =>
    own ? Promise.resolve(own as never) : Promise.reject(new Error('nothing more is to be asked'))
  const answers = { client: { json }, kind, info: { NCPU: 1, MemTotal: 1, ...info } }
  return await readControllers(answers, { signal: new AbortController().signal, timeoutMs: 1000 })
}

const both = { cpu: true, memory: true }
const none = { cpu: false, memory: false }

test('an engine of root limits everything, and is asked nothing more', async () => {
  assert.deepEqual(await controllersOf('docker', {}), both)
  assert.deepEqual(await controllersOf('podman', { Rootless: false, MemoryLimit: false }), both)
})

test('Podman without root limits what was handed down to its user', async () => {
  // The machine can: that is what it says in the words of Docker.
  const info = { Rootless: true, MemoryLimit: true, CpuCfsQuota: true }
  const host = (cgroupControllers: readonly string[] | null): object => ({
    host: { cgroupControllers },
  })
  assert.deepEqual(await controllersOf('podman', info, host(['cpu', 'memory', 'pids'])), both)
  const usual = await controllersOf('podman', info, host(['memory', 'pids']))
  assert.deepEqual(usual, { cpu: false, memory: true })
  for (const own of [host([]), host(null), {}]) {
    assert.deepEqual(await controllersOf('podman', info, own), none)
  }
})

test('Docker without root says itself what it can', async () => {
  const SecurityOptions = ['name=seccomp,profile=builtin', 'name=rootless']
  const able = { SecurityOptions, CpuCfsQuota: true, MemoryLimit: true }
  assert.deepEqual(await controllersOf('docker', able), both)
  assert.deepEqual(await controllersOf('docker', { SecurityOptions }), none)
})
