// SPDX-License-Identifier: Apache-2.0
// Events as people read them in `kubectl describe`: recorded at once, written later, folded when they
// repeat, and dropped rather than ever holding up the work they tell of.
import type { ObjectReference } from './types.gen.ts'

/** What happened, in the words of the kubelet. */
export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning'
  /** One UpperCamelCase word, such as FailedMount. */
  readonly reason: string
  readonly message: string
}

/** Records events; never blocks, never throws. */
export interface EventRecorder {
  record(about: ObjectReference, event: RecordedEvent): void
}
