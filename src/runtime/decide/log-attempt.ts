// SPDX-License-Identifier: Apache-2.0
// Which run of a container `kubectl logs` means, in agreement with the status that users see.
import type { ContainerRecord } from './container-record.ts'

/** Number of the run; undefined when there was none. Current: the state's. Previous: lastState's. */
export function logAttempt(
  record: ContainerRecord | undefined,
  { previous, isWaiting }: { readonly previous: boolean; readonly isWaiting: boolean },
): number | undefined {
  if (!record) return undefined
  const { attempt, stage } = record
  // A container that waits for its next run shows its last one as lastState, and has no other.
  if (stage === 'begun') return ifAny(attempt - 1)
  if (stage === 'ended' && isWaiting) return attempt
  return previous ? ifAny(attempt - 1) : attempt
}

function ifAny(attempt: number): number | undefined {
  return attempt < 0 ? undefined : attempt
}
