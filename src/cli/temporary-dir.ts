// SPDX-License-Identifier: Apache-2.0
// A folder for the time of one command.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cannotUseFolder } from '../util/make-folder.ts'
import { UserError } from '../util/vk-error.ts'

/** A folder that is removed when disposed of. */
export interface TemporaryDir extends AsyncDisposable {
  readonly path: string
}

/** Names of such folders begin with it. */
export const temporaryPrefix = 'virtual-kubelet-'

/** Makes one; throws a UserError where temporary files cannot be. Pods of other users may pass through it to their own files, but not look around. */
export async function makeTemporaryDir(): Promise<TemporaryDir> {
  const path = await make()
  await chmod(path, 0o711)
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}

async function make(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), temporaryPrefix))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const { message } = cannotUseFolder(tmpdir(), cause)
    throw new UserError(
      code === 'ENOENT' ? `Cannot use the directory "${tmpdir()}": it is not there` : message,
      { hint: 'Temporary files go there: name another one in the variable TMPDIR.', cause },
    )
  }
}
