// SPDX-License-Identifier: Apache-2.0
// Writing below the root directory. Failures reach a pod's status, so they say what went wrong and not
// where on this machine.
import { mkdir } from 'node:fs/promises'
import { VkError } from '../util/vk-error.ts'

/** Makes a directory and those above it, for nobody else to look into. */
export async function makeDir(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw diskError('make a directory for the pod', error)
  }
}

/** The error without the path that Node puts into its message. */
export function diskError(what: string, cause: unknown): VkError {
  const { code } = cause as NodeJS.ErrnoException
  const why = code === 'ENOSPC' ? 'no space left on the node (ENOSPC)' : (code ?? 'unknown error')
  return new VkError('Internal', `Cannot ${what}: ${why}`, { cause })
}

/** For `catch`: what to take where there is no such file; every other failure goes on. */
export function ifMissing<T>(fallback: () => T): (error: unknown) => T {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return fallback()
    throw error
  }
}
