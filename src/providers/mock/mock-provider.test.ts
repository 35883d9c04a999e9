// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodSpec } from '../../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { buildHost, patient, request } from '../../../test/support/provider-host.ts'
import type { ObservedPod, PodProvider } from '../../provider/provider.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { VkError, codeOf } from '../../util/vk-error.ts'
import { providerModule } from './provider.ts'

/** A mock, its clock, and every state it told of. */
class Bench implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly seen: ObservedPod[] = []
  readonly provider: PodProvider

  private constructor(provider: PodProvider, clock: FakeClock) {
    this.provider = provider
    this.clock = clock
    provider.watchPods?.((pod) => void this.seen.push(pod))
  }

  static async open(config: object = {}): Promise<Bench> {
    const clock = new FakeClock()
    return new Bench(await providerModule.create(config, buildHost(clock)), clock)
  }

  async create(pod: Pod): Promise<void> {
    await this.provider.createPod(request(pod), patient)
  }

  async delete(pod: Pod, gracePeriodSeconds = 30): Promise<void> {
    await this.provider.deletePod(pod.metadata, { gracePeriodSeconds }, patient)
  }

  async observe({ metadata }: Pod): Promise<ObservedPod> {
    const observed = (await this.provider.getPodStatuses([metadata], patient)).get(metadata.uid)
    assert.ok(observed, 'the pod is known')
    return observed
  }

  /** Kind of the first container's state, with its exit code or reason, and the restart count. */
  async state(pod: Pod): Promise<string> {
    const [status] = (await this.observe(pod)).containers
    const { running, waiting, terminated } = status?.state ?? {}
    const what = running
      ? 'running'
      : (waiting?.reason ?? `exit ${terminated?.exitCode} ${terminated?.reason}`)
    return `${what} (${status?.restartCount})`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider[Symbol.asyncDispose]()
    assert.equal(this.clock.pending, 0, 'no timer outlives the provider')
  }
}

function mockPod(settings: Readonly<Record<string, string>>, spec: Partial<PodSpec> = {}): Pod {
  const annotations = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`mock.virtual-kubelet.io/${name}`, value]),
  )
  return buildPod({ metadata: { annotations }, spec })
}

test('a pod runs at once, is told of once, and costs no timer', async () => {
  await using bench = await Bench.open()
  const pod = buildPod({ metadata: { generation: 3 } })
  await bench.create(pod)
  assert.equal(bench.clock.pending, 0)
  assert.equal(bench.seen.length, 1)
  const { uid, name, namespace } = pod.metadata
  const observed = await bench.observe(pod)
  assert.deepEqual(bench.seen[0], observed)
  assert.deepEqual(observed.ref, { uid, name, namespace })
  assert.equal(observed.observedGeneration, 3)
  assert.match(observed.podIPs[0] ?? '', /^10\./)
  assert.deepEqual(observed.containers, [
    {
      name: 'main',
      image: 'example',
      imageID: 'example',
      containerID: `mock://${uid}.main.0`,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    },
  ])
})

test('init containers have completed when the pod runs, and sidecars run', async () => {
  await using bench = await Bench.open()
  const initContainers = [
    buildContainer({ name: 'init' }),
    buildContainer({ name: 'sidecar', restartPolicy: 'Always' }),
  ]
  const pod = mockPod(
    { 'start-delay': '2s', 'run-time': '10s' },
    { initContainers, restartPolicy: 'Never' },
  )
  await bench.create(pod)
  const kinds = async (): Promise<readonly unknown[]> =>
    (await bench.observe(pod)).initContainers.map(({ name, ready, state }) => [
      name,
      ready,
      Object.keys(state ?? {})[0],
      state?.waiting?.reason ?? state?.terminated?.reason,
    ])
  assert.deepEqual(await kinds(), [
    ['init', false, 'waiting', 'PodInitializing'],
    ['sidecar', false, 'waiting', 'PodInitializing'],
  ])
  await bench.clock.advance(2000)
  assert.deepEqual(await kinds(), [
    ['init', true, 'terminated', 'Completed'],
    ['sidecar', true, 'running', undefined],
  ])
  await bench.clock.advance(10_000)
  assert.deepEqual(await kinds(), [
    ['init', true, 'terminated', 'Completed'],
    ['sidecar', false, 'terminated', 'Completed'],
  ])
})

test('start-delay keeps the pod waiting', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'start-delay': '1500ms' })
  await bench.create(pod)
  assert.equal(await bench.state(pod), 'ContainerCreating (0)')
  await bench.clock.advance(1499)
  assert.equal(await bench.state(pod), 'ContainerCreating (0)')
  await bench.clock.advance(1)
  assert.equal(await bench.state(pod), 'running (0)')
  assert.equal(bench.clock.pending, 0)
})

const endings: readonly (readonly [restartPolicy: string, exitCode: string, state: string])[] = [
  ['Never', '0', 'exit 0 Completed (0)'],
  ['Never', '7', 'exit 7 Error (0)'],
  ['OnFailure', '0', 'exit 0 Completed (0)'],
  ['OnFailure', '1', 'running (1)'],
  ['Always', '0', 'running (1)'],
]
for (const [restartPolicy, exitCode, state] of endings) {
  test(`after its run time with code ${exitCode}, policy ${restartPolicy}: ${state}`, async () => {
    await using bench = await Bench.open()
    const pod = mockPod({ 'run-time': '5s', 'exit-code': exitCode }, { restartPolicy })
    await bench.create(pod)
    await bench.clock.advance(5000)
    assert.equal(await bench.state(pod), state)
    const observed = await bench.observe(pod)
    assert.equal(observed.hasEnded, state.startsWith('exit'))
    assert.deepEqual(bench.seen.at(-1), observed)
    const last = observed.containers[0]?.lastState?.terminated
    assert.equal(last?.exitCode, observed.hasEnded ? undefined : Number(exitCode))
  })
}

test('a container that is restarted for ever runs at least a second each time', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'run-time': '0' })
  await bench.create(pod)
  assert.equal(await bench.state(pod), 'running (1)')
  await bench.clock.advance(10_000)
  assert.equal(await bench.state(pod), 'running (11)')
})

test('a deleted pod ends at once, with its stop delay, or killed when its grace is over', async () => {
  await using bench = await Bench.open()
  const [prompt, slow, stubborn] = [
    buildPod(),
    mockPod({ 'stop-delay': '5s' }),
    mockPod({ 'stop-delay': '1h' }),
  ]
  for (const pod of [prompt, slow, stubborn]) {
    await bench.create(pod)
    await bench.delete(pod)
  }
  assert.equal(await bench.state(prompt), 'exit 0 Completed (0)')
  assert.equal(await bench.state(slow), 'running (0)')
  await bench.clock.advance(5000)
  assert.equal(await bench.state(slow), 'exit 0 Completed (0)')
  assert.equal(await bench.state(stubborn), 'running (0)')
  await bench.delete(stubborn, 60)
  await bench.clock.advance(24_999)
  assert.equal(await bench.state(stubborn), 'running (0)')
  await bench.clock.advance(1)
  assert.equal(await bench.state(stubborn), 'exit 137 Error (0)')
})

test('a pod that stops is not restarted when its run time is over', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'run-time': '2s', 'stop-delay': '10s' })
  await bench.create(pod)
  await bench.delete(pod)
  await bench.clock.advance(2000)
  assert.equal(await bench.state(pod), 'exit 0 Completed (0)')
})

test('a pod that is deleted before its start never runs', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'start-delay': '1h' })
  await bench.create(pod)
  await bench.delete(pod)
  const observed = await bench.observe(pod)
  assert.equal(observed.hasEnded, true)
  assert.equal(await bench.state(pod), 'ContainerCreating (0)')
  assert.equal(bench.clock.pending, 0)
})

test('a deadline ends the pod as failed, counted from its start time', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({}, { activeDeadlineSeconds: 60 })
  await bench.create(pod)
  await bench.clock.advance(60_000)
  assert.equal((await bench.observe(pod)).failure?.reason, 'DeadlineExceeded')
  assert.equal(await bench.state(pod), 'exit 137 Error (0)')
})

test('the first creates fail as often as asked, with the code asked for', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'fail-create': '2', 'fail-create-code': 'QuotaExceeded' })
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(bench.create(pod), (error) => codeOf(error) === 'QuotaExceeded')
    assert.deepEqual(await bench.provider.listPods(patient), [])
  }
  await bench.create(pod)
  assert.equal(await bench.state(pod), 'running (0)')
})

test('creates that always fail keep failing, and the pod can be deleted', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'fail-create': 'always' })
  for (let attempt = 0; attempt < 5; attempt++) {
    await assert.rejects(bench.create(pod), (error) => codeOf(error) === 'Unavailable')
  }
  await bench.delete(pod)
})

test('a lost reply leaves the pod running, and the next create finds it', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'lose-reply': '1' })
  await assert.rejects(bench.create(pod), (error) => codeOf(error) === 'Unavailable')
  const before = await bench.observe(pod)
  await bench.create(pod)
  assert.deepEqual(await bench.observe(pod), before)
})

test('deletes fail as often as asked, and the pod runs on meanwhile', async () => {
  await using bench = await Bench.open()
  const pod = mockPod({ 'fail-delete': '1', 'fail-delete-code': 'Conflict' })
  await bench.create(pod)
  await assert.rejects(bench.delete(pod), (error) => codeOf(error) === 'Conflict')
  assert.equal(await bench.state(pod), 'running (0)')
  await bench.delete(pod)
  assert.equal((await bench.observe(pod)).hasEnded, true)
})

for (const call of ['create', 'delete'] as const) {
  test(`a ${call} that hangs ends when the caller gives up`, async () => {
    await using bench = await Bench.open()
    const pod = mockPod({ hang: call })
    if (call === 'delete') await bench.create(pod)
    const caller = new AbortController()
    const context = { signal: caller.signal, log: silentLogger }
    const pending =
      call === 'create'
        ? bench.provider.createPod(request(pod), context)
        : bench.provider.deletePod(pod.metadata, { gracePeriodSeconds: 0 }, context)
    const outcome = assert.rejects(pending, (error) => codeOf(error) === 'Timeout')
    caller.abort()
    await outcome
  })
}

for (const [setting, value, message] of [
  ['run-time', 'soon', 'must be a duration such as 500ms, 2s or 1m'],
  ['exit-code', '256', 'must be at most 255'],
  ['fail-create', '-1', 'must be a whole number or "always"'],
  ['fail-create-code', 'Broken', 'must be one of'],
  ['hang', 'list', 'must be "create" or "delete"'],
  ['runtime', '1s', 'no such setting'],
] as const) {
  test(`annotation ${setting}: ${value} is refused`, async () => {
    await using bench = await Bench.open()
    await assert.rejects(bench.create(mockPod({ [setting]: value })), (error) => {
      assert.ok(error instanceof VkError)
      assert.equal(error.code, 'Invalid')
      assert.ok(error.message.includes(`mock.virtual-kubelet.io/${setting}": ${message}`))
      return true
    })
  })
}

test('a running pod that this process does not know is adopted as the API has it', async () => {
  await using before = await Bench.open()
  const pod = mockPod({ 'run-time': '100s' })
  await before.create(pod)
  await before.clock.advance(150_000)
  const { podIPs, containers } = await before.observe(pod)
  assert.equal(containers[0]?.restartCount, 1)
  const status: Pod['status'] = {
    phase: 'Running',
    startTime: '2026-01-01T00:00:00Z',
    podIP: podIPs[0] ?? '',
    podIPs: podIPs.map((ip) => ({ ip })),
    containerStatuses: containers,
  }
  await using after = await Bench.open()
  await after.clock.advance(160_000)
  await after.create({ ...pod, status })
  const adopted = await after.observe(pod)
  assert.deepEqual(adopted.containers, containers)
  assert.deepEqual(adopted.podIPs, podIPs)
  assert.equal(adopted.startTime, '2026-01-01T00:00:00Z')
  await after.clock.advance(40_000)
  assert.equal(await after.state(pod), 'running (2)')
})

test('addresses are unique, given back, and run out', async () => {
  await using bench = await Bench.open({ podCIDR: '10.20.30.0/29' })
  const pods = Array.from({ length: 6 }, () => buildPod())
  for (const pod of pods) await bench.create(pod)
  const addresses = new Set(
    (await bench.provider.listPods(patient)).map(({ podIPs }) => podIPs.join()),
  )
  assert.equal(addresses.size, 6)
  for (const address of addresses) assert.match(address, /^10\.20\.30\.[1-6]$/)
  const late = buildPod()
  await assert.rejects(bench.create(late), (error) => codeOf(error) === 'QuotaExceeded')
  const [first] = pods
  assert.ok(first)
  await bench.delete(first)
  await bench.provider.cleanUpPod?.(first.metadata, patient)
  await bench.create(late)
  assert.equal(await bench.state(late), 'running (0)')
})

test('a pod has the address it asks for, or the node’s on the host network', async () => {
  await using bench = await Bench.open()
  const asked = mockPod({ 'pod-ip': '10.1.2.3, fd00::3' })
  const onHost = buildPod({ spec: { hostNetwork: true } })
  await bench.create(asked)
  await bench.create(onHost)
  assert.deepEqual((await bench.observe(asked)).podIPs, ['10.1.2.3', 'fd00::3'])
  assert.deepEqual((await bench.observe(onHost)).podIPs, ['192.168.0.2'])
})

test('a running pod can be told to end, and a new image restarts its containers', async () => {
  await using bench = await Bench.open()
  const pod = buildPod({ spec: { restartPolicy: 'Never' } })
  await bench.create(pod)
  await bench.clock.advance(3000)
  const containers = [buildContainer({ image: 'newer' })]
  const changed = { ...pod, spec: { ...pod.spec, containers } }
  await bench.provider.updatePod(request(changed), patient)
  assert.equal(await bench.state(pod), 'running (1)')
  assert.equal((await bench.observe(pod)).containers[0]?.image, 'newer')
  const annotations = { 'mock.virtual-kubelet.io/run-time': '1s' }
  const told = { ...changed, metadata: { ...pod.metadata, annotations } }
  await bench.provider.updatePod(request(told), patient)
  await bench.clock.advance(1000)
  assert.equal(await bench.state(pod), 'exit 0 Completed (1)')
})

test('defaults of the configuration hold for pods that say nothing themselves', async () => {
  await using bench = await Bench.open({ defaults: { 'start-delay': '1s', 'run-time': 2 } })
  const [silent, own] = [
    buildPod({ spec: { restartPolicy: 'Never' } }),
    mockPod({ 'start-delay': '0' }, { restartPolicy: 'Never' }),
  ]
  await bench.create(silent)
  await bench.create(own)
  assert.equal(await bench.state(silent), 'ContainerCreating (0)')
  assert.equal(await bench.state(own), 'running (0)')
  await bench.clock.advance(2000)
  assert.equal(await bench.state(own), 'exit 0 Completed (0)')
  assert.equal(await bench.state(silent), 'running (0)')
})
