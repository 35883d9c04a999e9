// SPDX-License-Identifier: Apache-2.0
// Descriptors that virtual-kubelet itself was started with and that a child would get in turn. Node.js
// marks what it opens as closed on exec, and the lowest inherited ones too, but not all of those.
import { readFileSync, readdirSync } from 'node:fs'

// O_CLOEXEC as /proc/<pid>/fdinfo prints it, in octal.
const closedOnExec = 0o2_000_000

/** Inherited descriptors above standard error. */
export function findStrayDescriptors(dir = '/proc/self/fdinfo'): readonly number[] {
  return descriptorsIn(dir).filter((descriptor) => {
    const flags = flagsOf(`${dir}/${descriptor}`)
    return descriptor > 2 && flags !== undefined && (flags & closedOnExec) === 0
  })
}

function descriptorsIn(dir: string): readonly number[] {
  try {
    return readdirSync(dir).map(Number)
  } catch {
    // Not Linux: nobody tells.
    return []
  }
}

function flagsOf(path: string): number | undefined {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(path, 'utf8'))?.[1]
    return flags === undefined ? undefined : Number.parseInt(flags, 8)
  } catch {
    // Closed since the directory was read; it was the one that read it.
    return undefined
  }
}
