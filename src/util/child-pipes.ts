// SPDX-License-Identifier: Apache-2.0
// Children whose pipes are used as soon as they are spawned. Without descriptors left, Node.js makes none, and
// emits an error when whoever used them has failed already: nobody would listen, and the process would end.
import type { ChildProcess } from 'node:child_process'
import { basename } from 'node:path'
import { VkError } from './vk-error.ts'

/** The child, if it has the pipes that it was spawned with; throws Unavailable otherwise. */
export function withPipes<T extends ChildProcess>(child: T): T {
  if ((child.stdio as T['stdio'] | undefined) !== undefined) return child
  child.once('error', () => {})
  throw new VkError('Unavailable', `Cannot start ${basename(child.spawnfile)}: too many open files`)
}
