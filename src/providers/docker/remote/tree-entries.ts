// SPDX-License-Identifier: Apache-2.0
// A file or folder of this machine as entries of an archive, with its modes and owners.
import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { TarEntry } from '../tar-archive.ts'

/** All of it; `path` is what it is called in the archive. */
export async function treeEntries(hostPath: string, path: string): Promise<readonly TarEntry[]> {
  const stats = await lstat(hostPath)
  const { mode, uid, gid } = stats
  const owned = { path, mode: mode & 0o7777, uid, gid }
  if (stats.isSymbolicLink()) return [{ ...owned, linkTo: await readlink(hostPath) }]
  if (!stats.isDirectory()) return [{ ...owned, content: await readFile(hostPath) }]
  const entries: TarEntry[] = [{ ...owned, path: `${path}/`, isDirectory: true }]
  for (const name of await readdir(hostPath)) {
    entries.push(...(await treeEntries(join(hostPath, name), `${path}/${name}`)))
  }
  return entries
}
