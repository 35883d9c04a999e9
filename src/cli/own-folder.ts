// SPDX-License-Identifier: Apache-2.0
// A folder for keys and for state that is believed when it is read again: nobody else may own it or
// write to it.
import { stat } from 'node:fs/promises'
import { makeFolder } from '../util/make-folder.ts'
import { UserError } from '../util/vk-error.ts'

/** Makes the folder when it is not there; throws a UserError when somebody else could put files there. */
export async function makeOwnFolder(
  folder: string,
  { uid = process.getuid?.() }: { readonly uid?: number | undefined } = {},
): Promise<void> {
  await make(folder)
  if (uid === undefined) return
  const { mode, uid: owner } = await stat(folder)
  if (owner !== uid) {
    throw new UserError(`Cannot use the directory "${folder}": it belongs to user ${owner}`, {
      hint: `Choose another one with --data-dir, or give it to user ${uid} with chown.`,
    })
  }
  if ((mode & 0o022) !== 0) {
    throw new UserError(`Cannot use the directory "${folder}": others may write there`, {
      hint: `Choose another one with --data-dir, or run: chmod go-w "${folder}"`,
    })
  }
}

async function make(folder: string): Promise<void> {
  try {
    await makeFolder(folder)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(error.message, {
      hint: 'Choose another one with --data-dir.',
      cause: error,
    })
  }
}
