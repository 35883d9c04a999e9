// SPDX-License-Identifier: Apache-2.0
// A pod's status as it is stored: fields that are there even when they say nothing, and the first
// address under both of its names.
import type { ContainerStatus, PodCondition, PodStatus } from '../../../kube/types.gen.ts'
import { canonicalResources } from './default-container.ts'
import { listOf, textOf } from '../read-json.ts'
import { mapField, mapItems, withField } from '../share-structure.ts'

const lists = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const

export function defaultPodStatus(status: PodStatus): PodStatus {
  let result = mirrorIps(status)
  if (result.conditions !== undefined) {
    result = withField(result, 'conditions', mapItems(result.conditions, defaultCondition))
  }
  for (const list of lists) {
    if (result[list] === undefined) continue
    result = withField(result, list, mapItems(result[list], defaultContainerStatus))
  }
  return result
}

/** `podIP` is an older name for the first of `podIPs`. */
function mirrorIps(status: PodStatus): PodStatus {
  const first = textOf(listOf(status.podIPs)[0]?.ip)
  const ip = textOf(status.podIP)
  if (ip !== '' && ip !== first) return { ...status, podIPs: [{ ip }] }
  return first === '' ? status : withField(status, 'podIP', first)
}

// Times that are not known are written as null.
const noTimes = { lastProbeTime: null, lastTransitionTime: null } as unknown as PodCondition

function defaultCondition(condition: PodCondition): PodCondition {
  const { lastProbeTime, lastTransitionTime } = condition
  const isComplete = lastProbeTime !== undefined && lastTransitionTime !== undefined
  return isComplete ? condition : { ...noTimes, ...condition }
}

const empty: Partial<ContainerStatus> = {
  image: '',
  imageID: '',
  lastState: {},
  ready: false,
  restartCount: 0,
  state: {},
}
const always = Object.keys(empty) as readonly (keyof ContainerStatus)[]

function defaultContainerStatus(status: ContainerStatus): ContainerStatus {
  const isComplete = always.every((field) => status[field] !== undefined)
  const result = isComplete ? status : { ...empty, ...status }
  return result.resources === undefined ? result : mapField(result, 'resources', canonicalResources)
}
