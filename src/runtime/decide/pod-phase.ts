// SPDX-License-Identifier: Apache-2.0
// The phase of a pod from the states of its containers, by the kubelet's rules. A terminal phase is
// given only when nothing of the pod runs any more.
import type { Container, ContainerStatus, Pod } from '../../kube/types.gen.ts'
import { resetReason } from './container-record.ts'
import { afterExit, afterInitExit, isSidecar } from './restart-policy.ts'

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

/** The part of ObservedPod that decides the phase. */
export interface PhaseInput {
  readonly containers: readonly ContainerStatus[]
  readonly initContainers: readonly ContainerStatus[]
  /** No container runs and none will be started again. */
  readonly hasEnded: boolean
  readonly failure?: { readonly reason: string; readonly message: string } | undefined
}

/** The pod's phase now. A terminal phase is final: whoever has published one does not ask again. */
export function computePhase(pod: Pod, observed: PhaseInput): PodPhase {
  const { spec } = pod
  const regular = spec.containers.map((container) => look(container, observed.containers))
  if (observed.hasEnded) {
    return !observed.failure && regular.every(hasSucceeded) ? 'Succeeded' : 'Failed'
  }
  const initSpecs = spec.initContainers ?? []
  const init = initSpecs.map((container) => look(container, observed.initContainers))
  const sidecars = init.filter(({ container }) => isSidecar(container))
  const steps = init.filter(({ container }) => !isSidecar(container))
  const hasMainStarted = regular.some(hasStarted)
  const isRunning = [...regular, ...init].some(({ kind }) => kind === 'running')

  if (steps.some((step) => hasFailedForGood(pod, step))) return isRunning ? 'Pending' : 'Failed'
  if (steps.some((step) => isPendingStep(step, hasMainStarted))) return 'Pending'
  if (sidecars.some(isPendingSidecar) && !hasMainStarted) return 'Pending'
  if ([...regular, ...sidecars].some(({ kind }) => kind === 'waiting')) return 'Pending'
  if (regular.some(({ kind }) => kind === 'unknown')) return 'Pending'
  if (isRunning) return 'Running'
  return phaseOfStopped(pod, regular)
}

/** Exit code of a stopped container: of its last run when it waits for the next. */
export function exitCodeOf(status: ContainerStatus | undefined): number | undefined {
  if (status?.state?.running) return undefined
  return (status?.state?.terminated ?? status?.lastState?.terminated)?.exitCode
}

interface Look {
  readonly container: Container
  readonly status: ContainerStatus | undefined
  /** `waiting`: never ran. One that ran and waits for its next run is `stopped`. */
  readonly kind: 'running' | 'stopped' | 'waiting' | 'unknown'
}

function look(container: Container, statuses: readonly ContainerStatus[]): Look {
  const status = statuses.find(({ name }) => name === container.name)
  return { container, status, kind: kindOf(status) }
}

function kindOf(status: ContainerStatus | undefined): Look['kind'] {
  if (status?.state?.running) return 'running'
  if (exitCodeOf(status) !== undefined) return 'stopped'
  return status?.state?.waiting ? 'waiting' : 'unknown'
}

function hasStarted({ kind }: Look): boolean {
  return kind === 'running' || kind === 'stopped'
}

function hasSucceeded({ status }: Look): boolean {
  return exitCodeOf(status) === 0
}

function hasFailedForGood(pod: Pod, { container, status }: Look): boolean {
  const exitCode = exitCodeOf(status)
  if (exitCode === undefined || exitCode === 0) return false
  if (isTerminating(pod)) return true
  return !isReset(status) && afterInitExit(pod, container, exitCode) === 'stop'
}

/** A backend that was told to ignore init containers says nothing of them, and runs the others. */
function isPendingStep({ kind }: Look, hasMainStarted: boolean): boolean {
  return kind === 'unknown' ? !hasMainStarted : kind !== 'stopped'
}

function isPendingSidecar({ kind, status }: Look): boolean {
  return kind === 'waiting' || kind === 'unknown' || (kind === 'running' && !status?.started)
}

function phaseOfStopped(pod: Pod, regular: readonly Look[]): PodPhase {
  const mayRestart = regular.some(({ container, status }) => {
    const exitCode = exitCodeOf(status)
    if (exitCode === undefined) return false
    return isReset(status) || afterExit(pod, container, exitCode) !== 'stop'
  })
  if (mayRestart && !isTerminating(pod)) return 'Running'
  return regular.every(hasSucceeded) ? 'Succeeded' : 'Failed'
}

/** It was stopped only to be started anew with all others. */
function isReset(status: ContainerStatus | undefined): boolean {
  const { state, lastState } = status ?? {}
  return (state?.terminated ?? lastState?.terminated)?.reason === resetReason
}

function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}
