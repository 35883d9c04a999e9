// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { events } from '../../../kube/resources.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { startEventsTtlController } from './events-ttl-controller.ts'

describe('startEventsTtlController', () => {
  it('removes events an hour after they were last written', async () => {
    const clock = new FakeClock()
    const api = new FakeClusterApi(clock)
    const seed = (name: string, lastTimestamp: string) =>
      api.seed(events, {
        metadata: { name, namespace: 'ns' },
        involvedObject: { kind: 'Pod', name: 'p' },
        lastTimestamp,
      })
    seed('old', '2026-01-01T00:00:00Z')
    seed('repeated', '2026-01-01T00:30:00Z')
    await using _ = startEventsTtlController({ api, clock, log: silentLogger })
    const names = () => api.list(events).map(({ metadata }) => metadata.name)
    await clock.advance(59 * 60_000)
    assert.deepEqual(names(), ['old', 'repeated'])
    await clock.advance(3 * 60_000)
    assert.deepEqual(names(), ['repeated'])
    await clock.advance(30 * 60_000)
    assert.deepEqual(names(), [])
  })
})
