// SPDX-License-Identifier: Apache-2.0
// What a write is refused with that could not be made durable. Nothing of it is left then, so reads go on
// and the same write may be sent again.
import { VkError, messageOf } from '../../util/vk-error.ts'

/** The disk did not take a write: it is full, or broken. */
export class StorageFailure extends VkError {
  constructor(cause: unknown) {
    super('Unavailable', `Cannot write to storage: ${messageOf(cause)}`, { cause })
    this.name = 'StorageFailure'
  }
}
