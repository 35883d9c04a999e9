// SPDX-License-Identifier: Apache-2.0
// What one run of a container keeps of a volume as it was when the run began: the files of a subPath are
// never updated, and do not vanish when the volume is.
import { chmod, chown, copyFile, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { FoundSubPath } from './sub-path.ts'

/** Copies a file or tree below `dir`, with modes and owners; returns the path of the copy. */
export async function copyPinned({ hostPath }: FoundSubPath, dir: string): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o755 })
  const target = join(dir, basename(hostPath))
  await rm(target, { recursive: true, force: true })
  await copy(hostPath, target)
  return target
}

async function copy(from: string, to: string): Promise<void> {
  // Links are followed: inside the volumes that are copied they only lead to the present generation.
  const found = await stat(from)
  if (found.isDirectory()) {
    await mkdir(to)
    for (const name of await readdir(from)) await copy(join(from, name), join(to, name))
  } else {
    await copyFile(from, to)
  }
  const { uid, gid } = await lstat(to)
  const isRoot = process.getuid?.() === 0
  if (isRoot && (uid !== found.uid || gid !== found.gid)) await chown(to, found.uid, found.gid)
  await chmod(to, found.mode & 0o7777)
}
