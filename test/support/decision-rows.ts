// SPDX-License-Identifier: Apache-2.0
// decide() as a table: what a pod looks like, and what is done about it; with the words that its rows are
// made of.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec, Probe } from '../../src/kube/types.gen.ts'
import type { ContainerRecord, Doom } from '../../src/runtime/decide/container-record.ts'
import { decide } from '../../src/runtime/decide/next-step.ts'
import type { ContainerHealth, Decision, Ending } from '../../src/runtime/decide/pod-state.ts'
import { buildContainer, buildPod } from './build-pod.ts'

export const nowMs = 1_800_000_000_000
const graceMs = 30_000

/** What a pod looks like, and what decide() is to say of it. */
export interface Row {
  readonly spec?: Partial<PodSpec>
  /** What is known of containers that were begun. */
  readonly has?: Readonly<Record<string, ContainerRecord>>
  readonly health?: Readonly<Record<string, ContainerHealth>>
  readonly ending?: Ending
  /** `start a 1`, `stop a 30`, `preStop a 30`, `postStart a`, `condemn a 30: message`. */
  readonly does?: readonly string[]
  /** Reasons. */
  readonly waits?: Readonly<Record<string, string>>
  readonly hasEnded?: true
  readonly ends?: Ending['cause']
  readonly reset?: string
}

export const runs: ContainerRecord = { attempt: 0, stage: 'started', image: 'example' }

/** A container that has ended. */
export function ended(exitCode: number, parts: Partial<ContainerRecord> = {}): ContainerRecord {
  const { attempt = 0 } = parts
  const facts = {
    reason: 'Error',
    finishedAtMs: nowMs,
    containerId: 'x://',
    image: '',
    imageId: '',
  }
  const termination = { attempt, exitCode, ...facts }
  return { attempt, stage: 'ended', image: 'example', termination, ...parts }
}

export const one = (name: string, parts: Partial<Container> = {}): Container =>
  buildContainer({ name, ...parts })
export const sidecar = (name: string, parts: Partial<Container> = {}): Container =>
  one(name, { restartPolicy: 'Always', ...parts })
export const doom = (cause: Doom['cause']): Doom => ({
  cause,
  message: 'm',
  deadlineMs: nowMs + graceMs,
})

export const hook: Pick<Probe, 'exec'> = { exec: { command: ['true'] } }
export const postStart: Partial<Container> = { lifecycle: { postStart: hook } }
export const preStop: Partial<Container> = { lifecycle: { preStop: hook } }
export const startupProbe: Probe = { exec: { command: ['true'] } }
export const rules = (action: string): Partial<Container> => ({
  restartPolicy: 'Never',
  restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [42] } }],
})
export const up: ContainerHealth = { started: true, ready: true }
export const notUp: ContainerHealth = { started: false, ready: false }
export const failing = (probe: 'liveness' | 'startup', graceSeconds?: number): ContainerHealth => ({
  ...up,
  failed: { probe, graceSeconds },
})

export const deleted: Ending = { cause: 'deleted', deadlineMs: nowMs + graceMs }
export const outOfGrace: Ending = { cause: 'deleted', deadlineMs: nowMs }
export const twoMain: Pick<PodSpec, 'containers' | 'initContainers'> = {
  containers: [one('a'), one('b')],
}
export const twoInit: Pick<PodSpec, 'containers' | 'initContainers'> = {
  initContainers: [one('i'), one('j')],
  containers: [one('a')],
}
export const sidecars: Pick<PodSpec, 'containers' | 'initContainers'> = {
  initContainers: [sidecar('s'), sidecar('t')],
  containers: [one('a')],
}
export const once: Partial<PodSpec> = { restartPolicy: 'Never' }

/** A test of each row: its title says what decide() is to do. */
export function testRows(rows: Readonly<Record<string, Row>>): void {
  for (const [title, row] of Object.entries(rows)) {
    test(title, () => {
      const { does = [], waits = {}, hasEnded = false, ends, reset } = row
      const decision = decisionOn(row)
      assert.deepEqual(decision.actions.map(inWords), does)
      const reasons = [...decision.waits].map(([name, { reason }]) => [name, reason])
      assert.deepEqual(Object.fromEntries(reasons), waits)
      assert.deepEqual(
        [decision.hasEnded, decision.ends?.ending.cause, decision.reset?.container],
        [hasEnded, ends, reset],
      )
    })
  }
}

function decisionOn({ spec, has = {}, health = {}, ending }: Row): Decision {
  const state = {
    pod: buildPod({ spec: { terminationGracePeriodSeconds: graceMs / 1000, ...spec } }),
    containers: new Map(Object.entries(has)),
    startTimeMs: nowMs,
    canStart: true,
    hasEnded: false,
    startFailures: new Map(),
    health: new Map(Object.entries(health)),
    ending,
  }
  return decide(state, nowMs)
}

function inWords(action: Decision['actions'][number]): string {
  const { kind, container } = action
  if (action.kind === 'start') return `${kind} ${container} ${action.attempt}`
  if (action.kind === 'stop') return `${kind} ${container} ${action.graceMs / 1000}`
  if (action.kind === 'preStop') return `${kind} ${container} ${action.timeoutMs / 1000}`
  return action.kind === 'condemn'
    ? `${kind} ${container} ${(action.doom.deadlineMs - nowMs) / 1000}: ${action.doom.message}`
    : `${kind} ${container}`
}
