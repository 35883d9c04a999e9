// SPDX-License-Identifier: Apache-2.0
// decide(): in which order the containers of a pod come and go, as Kubernetes documents it; a line each.
import {
  runs,
  ended,
  one,
  sidecar,
  doom,
  postStart,
  startupProbe,
  up,
  notUp,
  twoMain,
  twoInit,
  sidecars,
  once,
  nowMs,
  testRows,
} from '../../../test/support/decision-rows.ts'
import type { Row } from '../../../test/support/decision-rows.ts'

const order: Readonly<Record<string, Row>> = {
  'init containers come one by one, in their order': { spec: twoInit, does: ['start i 0'] },
  'the next init container waits for the success of the one before': {
    spec: twoInit,
    has: { i: runs },
  },
  'after the success of an init container comes the next': {
    spec: twoInit,
    has: { i: ended(0) },
    does: ['start j 0'],
  },
  'after the last init container come the regular ones': {
    spec: twoInit,
    has: { i: ended(0), j: ended(0) },
    does: ['start a 0'],
  },
  'init containers that were through are not run again for what comes later': {
    spec: { ...twoInit, ...once },
    has: { i: ended(0), j: ended(1, { attempt: 3 }), a: runs },
  },
  'an init container that fails is started again where the policy says so': {
    spec: { ...twoInit, restartPolicy: 'OnFailure' },
    has: { i: ended(1) },
    does: ['start i 1'],
  },
  'an init container that fails for good ends its pod': {
    spec: { ...twoInit, ...once },
    has: { i: ended(1) },
    hasEnded: true,
  },
  'an init container that succeeded is not started again under Always': {
    spec: { ...twoInit, restartPolicy: 'Always' },
    has: { i: ended(0), j: runs },
  },
  'regular containers do not wait for each other': {
    spec: twoMain,
    does: ['start a 0', 'start b 0'],
  },
  'a sidecar lets the next container begin once it has started': {
    spec: sidecars,
    has: { s: runs },
    does: ['start t 0'],
  },
  'a sidecar with a startup probe lets nobody begin before that has succeeded': {
    spec: { ...sidecars, initContainers: [sidecar('s', { startupProbe }), sidecar('t')] },
    has: { s: runs },
    health: { s: notUp },
  },
  'a sidecar whose startup probe succeeded lets the next one begin': {
    spec: { ...sidecars, initContainers: [sidecar('s', { startupProbe }), sidecar('t')] },
    has: { s: runs },
    health: { s: up },
    does: ['start t 0'],
  },
  'a sidecar that ended is started again before the next container begins': {
    spec: { ...sidecars, ...once },
    has: { s: ended(0) },
    does: ['start s 1'],
  },
  'a sidecar that ends when all before the regular containers were through holds up nobody': {
    spec: { ...sidecars, ...once },
    has: { s: ended(0), t: runs },
    does: ['start s 1', 'start a 0'],
  },
  'a sidecar is kept running beside regular containers, whatever the policy of the pod': {
    spec: { ...sidecars, ...once },
    has: { s: ended(0), t: runs, a: runs },
    does: ['start s 1'],
  },
  'sidecars do not keep a pod alive whose regular containers are through': {
    spec: { ...sidecars, ...once },
    has: { s: runs, t: runs, a: ended(0) },
    ends: 'finished',
    does: ['stop t 30'],
  },
  'the hook after a start is run once the container runs': {
    spec: { containers: [one('a', postStart)] },
    has: { a: runs },
    does: ['postStart a'],
  },
  'the hook after a start holds up the start of others': {
    spec: { containers: [one('a', postStart), one('b')] },
    has: { a: runs },
    does: ['postStart a'],
  },
  'after the hook the others start': {
    spec: { containers: [one('a', postStart), one('b')] },
    has: { a: { ...runs, postStart: 'done' } },
    does: ['start b 0'],
  },
  'a hook that failed ends the run': {
    spec: { containers: [one('a', postStart)] },
    has: { a: { ...runs, postStart: 'failed' } },
    does: ['condemn a 30: FailedPostStartHook'],
  },
  'a run that its hook has ended is told of by the hook, before its back-off is': {
    spec: { containers: [one('a', postStart)] },
    has: {
      a: ended(137, { doom: doom('postStart'), backoff: { delayMs: 10_000, updatedAtMs: nowMs } }),
    },
    waits: { a: 'PostStartHookError' },
  },
  'the hook of a sidecar holds up the next container': {
    spec: { ...sidecars, initContainers: [sidecar('s', postStart), sidecar('t')] },
    has: { s: runs },
    does: ['postStart s'],
  },
  'ephemeral containers start at any time': {
    spec: { ...twoInit, ephemeralContainers: [one('debug')] },
    has: { i: runs },
    does: ['start debug 0'],
  },
  'ephemeral containers are never started again': {
    spec: { ...twoMain, ephemeralContainers: [one('debug')] },
    has: { a: runs, b: runs, debug: ended(1) },
  },
  'an ephemeral container does not keep a pod alive': {
    spec: { containers: [one('a')], ephemeralContainers: [one('debug')], ...once },
    has: { a: ended(0), debug: runs },
    ends: 'finished',
    does: ['stop debug 30'],
  },
  'in a new sandbox init containers run again, before anything else does': {
    spec: { ...twoInit, restartPolicy: 'Always' },
    has: {
      i: ended(0, { reset: 'sandbox' }),
      j: ended(0, { reset: 'sandbox' }),
      a: ended(137, { reset: 'sandbox' }),
    },
    does: ['start i 1'],
  },
  'while the runs of an old sandbox are being stopped nothing starts': {
    spec: twoInit,
    has: { i: ended(0, { reset: 'sandbox' }), a: { ...runs, doom: doom('sandbox') } },
    does: ['stop a 30'],
  },
  'a regular container that was through stays so in a new sandbox': {
    spec: { ...twoMain, ...once },
    has: { a: ended(0, { reset: 'sandbox' }), b: ended(0, { reset: 'sandbox' }) },
    hasEnded: true,
  },
}

testRows(order)
