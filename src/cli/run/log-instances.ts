// SPDX-License-Identifier: Apache-2.0
// Which logs a pod has to be asked for: one for each life of each container. The API gives the present
// life and the one before; what is older is gone.
import type { ContainerStatus, Pod } from '../../kube/types.gen.ts'

/** One life of one container. */
export interface LogInstance {
  readonly container: string
  /** How often the container had been restarted before. */
  readonly restartCount: number
  /** It has to be asked for as the previous one. */
  readonly isPrevious: boolean
  readonly hasEnded: boolean
}

/** The lives that can be read now, older ones first. */
export function logInstances({ status }: Pod): readonly LogInstance[] {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  return all.flatMap(instancesOf)
}

function instancesOf(status: ContainerStatus): readonly LogInstance[] {
  const { name: container, restartCount, state, lastState } = status
  const instances: LogInstance[] = []
  // What never ran has no log, although its end is told as that of a container that was lost.
  const hasRun = state?.running !== undefined || state?.terminated?.containerID !== undefined
  if (hasRun) {
    const hasEnded = state.terminated !== undefined
    instances.push({ container, restartCount, isPrevious: false, hasEnded })
  }
  if (lastState?.terminated && restartCount > 0) {
    const previous = { container, restartCount: restartCount - 1, hasEnded: true }
    // Between two lives the present log is that of the life that ended.
    instances.unshift({ ...previous, isPrevious: instances.length > 0 })
  }
  return instances
}
