// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import type { Pod, PodSpec } from '../../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { buildHost, patient, request } from '../../../test/support/provider-host.ts'
import { unsupportedFields } from '../../provider/feature-check.ts'
import type { ObservedPod } from '../../provider/provider.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { UserError, VkError, codeOf } from '../../util/vk-error.ts'
import { mockFeatures, providerModule } from './provider.ts'

test('the node is large by default, and as the configuration says otherwise', async () => {
  await using provider = await providerModule.create(undefined, buildHost())
  const { capacity } = await provider.describeNode(patient)
  assert.deepEqual(capacity, {
    cpu: '1000',
    memory: '4Ti',
    pods: '10000',
    'ephemeral-storage': '4Ti',
  })
  const config = {
    capacity: { cpu: 4, 'a.example/gpu': '2' },
    labels: { zone: 'a' },
    providerID: 'x://1',
  }
  await using other = await providerModule.create(config, buildHost())
  const node = await other.describeNode(patient)
  assert.equal(node.capacity['cpu'], '4')
  assert.equal(node.capacity['a.example/gpu'], '2')
  assert.equal(node.capacity['pods'], '10000')
  assert.deepEqual([node.labels, node.providerID], [{ zone: 'a' }, 'x://1'])
})

test("the Go project's configuration is read by node name", async () => {
  const config = {
    'node-a': {
      cpu: '20',
      memory: '100Gi',
      pods: '20',
      others: { 'a.example/gpu': '1' },
      providerID: 'p',
    },
    'node-b': { cpu: '1' },
  }
  await using provider = await providerModule.create(config, buildHost())
  const { capacity, providerID } = await provider.describeNode(patient)
  assert.deepEqual(capacity, {
    cpu: '20',
    memory: '100Gi',
    pods: '20',
    'ephemeral-storage': '4Ti',
    'a.example/gpu': '1',
  })
  assert.equal(providerID, 'p')
})

const mistakes: readonly (readonly [config: unknown, message: RegExp])[] = [
  [{ capacity: { cpu: 'many' } }, /"capacity\.cpu" must be a quantity/],
  [{ podCIDR: '10.0.0.0' }, /"podCIDR" must be an IPv4 range/],
  [{ podcidr: '10.0.0.0/8' }, /"podcidr"/],
  [{ defaults: { 'run-time': 'soon' } }, /"defaults\.run-time" must be a duration/],
  [{ defaults: { 'run-tim': '1s' } }, /"defaults\.run-tim" is no known key/],
  [{ 'node-a': { cpus: 1 } }, /"cpus" is no known key/],
  ['text', /Cannot use configuration of provider mock/],
]
for (const [config, message] of mistakes) {
  test(`configuration ${JSON.stringify(config)} is refused`, () => {
    assert.throws(
      () => void providerModule.create(config, buildHost()),
      (error) => error instanceof UserError && message.test(error.message),
    )
  })
}

test('a ping fails with the content of the configured file while that exists', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vk-mock-'))
  try {
    const unhealthyFile = join(directory, 'down')
    await using provider = await providerModule.create({ unhealthyFile }, buildHost())
    await provider.ping(patient)
    await writeFile(unhealthyFile, 'power cut\n')
    await assert.rejects(provider.ping(patient), (error) => {
      assert.ok(error instanceof VkError)
      assert.deepEqual(
        [error.code, error.message],
        ['Unavailable', 'Cannot reach the mock backend: power cut'],
      )
      return true
    })
    await rm(unhealthyFile)
    await provider.ping(patient)
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('the node forgets no CPU time when containers are restarted', async () => {
  const clock = new FakeClock()
  await using provider = await providerModule.create({}, buildHost(clock))
  const annotations = { 'mock.virtual-kubelet.io/run-time': '30s' }
  await provider.createPod(request(buildPod({ metadata: { annotations } })), patient)
  let before = 0
  for (let seconds = 0; seconds < 100; seconds += 5) {
    const nanos = (await provider.nodeStats?.(patient))?.cpu?.usageCoreNanoSeconds ?? 0
    assert.ok(nanos > before, `${nanos} after ${before}`)
    before = nanos
    await clock.advance(5000)
  }
})

test('usage grows, and its rate is what is reported beside it', async () => {
  const clock = new FakeClock()
  await using busy = await providerModule.create({}, buildHost(clock))
  const pod = buildPod({
    spec: { containers: [buildContainer(), buildContainer({ name: 'two' })] },
  })
  await busy.createPod(request(pod), patient)
  const read = async (): Promise<{ nanos: number; rate: number; names: readonly string[] }> => {
    const [stats] = await busy.podStats(patient)
    const { usageCoreNanoSeconds = 0, usageNanoCores = 0 } = stats?.cpu ?? {}
    const names = (stats?.containers ?? []).map(({ name }) => name)
    return { nanos: usageCoreNanoSeconds, rate: usageNanoCores, names }
  }
  let before = await read()
  assert.ok(before.nanos > 0, 'CPU time is never 0')
  assert.deepEqual(before.names, ['main', 'two'])
  for (let second = 0; second < 90; second++) {
    await clock.advance(1000)
    const now = await read()
    const measured = now.nanos - before.nanos
    const [low, high] = [Math.min(before.rate, now.rate), Math.max(before.rate, now.rate)]
    assert.ok(measured > low * 0.98 && measured < high * 1.02, `${low} ${measured} ${high}`)
    before = now
  }
  const nodeBefore = (await busy.nodeStats?.(patient))?.cpu?.usageCoreNanoSeconds ?? 0
  await busy.deletePod(pod.metadata, { gracePeriodSeconds: 0 }, patient)
  const nodeAfter = (await busy.nodeStats?.(patient))?.cpu?.usageCoreNanoSeconds ?? 0
  assert.ok(nodeBefore > before.nanos && nodeAfter >= nodeBefore, 'the node forgets no CPU time')
  assert.deepEqual(await busy.podStats(patient), [])
})

async function logsOf(pod: Pod, query: { tailLines?: number }): Promise<readonly string[]> {
  await using provider = await providerModule.create({}, buildHost())
  await provider.createPod(request(pod), patient)
  const lines: string[] = []
  const logs = provider.logs(
    pod.metadata,
    'main',
    { previous: false, follow: false, ...query },
    patient,
  )
  for await (const { entries } of logs) {
    for (const { bytes } of entries) lines.push(Buffer.from(bytes).toString())
  }
  return lines
}

test('a container has as many lines of output as its annotation says', async () => {
  const pod = buildPod({
    metadata: { annotations: { 'mock.virtual-kubelet.io/log-lines': '2500' } },
  })
  const lines = await logsOf(pod, {})
  assert.equal(lines.length, 2500)
  assert.equal(lines[0], 'mock output of container main, line 1\n')
  assert.deepEqual(await logsOf(pod, { tailLines: 2 }), lines.slice(-2))
  assert.equal((await logsOf(buildPod(), {})).length, 3)
})

interface Manifest {
  readonly kind: string
  readonly metadata: Pod['metadata']
  readonly spec: PodSpec & { readonly template?: Omit<Pod, 'status'> }
}

test('the pods of the example run as written', async () => {
  const text = readFileSync(new URL('example.yaml', import.meta.url), 'utf8')
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest)
  assert.deepEqual(
    manifests.map(({ kind }) => kind),
    ['Pod', 'Job', 'Pod'],
  )
  await using provider = await providerModule.create({}, buildHost())
  for (const [index, { metadata, spec }] of manifests.entries()) {
    const template = spec.template ?? { metadata, spec }
    const named = {
      ...template.metadata,
      name: metadata.name,
      namespace: 'default',
      uid: `${index}`,
    }
    const pod: Pod = { metadata: named, spec: template.spec }
    assert.deepEqual(unsupportedFields(pod, mockFeatures), [])
    if (metadata.name !== 'mock-faulty') await provider.createPod(request(pod), patient)
    else await assert.rejects(provider.createPod(request(pod), patient), isQuota)
  }
})

const isQuota = (error: unknown): boolean => codeOf(error) === 'QuotaExceeded'

test('watchers may come and go', async () => {
  await using provider = await providerModule.create({}, buildHost())
  const seen: ObservedPod[] = []
  const watch = provider.watchPods?.((pod) => void seen.push(pod))
  await provider.createPod(request(buildPod()), patient)
  watch?.[Symbol.dispose]()
  await provider.createPod(request(buildPod()), patient)
  assert.equal(seen.length, 1)
})
