// SPDX-License-Identifier: Apache-2.0
//
// The control groups of pods: limits of a pod as a whole are there before its containers are, and nothing of a
// group is left when its pod has gone, also not what the engine puts there beside containers.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ProviderFixture, refOf } from '../../src/testing/provider-fixture.ts'
import { describeEngines, scriptIn, untilStopped } from './use-engine.ts'

const root = '/sys/fs/cgroup'
const isVersion1 = existsSync(join(root, 'memory'))

/** Every place where a group of this path can be. */
function placesOf(path: string): readonly string[] {
  return ['', ...readdirSync(root)].map((name) => join(root, name, path)).filter(existsSync)
}

describeEngines('control groups', (engine) => {
  test('a pod as a whole has its limits, and leaves no group behind', async () => {
    // Others that run here have the usual one.
    const cgroupParent = `/vk-test-${randomBytes(4).toString('hex')}`
    const options = engine.options({ cgroupParent })
    const resources = { limits: { cpu: '300m', memory: '64Mi' } }
    {
      await using fixture = await ProviderFixture.open(options)
      assert.equal(fixture.provider.features['resources.podLevel'], true)
      const pod = fixture.pod([
        scriptIn({ resources, terminationGracePeriodSeconds: 0 }, untilStopped),
        scriptIn({}, untilStopped),
      ])
      await fixture.run(pod)
      const group = `${cgroupParent}/pod${pod.metadata.uid}`
      const read = (controller: string, file: string): string =>
        readFileSync(join(root, isVersion1 ? controller : '', group, file), 'utf8').trim()
      const has = isVersion1
        ? [read('cpu', 'cpu.cfs_quota_us'), read('memory', 'memory.limit_in_bytes')]
        : [read('cpu', 'cpu.max').split(' ')[0], read('memory', 'memory.max')]
      assert.deepEqual(has, ['30000', String(64 * 1024 * 1024)])
      await fixture.delete(pod, 0)
      await fixture.until(pod, 'has ended', ({ hasEnded }) => hasEnded)
      await fixture.provider.cleanUpPod?.(refOf(pod), fixture.context)
      const untilMs = performance.now() + fixture.timeoutMs
      while (placesOf(group).length > 0) {
        assert.ok(performance.now() < untilMs, `${placesOf(group).join(' ')} is left`)
        await fixture.host.clock.sleep(50)
      }
    }
    for (const place of placesOf(cgroupParent)) rmdirSync(place)
  })
})
