// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { eventually } from '../../../test/support/process-probes.ts'
import { buildHost, patient, request } from '../../../test/support/provider-host.ts'
import type { Pod } from '../../kube/types.gen.ts'
import { unsupportedFields } from '../../provider/feature-check.ts'
import type { ObservedPod, PodProvider } from '../../provider/provider.ts'
import { systemClock } from '../../util/clock.ts'
import { UserError } from '../../util/vk-error.ts'
import { providerModule } from './provider.ts'

const manifest = parse(readFileSync(new URL('example.yaml', import.meta.url), 'utf8')) as {
  readonly spec: { readonly template: Pick<Pod, 'spec'> }
}

test('runs the pod of the example to its end', async () => {
  await using made = await makeProvider()
  const pod: Pod = {
    metadata: { namespace: 'default', name: 'hello', uid: 'u1' },
    spec: manifest.spec.template.spec,
  }
  assert.deepEqual(unsupportedFields(pod, made.provider.features), [])
  await made.provider.createPod(request(pod), patient)
  const observed = await untilEnded(made.provider, 'u1')
  assert.equal(observed.containers[0]?.state?.terminated?.exitCode, 0)
  assert.deepEqual(observed.podIPs, ['192.168.0.2'])
  let output = ''
  const query = { previous: false, follow: false }
  for await (const batch of made.provider.logs(refOf(pod), 'hello', query, patient)) {
    for (const { bytes } of batch.entries) output += Buffer.from(bytes).toString()
  }
  assert.match(output, /^Hello from hello, as user \d+, to you\nstep 1\nstep 2\nstep 3\n$/)
  await made.provider.cleanUpPod?.(refOf(pod), patient)
  assert.deepEqual(await made.provider.listPods(patient), [])
})

test('waits with a reason for an image that is nothing', async () => {
  await using made = await makeProvider()
  const pod: Pod = {
    metadata: { namespace: 'default', name: 'web', uid: 'u2' },
    spec: { containers: [{ name: 'web', image: 'nginx:1.29' }] },
  }
  await made.provider.createPod(request(pod), patient)
  await eventually(async () => {
    const found = await made.provider.getPodStatuses([refOf(pod)], patient)
    const waiting = found.get('u2')?.containers[0]?.state?.waiting
    return waiting?.reason === 'CreateContainerConfigError'
  })
})

test('documents what it can do without looking at the machine, and judges its configuration', () => {
  assert.deepEqual(providerModule.featuresOf({}), providerModule.featuresOf({ allowRoot: true }))
  assert.throws(() => providerModule.featuresOf({ allowroot: true }), UserError)
})

async function untilEnded(provider: PodProvider, uid: string): Promise<ObservedPod> {
  let observed: ObservedPod | undefined
  await eventually(async () => {
    const all = await provider.listPods(patient)
    observed = all.find(({ ref, hasEnded }) => ref.uid === uid && hasEnded)
    return observed !== undefined
  })
  assert.ok(observed)
  return observed
}

function refOf({ metadata }: Pod): ObservedPod['ref'] {
  const { namespace, name, uid } = metadata
  return { namespace, name, uid }
}

async function makeProvider(): Promise<AsyncDisposable & { readonly provider: PodProvider }> {
  const dir = await mkdtemp(join(tmpdir(), 'vk-process-'))
  const host = { ...buildHost(), clock: systemClock, rootDir: dir, protectedDir: dir }
  const provider = await providerModule.create({}, host)
  return {
    provider,
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
