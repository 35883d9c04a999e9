// SPDX-License-Identifier: Apache-2.0
//
// An engine whose disk is full: pods wait and say why in one line, images that nothing uses make room, and
// with room everything goes on.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import type { ObservedPod, ProviderHost } from '../../src/provider/provider.ts'
import { ProviderFixture, isRunning, refOf } from '../../src/testing/provider-fixture.ts'
import type { Clock } from '../../src/util/clock.ts'
import { untilPullFails } from './pull-failure.ts'
import { TestRegistry } from './registry.ts'
import { busyboxFiles, testImage } from './test-image.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

/** Keeps house every second, not every five minutes. */
function hurried(host: ProviderHost): ProviderHost {
  const { clock } = host
  const sleep: Clock['sleep'] = (delayMs, options) =>
    clock.sleep(delayMs === 300_000 ? 1000 : delayMs, options)
  return { ...host, clock: { ...clock, sleep } }
}

const full = "the engine's disk is full: no space left on device"
const mebibyte = 1 << 20

function waits({ containers }: ObservedPod, reason: string): boolean {
  return containers[0]?.state?.waiting?.reason === reason
}

describeEngines(
  'a full disk',
  (engine) => {
    const registries: TestRegistry[] = []
    before(async () => {
      for (const name of ['unused', 'used', 'next']) {
        // A layer that is small on its way and large on the disk.
        const ballast = { path: 'ballast', mode: 0o644, content: Buffer.alloc(12 * mebibyte, name) }
        const config = { Env: ['PATH=/bin'], Cmd: ['sh', '-c', untilStopped] }
        const files = [...busyboxFiles(), ballast]
        const registry = await TestRegistry.open({
          repository: `team/${name}`,
          tag: '1',
          files,
          config,
        })
        registries.push(registry)
        await engine.daemon.allowInsecure(registry.host)
      }
    })
    beforeEach(async () => {
      for (const { image } of registries) {
        await engine.daemon.api.call('DELETE', `/images/${image}?force=1`).catch(() => {})
      }
    })
    after(async () => {
      for (const registry of registries) await registry[Symbol.asyncDispose]()
    })
    const open = (config: object = {}): Promise<ProviderFixture> =>
      ProviderFixture.open(engine.options(config))

    test('a pod waits for its sandbox, and has it when there is room', async () => {
      await using fixture = await open()
      const pod = fixture.pod(script(untilStopped))
      const filler = engine.daemon.fillDisk()
      try {
        await fixture.create(pod)
        const told = (): string | undefined =>
          fixture.events.find(({ reason }) => reason === 'FailedCreatePodSandBox')?.message
        const untilMs = performance.now() + fixture.timeoutMs
        while (told() === undefined) {
          assert.ok(performance.now() < untilMs, 'nobody was told')
          await fixture.host.clock.sleep(50)
        }
        const wrapped =
          /^Failed to create pod sandbox: (the engine did not take the pause image: )?(.*)$/
        assert.equal(wrapped.exec(told() ?? '')?.[2], full)
      } finally {
        rmSync(filler)
      }
      await fixture.until(pod, 'runs', isRunning)
    })

    test('a container that comes back waits, and runs again when there is room', async () => {
      await using fixture = await open()
      const pod = fixture.pod(script('exit 3'))
      await fixture.create(pod)
      // Podman cannot note an end on a full disk, so it is filled between two runs; until that is done, this process,
      // the provider too, does nothing else.
      await fixture.until(pod, 'waits', (observed) => waits(observed, 'CrashLoopBackOff'))
      const filler = engine.daemon.fillDisk()
      try {
        const { containers } = await fixture.until(pod, 'waits', (observed) =>
          waits(observed, 'CreateContainerError'),
        )
        assert.equal(containers[0]?.state?.waiting?.message, full)
        assert.equal(containers[0].lastState?.terminated?.exitCode, 3)
      } finally {
        rmSync(filler)
      }
      await fixture.until(pod, 'runs again', ({ containers }) => {
        return (containers[0]?.restartCount ?? 0) > 1
      })
    })

    test('above the high mark the longest unused images go, until the low mark is reached', async () => {
      const options = engine.options({ imageMinimumAgeSeconds: 0 })
      const impatient = { ...options, open: (host: ProviderHost) => options.open(hurried(host)) }
      await using fixture = await ProviderFixture.open(impatient)
      const [first = '', second = '', used = ''] = registries.map(({ image }) => image)
      for (const image of [first, second]) {
        const pod = fixture.pod({ container: { image } })
        await fixture.run(pod)
        await fixture.delete(pod, 0)
        await fixture.until(pod, 'has ended', ({ hasEnded }) => hasEnded)
        await fixture.provider.cleanUpPod?.(refOf(pod), fixture.context)
      }
      await fixture.run(fixture.pod({ container: { image: used } }))
      const names = async (): Promise<readonly string[]> => {
        const { images = [] } = await fixture.provider.describeNode(fixture.context)
        return images.flatMap((image) => image.names ?? [])
      }
      for (const image of [first, second, used]) assert.ok((await names()).includes(image), image)
      // 10 % are left, at least 20 % are to be; the first image alone takes 19 %.
      const filler = engine.daemon.fillDisk(6.4 * mebibyte)
      try {
        const untilMs = performance.now() + fixture.timeoutMs
        while ((await names()).includes(first)) {
          assert.ok(performance.now() < untilMs, 'the image is still there')
          await fixture.host.clock.sleep(500)
        }
        for (const kept of [second, used, testImage]) {
          assert.ok((await names()).includes(kept), `${kept} is gone`)
        }
      } finally {
        rmSync(filler)
      }
    })

    test('images that this node pulled and nothing uses make room for the next', async () => {
      await using fixture = await open({ imageMinimumAgeSeconds: 0 })
      const [unused = '', used = '', next = ''] = registries.map(({ image }) => image)
      const pods = [unused, used].map((image) => fixture.pod({ container: { image } }))
      for (const pod of pods) await fixture.run(pod)
      const [first] = pods
      assert.ok(first)
      await fixture.delete(first, 0)
      await fixture.until(first, 'has ended', ({ hasEnded }) => hasEnded)
      await fixture.provider.cleanUpPod?.(refOf(first), fixture.context)
      const filler = engine.daemon.fillDisk(4 * mebibyte)
      try {
        const pod = fixture.pod({ container: { image: next } })
        await fixture.create(pod)
        assert.equal(await untilPullFails(fixture, pod), full)
        await fixture.until(pod, 'runs', isRunning)
        const listed = await fixture.provider.describeNode(fixture.context)
        const names = (listed.images ?? []).flatMap((image) => image.names ?? [])
        for (const kept of [used, next, testImage])
          assert.ok(names.includes(kept), `${kept} is gone`)
        assert.ok(!names.includes(unused), `${unused} is still there`)
      } finally {
        rmSync(filler)
      }
    })
  },
  { diskBytes: 64 * mebibyte },
)
