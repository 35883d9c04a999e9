// SPDX-License-Identifier: Apache-2.0
// Deletes pods that nobody will end any more, looking every 20 s. A node counts as gone after it has
// been missing for 40 s; its pods are marked Failed first, so that their owners learn of it.
import { nodes, pods } from '../../../kube/resources.ts'
import type { PodCondition } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { changePodStatus, withPodCondition } from '../scheduler/pod-conditions.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { isPodTerminal } from '../workload/pod-facts.ts'
import { decidePodGarbage } from './decide-pod-garbage.ts'
import type { PodGarbage } from './decide-pod-garbage.ts'
import { startPeriodic } from './periodic.ts'

export interface PodGcOptions {
  /** Pods that have ended and are kept; default 12,500; 0: all. */
  readonly terminatedThreshold?: number
  /** Default 20 s. */
  readonly periodMs?: number
  /** How long a node has to be missing; default 40 s. */
  readonly quarantineMs?: number
}

const deletesAtOnce = 32
const orphanedCondition: PodCondition = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'DeletionByPodGC',
  message: 'PodGC: node no longer exists',
}

/** Starts the collection of pods. */
export function startPodGcController(
  context: ControllerContext,
  options: PodGcOptions = {},
): AsyncDisposable {
  const { terminatedThreshold = 12_500, periodMs = 20_000, quarantineMs = 40_000 } = options
  const { api, clock } = context
  const missingSinceMs = new Map<string, number>()
  return startPeriodic(context, { name: 'pod-gc', periodMs }, async () => {
    const all = api.list(pods)
    const nodeOf = (name: string) => api.get(nodes, { name })
    const nowMs = clock.monotonicMs()
    const names = new Set(all.map(({ spec }) => spec.nodeName ?? ''))
    const missing = [...names].filter((name) => name !== '' && !nodeOf(name))
    for (const name of missingSinceMs.keys()) {
      if (!missing.includes(name)) missingSinceMs.delete(name)
    }
    for (const name of missing) missingSinceMs.set(name, missingSinceMs.get(name) ?? nowMs)
    const lostNodes = new Set(
      missing.filter((name) => nowMs - (missingSinceMs.get(name) ?? nowMs) >= quarantineMs),
    )
    const garbage = decidePodGarbage({ pods: all, nodeOf, lostNodes, terminatedThreshold })
    for (let start = 0; start < garbage.length; start += deletesAtOnce) {
      const some = garbage.slice(start, start + deletesAtOnce)
      await Promise.all(some.map((one) => collect(context, one)))
    }
  })
}

async function collect(context: ControllerContext, { pod, why }: PodGarbage): Promise<void> {
  const { api, clock, log } = context
  const { namespace, name, uid } = pod.metadata
  try {
    await changePodStatus(api, { namespace, name, uid }, (status, now) => {
      if (isPodTerminal(now)) return status
      const failed = { ...status, phase: 'Failed' }
      return why === 'orphaned'
        ? withPodCondition(failed, orphanedCondition, clock.nowMs())
        : failed
    })
    const request = { gracePeriodSeconds: 0, preconditions: { uid } }
    await api.delete(pods, { namespace, name }, request)
  } catch (error) {
    if (isNotFound(error)) return
    log.warn({ pod: `${namespace}/${name}`, why, error: messageOf(error) }, 'Cannot collect pod')
  }
}
