// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endedStatus } from '../../../../test/support/workload-objects.ts'
import type { Pod } from '../../../kube/types.gen.ts'
import { backoffLeftMs, endMs, noFailures, recordEnds } from './pod-backoff.ts'
import { wireTime } from '../../../util/wire-time.ts'

const startMs = Date.UTC(2026, 0, 1)

function ended(seconds: number, exitCode: number): Pod {
  return {
    metadata: { name: `p${seconds}`, namespace: 'default', uid: `p${seconds}` },
    spec: { containers: [] },
    status: endedStatus(exitCode, startMs + seconds * 1000),
  }
}

const failed = (...seconds: readonly number[]): readonly Pod[] =>
  seconds.map((one) => ended(one, 1))
const succeeded = (...seconds: readonly number[]): readonly Pod[] =>
  seconds.map((one) => ended(one, 0))

test('failures add up until a pod succeeds', () => {
  const first = recordEnds(noFailures, { succeeded: [], failed: failed(5, 3) })
  assert.deepEqual(first, { failures: 2, lastFailureMs: startMs + 5_000 })
  const second = recordEnds(first, { succeeded: [], failed: failed(9) })
  assert.deepEqual(second, { failures: 3, lastFailureMs: startMs + 9_000 })
  assert.equal(recordEnds(second, { succeeded: [], failed: [] }), second)
  assert.deepEqual(recordEnds(second, { succeeded: succeeded(10), failed: [] }), noFailures)
  assert.deepEqual(
    recordEnds(second, { succeeded: succeeded(10), failed: failed(8, 11, 12) }),
    { failures: 2, lastFailureMs: startMs + 12_000 },
    'only failures after the success count',
  )
})

test('the wait doubles from 10 s up to 10 min, counted from the last failure', () => {
  const waits = [1, 2, 3, 6, 7, 100].map((failures) =>
    backoffLeftMs({ failures, lastFailureMs: startMs }, startMs),
  )
  assert.deepEqual(waits, [10_000, 20_000, 40_000, 320_000, 600_000, 600_000])
  assert.equal(backoffLeftMs({ failures: 1, lastFailureMs: startMs }, startMs + 4_000), 6_000)
  assert.equal(backoffLeftMs({ failures: 1, lastFailureMs: startMs }, startMs + 11_000), 0)
  assert.equal(backoffLeftMs(noFailures, startMs), 0)
})

test('the end of a pod is the last end of its containers, or what comes closest', () => {
  const [pod] = failed(5)
  assert.equal(endMs(pod!), startMs + 5_000)
  const running = { ...pod!.status!.containerStatuses![0]!, state: { running: {} } }
  const status = { ...pod!.status!, containerStatuses: [running] }
  assert.equal(endMs({ ...pod!, status }), startMs + 5_000, 'not ready since then')
  const metadata = {
    ...pod!.metadata,
    creationTimestamp: wireTime(startMs),
    deletionTimestamp: wireTime(startMs + 40_000),
    deletionGracePeriodSeconds: 30,
  }
  assert.equal(endMs({ ...pod!, metadata, status: {} }), startMs + 10_000, 'deleted then')
  const { deletionTimestamp: _time, ...alive } = metadata
  assert.equal(endMs({ ...pod!, metadata: alive, status: {} }), startMs)
})
