// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endedStatus, newJob } from '../../../../test/support/workload-objects.ts'
import type { Job, Pod, PodFailurePolicyRule } from '../../../kube/types.gen.ts'
import { judgeFailedPod } from './pod-failure-policy.ts'
import { successPolicyMessage } from './success-policy.ts'

function jobWith(...rules: readonly PodFailurePolicyRule[]): Job {
  const { spec } = newJob({ podFailurePolicy: { rules } })
  return { metadata: { name: 'work', namespace: 'default', uid: 'job' }, spec }
}

function pod(exitCode: number, disrupted = false): Pod {
  const conditions = disrupted ? [{ type: 'DisruptionTarget', status: 'True' }] : []
  return {
    metadata: { name: 'p', namespace: 'default', uid: 'p' },
    spec: { containers: [] },
    status: { ...endedStatus(exitCode, 0), conditions },
  }
}

const onCodes = (
  operator: string,
  values: readonly number[],
  containerName?: string,
): Pick<PodFailurePolicyRule, 'onExitCodes'> => ({
  onExitCodes: { operator, values, ...(containerName !== undefined && { containerName }) },
})

test('the first rule that matches decides', () => {
  const job = jobWith(
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
    { action: 'Count', ...onCodes('In', [1], 'other') },
    { action: 'FailIndex', ...onCodes('In', [7]) },
    { action: 'FailJob', ...onCodes('NotIn', [1, 2]) },
  )
  assert.deepEqual(judgeFailedPod(job, pod(42, true)), { action: 'Ignore', isCounted: false })
  assert.deepEqual(judgeFailedPod(job, pod(7)), { action: 'FailIndex', isCounted: true })
  assert.deepEqual(judgeFailedPod(job, pod(42)), {
    action: 'FailJob',
    isCounted: true,
    message:
      'Container main for pod default/p failed with exit code 42 matching FailJob rule at index 3',
  })
  assert.deepEqual(judgeFailedPod(job, pod(1)), { isCounted: true }, 'another container')
})

test('a container that ended well matches no rule, not even NotIn', () => {
  const job = jobWith({ action: 'FailJob', ...onCodes('NotIn', [1]) })
  assert.deepEqual(judgeFailedPod(job, pod(0)), { isCounted: true })
})

test('a condition can fail the Job, too', () => {
  const rule = {
    action: 'FailJob',
    onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }],
  }
  assert.equal(
    judgeFailedPod(jobWith(rule), pod(1, true)).message,
    'Pod default/p has condition DisruptionTarget matching FailJob rule at index 0',
  )
})

test('a success policy asks for indexes, for a number of them, or for a number of any', () => {
  const message = (rule: object, succeeded: readonly number[]): string | undefined => {
    const { spec } = newJob({ completions: 10, successPolicy: { rules: [{}, rule] } })
    const job = { metadata: { name: 'work', namespace: 'default', uid: 'job' }, spec }
    return successPolicyMessage(
      job,
      succeeded.map((index) => ({ first: index, last: index })),
    )
  }
  const met = 'Matched rules at index 1'
  assert.equal(message({ succeededIndexes: '1,3-4' }, [1, 3]), undefined)
  assert.equal(message({ succeededIndexes: '1,3-4' }, [1, 3, 4]), met)
  assert.equal(message({ succeededIndexes: '1,3-4', succeededCount: 2 }, [0, 3, 4]), met)
  assert.equal(message({ succeededIndexes: '1,3-4', succeededCount: 2 }, [0, 2, 4]), undefined)
  assert.equal(message({ succeededCount: 3 }, [0, 7]), undefined)
  assert.equal(message({ succeededCount: 3 }, [0, 5, 7]), met)
  assert.equal(message({ succeededIndexes: '20-30' }, [0]), undefined)
})
