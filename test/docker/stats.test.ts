// SPDX-License-Identifier: Apache-2.0
//
// Figures of pods and of the node: the engine's and the kernel's, each under its right name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../src/kube/types.gen.ts'
import type { PodStats } from '../../src/provider/stats.ts'
import { ProviderFixture, isRunning } from '../../src/testing/provider-fixture.ts'
import { describeEngines, script, scriptIn, untilStopped } from './use-engine.ts'

const sentBytes = 3_000_000
const layerBytes = 3_000_000

async function statsOf(
  { provider, context }: ProviderFixture,
  { metadata }: Pod,
): Promise<PodStats | undefined> {
  const all = (await provider.podStats?.(context)) ?? []
  return all.find(({ podRef }) => podRef.uid === metadata.uid)
}

async function until(
  fixture: ProviderFixture,
  pod: Pod,
  isSo: (stats: PodStats) => boolean,
): Promise<PodStats> {
  const untilMs = performance.now() + fixture.timeoutMs
  for (;;) {
    const stats = await statsOf(fixture, pod)
    if (stats && isSo(stats)) return stats
    assert.ok(performance.now() < untilMs, `it has ${JSON.stringify(stats)}`)
    await fixture.host.clock.sleep(200)
  }
}

describeEngines('figures', (engine) => {
  test('a pod has those of a kubelet, and what it was sent is what it received', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    // Its input stays open, or it would leave with the first byte.
    const receive = `sleep 1000 | nc -l -p 9000 > /dev/null & echo line; ${untilStopped}`
    const receiver = fixture.pod([script(receive), script('while :; do :; done')], {
      terminationGracePeriodSeconds: 0,
    })
    const { podIPs } = await fixture.run(receiver)
    const send = `until head -c ${sentBytes} /dev/zero | nc ${podIPs[0]} 9000; do sleep 0.1; done`
    const sender = fixture.pod(script(`${send}; ${untilStopped}`))
    await fixture.run(sender)
    // All of them, once everything runs that is counted: what a busy machine begins first is nobody's.
    const stats = await until(fixture, receiver, ({ network, cpu, containers, process_stats }) => {
      const [idle, busy] = ['c0', 'c1'].map((name) => containers.find((one) => one.name === name))
      return (
        (network?.rxBytes ?? 0) > sentBytes &&
        (cpu?.usageNanoCores ?? 0) > 0 &&
        (busy?.cpu?.usageCoreNanoSeconds ?? 0) > (idle?.cpu?.usageCoreNanoSeconds ?? Infinity) &&
        (idle?.memory?.workingSetBytes ?? 0) > 0 &&
        (idle?.logs?.usedBytes ?? 0) > 0 &&
        // A shell, what it waits for, nc or what is left of it, and its input; and another shell.
        (process_stats?.process_count ?? 0) >= 4
      )
    })
    assert.ok((stats.network?.txBytes ?? Infinity) < sentBytes / 2, JSON.stringify(stats.network))
    assert.equal(stats.network?.name, 'eth0')
    const sent = await until(fixture, sender, ({ network }) => (network?.txBytes ?? 0) > sentBytes)
    assert.ok((sent.network?.rxBytes ?? Infinity) < sentBytes / 2)
  })

  test('what a container writes over its image is counted, and ends a pod that may not', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const write = `head -c ${layerBytes} /dev/zero > /written; ${untilStopped}`
    const resources = { limits: { 'ephemeral-storage': '1Mi' } }
    const free = fixture.pod(script(write), { terminationGracePeriodSeconds: 0 })
    const bounded = fixture.pod(script(write, { resources }), { terminationGracePeriodSeconds: 0 })
    await Promise.all([fixture.run(free), fixture.create(bounded)])
    const { containers } = await until(fixture, free, (stats) => {
      return (stats.containers[0]?.rootfs?.usedBytes ?? 0) >= layerBytes
    })
    assert.ok((containers[0]?.rootfs?.capacityBytes ?? 0) > layerBytes)
    const evicted = await fixture.until(bounded, 'is evicted', ({ hasEnded }) => hasEnded)
    assert.equal(evicted.failure?.reason, 'Evicted')
    assert.match(evicted.failure?.message ?? '', /exceeds the total limit of containers 1Mi\. $/)
    const node = await fixture.provider.nodeStats?.(fixture.context)
    assert.ok((node?.runtime?.imageFs?.availableBytes ?? 0) > 0)
    assert.equal(isRunning((await fixture.observe(free)) ?? assert.fail()), true)
  })

  test("a pod in the machine's network has no figures of it", async () => {
    await using fixture = await ProviderFixture.open(engine.options({ allowHostNamespaces: true }))
    const pod = fixture.pod(scriptIn({ hostNetwork: true }, untilStopped))
    await fixture.run(pod)
    const { network, containers } = await until(fixture, pod, ({ cpu }) => cpu !== undefined)
    assert.equal(network, undefined)
    assert.equal(containers.length, 1)
  })

  test('many containers are read in one round', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pods = [1, 2, 3].map(() =>
      fixture.pod([1, 2, 3].map(() => script(untilStopped, { imagePullPolicy: 'Never' }))),
    )
    await Promise.all(pods.map((pod) => fixture.run(pod)))
    const untilMs = performance.now() + fixture.timeoutMs
    for (;;) {
      const all = (await fixture.provider.podStats?.(fixture.context, 'cpuAndMemory')) ?? []
      if (all.map(({ containers }) => containers.length).join() === '3,3,3') break
      assert.ok(performance.now() < untilMs, JSON.stringify(all))
      await fixture.host.clock.sleep(200)
    }
    const node = await fixture.provider.nodeStats?.(fixture.context)
    assert.ok((node?.memory?.workingSetBytes ?? 0) > 0)
    assert.ok((node?.fs?.capacityBytes ?? 0) > 0)
  })
})
