// SPDX-License-Identifier: Apache-2.0
// Times in container statuses, cut to the whole seconds that the API keeps. A fraction would come back
// cut and look like a change for ever.
import type { ContainerState, ContainerStatus } from '../kube/types.gen.ts'

/** The same statuses, times without fractions; the very same objects where there are none. */
export function inWholeSeconds(statuses: readonly ContainerStatus[]): readonly ContainerStatus[] {
  return statuses.some(hasFraction) ? statuses.map(cutStatus) : statuses
}

function hasFraction({ state, lastState }: ContainerStatus): boolean {
  return [state, lastState].some(
    (one) =>
      one?.running?.startedAt?.includes('.') ||
      one?.terminated?.startedAt?.includes('.') ||
      one?.terminated?.finishedAt?.includes('.'),
  )
}

function cutStatus(status: ContainerStatus): ContainerStatus {
  return {
    ...status,
    ...(status.state && { state: cutState(status.state) }),
    ...(status.lastState && { lastState: cutState(status.lastState) }),
  }
}

function cutState({ running, terminated, waiting }: ContainerState): ContainerState {
  return {
    ...(waiting && { waiting }),
    ...(running && { running: cutTimes(running) }),
    ...(terminated && { terminated: cutTimes(terminated) }),
  }
}

function cutTimes<T extends { readonly startedAt?: string; readonly finishedAt?: string }>(
  times: T,
): T {
  return {
    ...times,
    ...(times.startedAt !== undefined && { startedAt: cut(times.startedAt) }),
    ...(times.finishedAt !== undefined && { finishedAt: cut(times.finishedAt) }),
  }
}

function cut(time: string): string {
  return time.replace(/\.\d+/, '')
}
