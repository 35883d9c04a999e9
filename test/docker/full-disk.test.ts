// SPDX-License-Identifier: Apache-2.0
//
// An engine whose disk is full: pods wait and say why in one line, images that nothing uses make room, and
// with room everything goes on.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ObservedPod } from '../../src/provider/provider.ts'
import { ProviderFixture, isRunning, refOf } from '../../src/testing/provider-fixture.ts'
import { TestRegistry } from './registry.ts'
import { busyboxFiles, testImage } from './test-image.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

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
    after(async () => {
      for (const registry of registries) await registry[Symbol.asyncDispose]()
    })
    const open = (config: object = {}): Promise<ProviderFixture> =>
      ProviderFixture.open({ ...engine.options(config), timeoutMs: 60_000 })

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
      // Podman cannot note an end on a full disk, so it is filled between two runs.
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
        const { containers } = await fixture.until(pod, 'waits', (observed) =>
          waits(observed, 'ErrImagePull'),
        )
        assert.equal(containers[0]?.state?.waiting?.message, full)
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
