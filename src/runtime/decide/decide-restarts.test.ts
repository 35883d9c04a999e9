// SPDX-License-Identifier: Apache-2.0
// decide(): which container is started again, and when; a line each for what Kubernetes documents.
import {
  runs,
  ended,
  one,
  doom,
  rules,
  failing,
  twoMain,
  twoInit,
  sidecars,
  once,
  nowMs,
  testRows,
} from '../../../test/support/decision-rows.ts'
import type { Row } from '../../../test/support/decision-rows.ts'

const restarts: Readonly<Record<string, Row>> = {
  'a rule may start a container again that its policy would leave': {
    spec: { containers: [one('a', rules('Restart'))] },
    has: { a: ended(42) },
    does: ['start a 1'],
  },
  'an exit code that no rule names is judged by the policy': {
    spec: { containers: [one('a', rules('Restart'))] },
    has: { a: ended(1) },
    hasEnded: true,
  },
  'a rule may have all containers started anew': {
    spec: { containers: [one('a', rules('RestartAllContainers')), one('b')], ...once },
    has: { a: ended(42), b: runs },
    reset: 'a',
  },
  'while the former runs are being stopped nothing starts': {
    spec: twoInit,
    has: {
      i: ended(0, { reset: 'all' }),
      j: ended(0, { reset: 'all' }),
      a: { ...runs, reset: 'all', doom: doom('reset') },
    },
    does: ['stop a 30'],
  },
  'all is started anew from the first init container': {
    spec: { ...twoInit, ...once },
    has: {
      i: ended(0, { reset: 'all' }),
      j: ended(0, { reset: 'all' }),
      a: ended(42, { reset: 'all' }),
    },
    does: ['start i 1'],
  },
  'rules do not judge what a probe has killed': {
    spec: { containers: [one('a', rules('Restart'))] },
    has: { a: ended(42, { doom: doom('liveness') }) },
    hasEnded: true,
  },
  'a liveness probe that failed ends the run': {
    has: { main: runs },
    health: { main: failing('liveness') },
    does: ['condemn main 30: Container main failed liveness probe, will be restarted'],
  },
  'the grace of a probe comes before that of the pod': {
    has: { main: runs },
    health: { main: failing('liveness', 3) },
    does: ['condemn main 3: Container main failed liveness probe, will be restarted'],
  },
  'what a probe has killed is started again under OnFailure, even after exit 0': {
    spec: { restartPolicy: 'OnFailure' },
    has: { main: ended(0, { doom: doom('liveness') }) },
    does: ['start main 1'],
  },
  'what a probe has killed stays so under Never': {
    spec: once,
    has: { main: ended(137, { doom: doom('startup') }) },
    hasEnded: true,
  },
  'a failed sidecar is spoken of as an init container': {
    spec: sidecars,
    has: { s: runs, t: runs, a: runs },
    health: { s: failing('startup') },
    does: ['condemn s 30: Init container s failed startup probe'],
  },
  'a container that waits for its back-off does not hold up the others': {
    spec: twoMain,
    has: { a: ended(1, { backoff: { delayMs: 10_000, updatedAtMs: nowMs } }) },
    does: ['start b 0'],
    waits: { a: 'CrashLoopBackOff' },
  },
  'an init container in back-off holds up what comes after it': {
    spec: twoInit,
    has: { i: ended(1, { backoff: { delayMs: 10_000, updatedAtMs: nowMs } }) },
    waits: { i: 'CrashLoopBackOff' },
  },
  'a pod with one container through and one that goes on goes on': {
    spec: { ...twoMain, restartPolicy: 'OnFailure' },
    has: { a: ended(0), b: runs },
  },
  'a pod has failed when its containers are through and one failed': {
    spec: { ...twoMain, ...once },
    has: { a: ended(0), b: ended(3) },
    hasEnded: true,
  },
}

/** Policy of the pod, policy of the container, exit code: is it started again? */
const policies: readonly [string, string | undefined, number, boolean][] = [
  ['Always', undefined, 0, true],
  ['Always', undefined, 1, true],
  ['OnFailure', undefined, 0, false],
  ['OnFailure', undefined, 1, true],
  ['Never', undefined, 0, false],
  ['Never', undefined, 1, false],
  ['Always', 'Never', 1, false],
  ['Always', 'OnFailure', 0, false],
  ['Always', 'OnFailure', 1, true],
  ['Never', 'OnFailure', 1, true],
  ['Never', 'Always', 0, true],
  ['OnFailure', 'Always', 0, true],
]

function policyRows(): Readonly<Record<string, Row>> {
  return Object.fromEntries(
    policies.map(([restartPolicy, own, exitCode, isRestarted]) => {
      const container = one('a', own === undefined ? {} : { restartPolicy: own })
      const where =
        own === undefined ? `under ${restartPolicy}` : `${own}, in a pod ${restartPolicy}`
      const row: Row = {
        spec: { restartPolicy, containers: [container] },
        has: { a: ended(exitCode) },
        ...(isRestarted ? { does: ['start a 1'] } : { hasEnded: true }),
      }
      return [`exit ${exitCode} of a container ${where}`, row]
    }),
  )
}

testRows({ ...restarts, ...policyRows() })
