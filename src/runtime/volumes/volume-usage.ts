// SPDX-License-Identifier: Apache-2.0
// How much of the disk a volume takes: blocks of all files below its root, as du counts them, links not
// followed, files with several names once. Files come and go meanwhile; what is gone does not count.
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stats } from 'node:fs'

export interface VolumeUsage {
  readonly usedBytes: number
  readonly inodes: number
}

const blockBytes = 512

/** Usage of a directory tree; rejects when its root cannot be read. */
export async function measureUsage(root: string, signal?: AbortSignal): Promise<VolumeUsage> {
  const counted = new Set<string>()
  let usedBytes = 0
  let inodes = 0
  const count = (found: Stats): void => {
    if (found.nlink > 1 && !found.isDirectory()) {
      const id = `${found.dev}/${found.ino}`
      if (counted.has(id)) return
      counted.add(id)
    }
    usedBytes += found.blocks * blockBytes
    inodes += 1
  }
  count(await lstat(root))
  const pending = [root]
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    signal?.throwIfAborted()
    for await (const name of namesIn(dir)) {
      const path = join(dir, name)
      const found = await lstat(path).catch(() => undefined)
      if (!found) continue
      count(found)
      if (found.isDirectory()) pending.push(path)
    }
  }
  return { usedBytes, inodes }
}

async function* namesIn(dir: string): AsyncGenerator<string, void, void> {
  // Gone, or closed to us: its own size has been counted.
  const entries = await opendir(dir).catch(() => undefined)
  if (!entries) return
  for await (const { name } of entries) yield name
}
