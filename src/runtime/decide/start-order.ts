// SPDX-License-Identifier: Apache-2.0
// Which containers of a pod may be looked after now, and in which order. Ephemeral ones come first and wait
// for nobody. Init containers run one by one; a sidecar lets the next one begin as soon as it has started,
// and is kept running from then on. Regular containers wait for all of them, not for each other.
import { planContainer, isHookDone, type Plan, type PlanInput } from './plan-container.ts'
import { podContainers, type PodContainer } from './pod-containers.ts'

export interface Planned {
  readonly container: PodContainer
  readonly plan: Plan
}

export interface StartOrder {
  /** Those whose turn has come, in the order in which they are started. */
  readonly planned: readonly Planned[]
  /** An init container failed for good: the pod has failed. */
  readonly hasFailed: boolean
  readonly isInitialized: boolean
}

/** The containers whose turn has come. */
export function startOrder(input: PlanInput): StartOrder {
  const all = podContainers(input.pod)
  const ofRole = (role: PodContainer['role']): readonly PodContainer[] =>
    all.filter((container) => container.role === role)
  const plan = (container: PodContainer): Planned => ({
    container,
    plan: planContainer(container, input),
  })
  const regular = ofRole('regular')
  const init = planInit(input, {
    init: all.filter(({ role }) => role === 'init' || role === 'sidecar'),
    // One regular container that was begun proves that all before it was through.
    isPassed: regular.some((container) => isLive(container, input)),
  })
  return {
    planned: [
      ...ofRole('ephemeral').map(plan),
      ...init.planned,
      ...(init.isInitialized ? regular.map(plan) : []),
    ],
    hasFailed: init.hasFailed,
    isInitialized: init.isInitialized,
  }
}

function planInit(
  input: PlanInput,
  { init, isPassed }: { init: readonly PodContainer[]; isPassed: boolean },
): StartOrder {
  const front = isPassed ? init.length : frontOf(init, input)
  const planned: Planned[] = []
  for (const [index, container] of init.entries()) {
    const isBehind = index < front
    if (isBehind && container.role === 'init') continue
    const plan = planContainer(container, input)
    planned.push({ container, plan })
    if (isBehind) continue
    const hasFailed = plan.kind === 'done' && plan.exitCode !== 0
    const isThrough = plan.kind === 'done' || isUp(container, input)
    if (hasFailed || !isThrough) return { planned, hasFailed, isInitialized: false }
  }
  return { planned, hasFailed: false, isInitialized: true }
}

/** The last init container that was begun: those before it were through once, and are not run again. */
function frontOf(init: readonly PodContainer[], input: PlanInput): number {
  return Math.max(
    init.findLastIndex((container) => isLive(container, input)),
    0,
  )
}

/** It was begun, and nothing has made that void since. */
function isLive({ spec }: PodContainer, { state }: PlanInput): boolean {
  const record = state.containers.get(spec.name)
  return record !== undefined && record.reset === undefined
}

function isUp({ spec, role }: PodContainer, { state }: PlanInput): boolean {
  const record = state.containers.get(spec.name)
  if (role !== 'sidecar' || record?.stage !== 'started') return false
  return isHookDone(spec, record) && (state.health?.get(spec.name)?.started ?? true)
}
