// SPDX-License-Identifier: Apache-2.0
// What the API remembers of a container whose runs neither our disk nor the runtime knows any more (the
// root directory is gone, or the machine is another): its count goes on, and what ended is not run
// again where the policy forbids it.
import type { ContainerStatus } from '../../kube/types.gen.ts'
import { lostTermination, type ContainerRecord, type Termination } from './container-record.ts'
import { parseWireTime } from '../../util/wire-time.ts'

/** The record that the status stands for; undefined for a container that never ran. */
export function recordFromStatus(
  status: ContainerStatus,
  nowMs: number,
): ContainerRecord | undefined {
  const { state, lastState, restartCount: attempt } = status
  const ended = state?.terminated ?? (state?.running ? undefined : lastState?.terminated)
  const run = { attempt, image: status.image }
  if (state?.running) {
    const lost = { ...lostTermination(run, nowMs), containerId: status.containerID ?? '' }
    return { attempt, stage: 'ended', image: '', termination: lost }
  }
  if (!ended) return undefined
  const startedAtMs = parseWireTime(ended.startedAt)
  const termination: Termination = {
    attempt,
    exitCode: ended.exitCode,
    ...(ended.signal !== undefined && { signal: ended.signal }),
    reason: ended.reason ?? (ended.exitCode === 0 ? 'Completed' : 'Error'),
    ...(ended.message !== undefined && { message: ended.message }),
    ...(startedAtMs !== undefined && { startedAtMs }),
    finishedAtMs: parseWireTime(ended.finishedAt) ?? nowMs,
    containerId: ended.containerID ?? '',
    image: status.image,
    imageId: status.imageID,
  }
  return { attempt, stage: 'ended', image: '', termination }
}
