// SPDX-License-Identifier: Apache-2.0
// What is noted of the containers of a pod whose runs so far are void: because a rule has all of them
// started anew, or because the pod's sandbox is another one, as after a restart of the machine.
import type { Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord, Doom } from './container-record.ts'
import { outcomeOf } from './plan-container.ts'
import { findContainer, podContainers } from './pod-containers.ts'
import type { Reset } from './pod-state.ts'

type Records = ReadonlyMap<string, ContainerRecord>

/** The records once a rule has been followed; ephemeral containers are left alone. */
export function resetAll(
  pod: Pod,
  containers: Records,
  { reset: { container: source, backoff }, nowMs }: { reset: Reset; nowMs: number },
): Records {
  const doom: Doom = { cause: 'reset', message: 'killing', deadlineMs: nowMs }
  return change(pod, containers, (record, name) => ({
    ...record,
    reset: 'all',
    ...(record.stage === 'started' && { doom }),
    ...(name === source && { backoff }),
  }))
}

/** The records once the pod has another sandbox; what still runs in the former one is to be stopped. */
export function resetForSandbox(
  pod: Pod,
  containers: Records,
  { deadlineMs }: { readonly deadlineMs: number },
): Records {
  return change(pod, containers, (record, name) => {
    // What has failed its pod for good does so in any sandbox.
    const container = findContainer(pod, name)
    const isFailure = record.termination !== undefined && record.termination.exitCode !== 0
    const hasFailed = container?.role === 'init' && isFailure
    if (hasFailed && outcomeOf(container, { pod, record }) === 'stop') return record
    const doom: Doom = { cause: 'sandbox', message: `Stopping container ${name}`, deadlineMs }
    return {
      ...record,
      reset: record.reset ?? 'sandbox',
      ...(record.stage === 'started' && !record.doom && { doom }),
    }
  })
}

function change(
  pod: Pod,
  containers: Records,
  changed: (record: ContainerRecord, name: string) => ContainerRecord,
): Records {
  const next = new Map(containers)
  for (const { spec, role } of podContainers(pod)) {
    const record = containers.get(spec.name)
    if (record && role !== 'ephemeral') next.set(spec.name, changed(record, spec.name))
  }
  return next
}
