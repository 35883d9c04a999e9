// SPDX-License-Identifier: Apache-2.0
// Who is killed first when a machine runs out of memory: oom_score_adj of a container's processes, by the
// kubelet's rules. The less memory a container has asked for, the sooner it goes. Pure.
import type { Container, Pod } from '../../kube/types.gen.ts'
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'

export interface OomScoreInput {
  readonly pod: Pod
  readonly spec: Container
  /** Memory of the node. */
  readonly memoryBytes: number
}

const guaranteed = -997
const bestEffort = 1000
const leastBurstable = 1000 + guaranteed

/** From -997, kept to the last, to 1000, killed first. */
export function oomScoreAdj({ pod, spec, memoryBytes }: OomScoreInput): number {
  const { priority = 0, priorityClassName } = pod.spec
  if (priority >= 2_000_000_000 && priorityClassName === 'system-node-critical') return guaranteed
  const { qosClass } = pod.status ?? {}
  if (qosClass === 'Guaranteed') return guaranteed
  if (qosClass === 'BestEffort') return bestEffort
  const shared = sharedRequest(pod)
  const scoreOf = (bytes: number): number =>
    1000 - Math.floor((1000 * (bytes + shared)) / memoryBytes)
  const own = scoreOf(requestOf(spec))
  const score = isSidecar(pod, spec) ? Math.min(own, scoreOf(leastRequest(pod))) : own
  return Math.min(Math.max(score, leastBurstable), bestEffort - 1)
}

/** What the pod as a whole asks for beyond its containers, divided among them. */
function sharedRequest({ spec }: Pod): number {
  const ofPod = spec.resources?.requests?.['memory']
  if (ofPod === undefined) return 0
  const sidecars = (spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always')
  const all = [...spec.containers, ...sidecars]
  const sum = all.reduce((total, container) => total + requestOf(container), 0)
  return Math.max(0, bytesOf(ofPod) - sum) / all.length
}

function leastRequest({ spec }: Pod): number {
  return Math.min(...spec.containers.map(requestOf))
}

function isSidecar({ spec }: Pod, { name, restartPolicy }: Container): boolean {
  const isInit = (spec.initContainers ?? []).some((one) => one.name === name)
  return isInit && restartPolicy === 'Always'
}

function requestOf({ resources }: Container): number {
  const text = resources?.requests?.['memory']
  return text === undefined ? 0 : bytesOf(text)
}

function bytesOf(text: string): number {
  return Number(wholeUnits(parseQuantity(text)))
}
