// SPDX-License-Identifier: Apache-2.0
// Room and inodes of the file system below a directory.
import { statfs } from 'node:fs/promises'
import type { FsStats } from './stats.ts'

/** Measures the file system that holds `dir`; rejects where there is no such directory. */
export async function readFsStats(dir: string, time: string): Promise<FsStats> {
  const { bavail, bfree, blocks, bsize, ffree, files } = await statfs(dir)
  return {
    time,
    availableBytes: bavail * bsize,
    capacityBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodesFree: ffree,
    inodes: files,
    inodesUsed: files - ffree,
  }
}
