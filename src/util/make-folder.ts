// SPDX-License-Identifier: Apache-2.0
// Makes a folder that a person named, with all above it, and says in one line why it cannot.
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from './vk-error.ts'

/**
 * Makes `folder`, mode 0700, when it is not there; throws a UserError when that cannot be. Not mkdir's own
 * `recursive`: that never returns where a file system answers ENOENT for good, as /proc does.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    const parent = dirname(folder)
    if (code !== 'ENOENT' || parent === folder || (await isThere(parent))) {
      throw cannotUseFolder(folder, cause)
    }
    await makeFolder(parent)
    await makeFolder(folder)
  }
}

/** The error for a folder that cannot be made or written to. */
export function cannotUseFolder(folder: string, cause: unknown): UserError {
  const { code = '' } = cause as NodeJS.ErrnoException
  return new UserError(
    `Cannot use the directory "${folder}": ${whyNot[code] ?? (code || String(cause))}`,
    {
      hint: 'Choose another one with --root-dir.',
      cause,
    },
  )
}

const whyNot: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'part of its path is a file',
  ENOSPC: 'the disk is full',
  ENOENT: 'that file system takes no directories',
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    // Whatever the reason: it is made, or making it says why not.
    return false
  }
}
