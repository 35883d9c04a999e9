// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodStats } from '../../provider/stats.ts'
import { metricText } from './metric-text.ts'
import { volumeFamilies } from './volume-families.ts'

const time = '2026-01-01T00:00:00Z'

const podOf = (name: string, volume: NonNullable<PodStats['volume']>): PodStats => ({
  podRef: { name, namespace: 'ns', uid: name },
  startTime: time,
  containers: [],
  volume,
})

test('a claim is told of once, without figures that nobody knows, and other volumes are not', () => {
  const kept = {
    name: 'kept',
    pvcRef: { name: 'claim', namespace: 'ns' },
    time,
    capacityBytes: 100,
    usedBytes: 40,
    inodesFree: 7,
  }
  const text = metricText(
    volumeFamilies([
      podOf('a', [kept, { name: 'scratch', time, capacityBytes: 5 }]),
      podOf('b', [kept]),
    ]),
  )
  const labels = '{namespace="ns",persistentvolumeclaim="claim"}'
  assert.deepEqual(
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    [
      `kubelet_volume_stats_capacity_bytes${labels} 100`,
      `kubelet_volume_stats_used_bytes${labels} 40`,
      `kubelet_volume_stats_inodes_free${labels} 7`,
    ],
  )
})
