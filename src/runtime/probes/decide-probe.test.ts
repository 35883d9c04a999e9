// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { probeTerms, type ProbeResult } from '../decide/probe-terms.ts'
import { afterProbe, firstProbeInMs, newProbe, type ProbeState } from './decide-probe.ts'

const terms = probeTerms({ periodSeconds: 10, failureThreshold: 3, successThreshold: 2 })
const at = { kind: 'liveness', isReady: true, beganAtMs: 1000, nowMs: 1200 } as const

test('defaults are those of Kubernetes, and a zero counts as left out', () => {
  const defaults = {
    periodMs: 10_000,
    timeoutMs: 1000,
    initialDelayMs: 0,
    failureThreshold: 3,
    successThreshold: 1,
  }
  assert.deepEqual(probeTerms({}), defaults)
  const zeros = { periodSeconds: 0, timeoutSeconds: 0, failureThreshold: 0, successThreshold: 0 }
  assert.deepEqual(probeTerms(zeros), defaults)
})

test('so many equal results in a row make a verdict, and it is repeated as long as they come', () => {
  const verdicts: (string | undefined)[] = []
  let state: ProbeState = newProbe
  const failure = 'failure' as const
  const success = 'success' as const
  for (const result of [
    failure,
    failure,
    success,
    failure,
    failure,
    failure,
    failure,
    success,
    success,
  ]) {
    const step = afterProbe(state, { ...at, result }, terms)
    state = step.state
    verdicts.push(step.verdict)
  }
  const no = undefined
  assert.deepEqual(verdicts, [no, no, no, no, no, failure, failure, no, success])
})

test('a probe that could not be carried out changes nothing', () => {
  const before = afterProbe(newProbe, { ...at, result: 'failure' }, terms).state
  const { state, verdict } = afterProbe(before, { ...at, result: undefined }, terms)
  assert.equal(state.resultRun, 1)
  assert.equal(state.lastResult, 'failure')
  assert.equal(verdict, undefined)
})

test('the period counts from the begin of a probe, and a probe that took longer is made again at once', () => {
  const next = (beganAtMs: number, nowMs: number) =>
    afterProbe(newProbe, { ...at, result: 'success', beganAtMs, nowMs }, terms).nextAtMs
  assert.equal(next(1000, 1200), 11_000)
  assert.equal(next(1000, 14_000), 14_000)
})

test('readiness is asked early and often as long as it fails within the first period', () => {
  const times: number[] = []
  let state: ProbeState = newProbe
  let nowMs = 0
  for (let i = 0; i < 14; i++) {
    const outcome = { kind: 'readiness', result: 'failure', isReady: false } as const
    const step = afterProbe(state, { ...outcome, beganAtMs: nowMs, nowMs }, terms)
    ;({ state, nextAtMs: nowMs } = step)
    times.push(nowMs)
  }
  assert.deepEqual(times.slice(0, 4), [25, 60, 110, 180])
  assert.deepEqual(times.slice(-3), [10_000, 20_000, 30_000])
})

test('nothing else is asked early: neither what is ready, nor liveness, nor what goes beyond the period', () => {
  const second = probeTerms({ periodSeconds: 1 })
  const outcome = { result: 'failure', beganAtMs: 0, nowMs: 990 } as const
  for (const [kind, isReady] of [
    ['readiness', true],
    ['liveness', false],
    ['startup', false],
    ['readiness', false],
  ] as const) {
    const step = afterProbe(newProbe, { ...outcome, kind, isReady }, second)
    assert.equal(step.nextAtMs, 1000)
    assert.equal(step.isEarlyNext, false)
  }
})

test('the initial delay counts from the start of the container, whatever clocks do', () => {
  const delayed = probeTerms({ initialDelaySeconds: 5, periodSeconds: 10 })
  const inMs = (startedAtMs: number, nowMs: number) =>
    firstProbeInMs(delayed, { startedAtMs, nowMs })
  assert.equal(inMs(1000, 1000), 5000)
  assert.equal(inMs(1000, 3000), 3000)
  assert.equal(inMs(1000, 60_000), 0)
  assert.equal(inMs(60_000, 1000), 5000)
  assert.equal(firstProbeInMs(delayed, { startedAtMs: 0, nowMs: 9000, jitter: 0.5 }), 5000)
})

const results = fc.array(
  fc.constantFrom<ProbeResult | undefined>('success', 'failure', undefined),
  {
    maxLength: 60,
  },
)

test('no verdict comes below its threshold, and none is missing above it', () => {
  fc.assert(
    fc.property(
      results,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      (list, f, s) => {
        const limits = probeTerms({ failureThreshold: f, successThreshold: s })
        let state: ProbeState = newProbe
        const seen: ProbeResult[] = []
        for (const result of list) {
          const step = afterProbe(
            state,
            { ...at, kind: 'readiness', isReady: false, result },
            limits,
          )
          state = step.state
          if (result !== undefined) seen.push(result)
          const needed = result === 'success' ? s : f
          const last = seen.slice(-needed)
          const isDue = last.length === needed && last.every((one) => one === result)
          assert.equal(step.verdict, isDue ? result : undefined)
          assert(step.nextAtMs >= at.nowMs)
        }
      },
    ),
  )
})
