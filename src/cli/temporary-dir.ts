// SPDX-License-Identifier: Apache-2.0
// A folder for the time of one command.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that is removed when disposed of. */
export interface TemporaryDir extends AsyncDisposable {
  readonly path: string
}

/** Names of such folders begin with it. */
export const temporaryPrefix = 'virtual-kubelet-'

/** Makes one. Pods of other users may pass through it to their own files, but not look around. */
export async function makeTemporaryDir(): Promise<TemporaryDir> {
  const path = await mkdtemp(join(tmpdir(), temporaryPrefix))
  await chmod(path, 0o711)
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}
