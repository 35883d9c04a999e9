// SPDX-License-Identifier: Apache-2.0
// decide(): how a pod ends that is deleted or has come to its end otherwise; a line each.
import {
  runs,
  ended,
  one,
  sidecar,
  preStop,
  deleted,
  outOfGrace,
  twoMain,
  twoInit,
  sidecars,
  testRows,
} from '../../../test/support/decision-rows.ts'
import type { Row } from '../../../test/support/decision-rows.ts'

const endings: Readonly<Record<string, Row>> = {
  'a pod that ends stops its regular containers first': {
    spec: sidecars,
    has: { s: runs, t: runs, a: runs },
    ending: deleted,
    does: ['stop a 30'],
  },
  'sidecars are stopped from the last to the first': {
    spec: sidecars,
    has: { s: runs, t: runs, a: ended(0) },
    ending: deleted,
    does: ['stop t 30'],
  },
  'the first sidecar is the last to stop': {
    spec: sidecars,
    has: { s: runs, t: ended(0), a: ended(0) },
    ending: deleted,
    does: ['stop s 30'],
  },
  'when the grace is used up nobody waits for anybody': {
    spec: sidecars,
    has: { s: runs, t: runs, a: runs },
    ending: outOfGrace,
    does: ['stop s 2', 'stop t 2', 'stop a 2'],
  },
  'the hooks before stops begin at once, those of sidecars as well': {
    spec: {
      initContainers: [sidecar('s', preStop)],
      containers: [one('a', preStop)],
    },
    has: { s: runs, a: runs },
    ending: deleted,
    does: ['preStop s 30', 'preStop a 30'],
  },
  'after its hook a container is stopped': {
    spec: { containers: [one('a', preStop)] },
    has: { a: { ...runs, isPreStopDone: true } },
    ending: deleted,
    does: ['stop a 30'],
  },
  'no hook is begun when the grace is used up': {
    spec: { containers: [one('a', preStop)] },
    has: { a: runs },
    ending: outOfGrace,
    does: ['stop a 2'],
  },
  'a pod that ends while an init container runs stops that, and starts nothing': {
    spec: twoInit,
    has: { i: runs },
    ending: deleted,
    does: ['stop i 30'],
  },
  'a pod in which nothing runs has ended at once': {
    spec: twoMain,
    has: { a: ended(1) },
    ending: deleted,
    hasEnded: true,
  },
}

testRows(endings)
