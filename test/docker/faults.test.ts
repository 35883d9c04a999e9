// SPDX-License-Identifier: Apache-2.0
//
// What pods on an engine bear: the engine is killed and started again, or hangs; our own process is killed at
// a bad moment. Nothing is lost, nothing is doubled, nothing is left.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { ObservedPod } from '../../src/provider/provider.ts'
import type { Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, isRunning, refOf } from '../../src/testing/provider-fixture.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

const hasEnded = ({ hasEnded: ended }: ObservedPod): boolean => ended

/** A container that counts, slowly enough to be interrupted. */
const counting = (to: number): string =>
  `i=1; while [ $i -le ${to} ]; do echo line $i; i=$((i + 1)); sleep 0.02; done`

const lines = (to: number): readonly string[] =>
  Array.from({ length: to }, (_, index) => `line ${index + 1}`)

/** What a reader that follows is given until the container ends. */
async function followed({ provider, host }: ProviderFixture, pod: Pod): Promise<readonly string[]> {
  let isExact = false
  const { log } = host
  const chunks: Uint8Array[] = []
  const context = { signal: AbortSignal.timeout(60_000), log }
  const query = { previous: false, follow: true }
  for await (const { entries } of provider.logs(refOf(pod), 'c0', query, context)) {
    chunks.push(...entries.map(({ bytes }) => bytes))
    isExact ||= entries.some(({ timeMs }) => timeMs % 1000 !== 0)
  }
  assert.ok(isExact, 'times are finer than a second')
  return Buffer.concat(chunks).toString().trim().split('\n')
}

describeEngines('faults', (engine) => {
  test('a pod runs on, or again, when the engine is killed and comes back', async () => {
    await using fixture = await ProviderFixture.open({ ...engine.options(), timeoutMs: 60_000 })
    const pod = fixture.pod(script(untilStopped))
    const before = await fixture.run(pod)
    await engine.daemon.kill()
    await assert.rejects(fixture.provider.ping(fixture.context), /Cannot reach the engine/)
    await engine.daemon.start()
    await fixture.provider.ping(fixture.context)
    const isBack = (observed: ObservedPod): boolean =>
      isRunning(observed) &&
      // Docker ends what ran when it was killed; Podman's containers do not need it.
      (engine.kind === 'podman' || (observed.containers[0]?.restartCount ?? 0) > 0)
    const after = await fixture.until(pod, 'runs', isBack)
    if (engine.kind === 'podman') {
      assert.equal(after.containers[0]?.containerID, before.containers[0]?.containerID)
      assert.equal(after.containers[0]?.restartCount, 0)
    }
  })

  test('a pod that ended while the engine was away has its exit code', async () => {
    if (engine.kind === 'docker') return
    await using fixture = await ProviderFixture.open({ ...engine.options(), timeoutMs: 30_000 })
    const pod = fixture.pod(script('sleep 1; exit 7'), { restartPolicy: 'Never' })
    await fixture.run(pod)
    await engine.daemon.kill()
    await fixture.host.clock.sleep(1500)
    await engine.daemon.start()
    const { containers } = await fixture.until(pod, 'has ended', hasEnded)
    assert.equal(containers[0]?.state?.terminated?.exitCode, 7)
  })

  test('a hanging engine fails pings, and goes on where it was', async () => {
    await using fixture = await ProviderFixture.open({ ...engine.options(), timeoutMs: 30_000 })
    const first = fixture.pod(script(untilStopped))
    await fixture.run(first)
    process.kill(engine.daemon.pid, 'SIGSTOP')
    while (!hasStopped(engine.daemon.pid)) await setImmediate()
    const second = fixture.pod(script(untilStopped))
    try {
      await assert.rejects(fixture.provider.ping(fixture.context), /gave no answer for 5 s/)
      await fixture.create(second)
      assert.ok(
        isRunning((await fixture.observe(first)) ?? assert.fail('it is not known any more')),
      )
    } finally {
      process.kill(engine.daemon.pid, 'SIGCONT')
    }
    await fixture.until(second, 'runs', isRunning)
  })

  test('a follower of a log gets every line once, whatever breaks meanwhile', async () => {
    await using fixture = await ProviderFixture.open({ ...engine.options(), timeoutMs: 60_000 })
    const pod = fixture.pod(script(counting(150)), { restartPolicy: 'Never' })
    await fixture.create(pod)
    await fixture.until(pod, 'runs', isRunning)
    const reading = followed(fixture, pod)
    if (engine.kind === 'podman') {
      await fixture.host.clock.sleep(500)
      await engine.daemon.kill()
      await fixture.host.clock.sleep(300)
      await engine.daemon.start()
    }
    assert.deepEqual(await reading, lines(150))
  })

  test('restarts of our own lose no line and start nothing twice', async () => {
    await using fixture = await ProviderFixture.open({ ...engine.options(), timeoutMs: 60_000 })
    const pod = fixture.pod(script(counting(150)), { restartPolicy: 'Never' })
    await fixture.create(pod)
    await fixture.until(pod, 'runs', isRunning)
    for (const _ of [1, 2, 3]) {
      await fixture.restart()
      await fixture.create(pod)
      await fixture.host.clock.sleep(200)
    }
    const reading = followed(fixture, pod)
    const { containers } = await fixture.until(pod, 'has ended', hasEnded)
    assert.equal(containers[0]?.restartCount, 0)
    assert.equal(containers[0]?.state?.terminated?.exitCode, 0)
    assert.deepEqual(await reading, lines(150))
  })
})

/** A process stops thread by thread. */
function hasStopped(pid: number): boolean {
  const threads = `/proc/${pid}/task`
  return readdirSync(threads).every((thread) =>
    /^State:\s+T/m.test(readFileSync(`${threads}/${thread}/status`, 'utf8')),
  )
}
