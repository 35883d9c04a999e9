// SPDX-License-Identifier: Apache-2.0
// The mock remembers nothing over a restart, so a pod that the API says is running is taken on as it was:
// same address, same start, same count of restarts. Anything else would look like a restarted container.
import type { Pod } from '../../kube/types.gen.ts'
import type { MockPod } from './mock-pod.ts'

/** The part of a mock pod's state that its status in the API tells. */
export type AdoptedState = Pick<
  MockPod,
  'podIPs' | 'createdAtMs' | 'startTime' | 'run' | 'restartCount' | 'previous'
>

/** Undefined when the pod has not run before. */
export function adoptedState({ status }: Pod): AdoptedState | undefined {
  const { podIP, podIPs, startTime, containerStatuses = [] } = status ?? {}
  const [container] = containerStatuses
  const startedAt = container?.state?.running?.startedAt
  if (!container || startedAt === undefined || podIP === undefined) return undefined
  const last = container.lastState?.terminated
  const startedAtMs = Date.parse(startedAt)
  return {
    podIPs: podIPs ? podIPs.map(({ ip }) => ip) : [podIP],
    createdAtMs: startTime === undefined ? startedAtMs : Date.parse(startTime),
    startTime,
    run: { kind: 'running', startedAtMs },
    restartCount: container.restartCount,
    previous:
      last?.startedAt === undefined || last.finishedAt === undefined
        ? undefined
        : {
            startedAtMs: Date.parse(last.startedAt),
            finishedAtMs: Date.parse(last.finishedAt),
            exitCode: last.exitCode,
          },
  }
}
