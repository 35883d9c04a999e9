// SPDX-License-Identifier: Apache-2.0
// Tells by events that a container of one pod is being held back, once for each step of its back-off.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import { podName } from './decide/plan-container.ts'
import { findContainer } from './decide/pod-containers.ts'
import type { Wait } from './decide/pod-state.ts'
import type { PodRecord } from './pod-record.ts'

/** Back-offs that were told of. */
export class BackoffNews {
  readonly #told = new Map<string, number>()
  readonly #tell: (container: string, event: RecordedEvent) => void

  constructor(tell: (container: string, event: RecordedEvent) => void) {
    this.#tell = tell
  }

  /** The container waits for this; told unless it is no back-off or was told before. */
  announce(name: string, { reason, untilMs }: Wait, { ref, pod, containers }: PodRecord): void {
    const isPull = reason === 'ImagePullBackOff'
    if (!isPull && reason !== 'CrashLoopBackOff') return
    const step = isPull ? untilMs : (containers[name]?.attempt ?? 0)
    if (this.#told.get(name) === step) return
    this.#told.set(name, step)
    const where = pod ? podName(pod) : ref.name
    if (!isPull) {
      const message = `Back-off restarting failed container ${name} in pod ${where}`
      return this.#tell(name, { type: 'Warning', reason: 'BackOff', message })
    }
    const image = findContainer(pod, name)?.spec.image ?? ''
    const message = `Back-off pulling image "${image}"`
    this.#tell(name, { type: 'Normal', reason: 'BackOff', message })
    this.#tell(name, { type: 'Warning', reason: 'Failed', message: `Error: ${reason}` })
  }
}
