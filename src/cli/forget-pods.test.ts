// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObservedPod, PodRef } from '../provider/provider.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { forgetPods } from './forget-pods.ts'

const observed = (name: string, hasEnded: boolean): ObservedPod => ({
  ref: { namespace: 'default', name, uid: name },
  podIPs: [],
  isSandboxReady: false,
  initContainers: [],
  containers: [],
  ephemeralContainers: [],
  hasEnded,
})

test('every pod that has ended is forgotten, also after a failure, and none that runs', async () => {
  const clock = new FakeClock()
  const failures = new Map([
    ['busy', 2],
    ['broken', Infinity],
  ])
  const forgotten: string[] = []
  const provider = {
    listPods: () =>
      Promise.resolve([
        observed('one', true),
        observed('busy', true),
        observed('broken', true),
        observed('running', false),
      ]),
    cleanUpPod: async ({ name }: PodRef) => {
      const left = failures.get(name) ?? 0
      failures.set(name, left - 1)
      if (left > 0) throw new Error('removal is already in progress')
      forgotten.push(name)
    },
  }
  const done = forgetPods(provider, { clock, log: silentLogger })
  for (let round = 0; round < 10; round += 1) await clock.advance(500)
  await done
  assert.deepEqual(forgotten.toSorted(), ['busy', 'one'])
  assert.equal(failures.get('running'), undefined)
})
