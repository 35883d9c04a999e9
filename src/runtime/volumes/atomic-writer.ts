// SPDX-License-Identifier: Apache-2.0
// The files of a volume made from API objects, laid out as the kubelet does so that a reader never sees
// half of an update: real files in a fresh `..<time>.<random>/`, the link `..data` to it, and one link
// per top-level name through `..data`. All is done to the files before the link leads to them.
import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { VolumeFile } from '../../provider/provider.ts'
import { applyVolumeGroup, type VolumeGroup } from './fs-group.ts'

const dataLink = '..data'

/** What a volume is to hold. */
export interface VolumeContent {
  readonly files: readonly VolumeFile[]
  readonly nowMs: number
  /** Whom the files belong to as well. */
  readonly group?: VolumeGroup
}

/** Makes the directory hold exactly these files; returns false when it already did. */
export async function writeVolume(
  dir: string,
  { files, nowMs, group }: VolumeContent,
): Promise<boolean> {
  await makeRoot(dir, group)
  const oldName = await readlink(join(dir, dataLink)).catch(() => undefined)
  if (oldName !== undefined && (await holds(join(dir, oldName), files))) {
    // A life of ours that was killed in here may have got no further than to the link.
    await tidy(dir, { current: oldName, files })
    return false
  }

  const newName = `..${stamp(nowMs)}.${randomBytes(5).toString('hex')}`
  const newDir = join(dir, newName)
  await mkdir(newDir, { mode: 0o755 })
  for (const file of files) await writeVolumeFile(newDir, file)
  if (group) await applyVolumeGroup(newDir, group)

  const temporary = join(dir, `${dataLink}_tmp`)
  await rm(temporary, { force: true })
  await symlink(newName, temporary)
  await rename(temporary, join(dir, dataLink))
  await tidy(dir, { current: newName, files })
  return true
}

/** What is left to do once the link leads to the current files. */
async function tidy(
  dir: string,
  { current, files }: { readonly current: string; readonly files: readonly VolumeFile[] },
): Promise<void> {
  await linkNames(dir, files)
  await removeOld(dir, current)
}

async function makeRoot(dir: string, group: VolumeGroup | undefined): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode: 0o755 })
  if (made !== undefined && group) await applyVolumeGroup(dir, group)
}

async function writeVolumeFile(dir: string, file: VolumeFile): Promise<void> {
  const path = join(dir, file.path)
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await writeFile(path, file.content, { mode: 0o600 })
  // Explicitly, because the mode given at creation is cut by our umask.
  await chmod(path, file.mode)
  // Only root can give a file away; any other virtual-kubelet runs its pods as itself.
  if (file.ownerUid !== undefined && process.getuid?.() === 0) await chown(path, file.ownerUid, 0)
}

/** User-visible names are links through `..data`; those of files that are gone go too. */
async function linkNames(dir: string, files: readonly VolumeFile[]): Promise<void> {
  const names = new Set(files.map(({ path }) => topName(path)))
  const existing = new Set((await readdir(dir)).filter((name) => !name.startsWith('..')))
  for (const name of names) {
    if (!existing.has(name)) await symlink(join(dataLink, name), join(dir, name))
  }
  for (const name of existing) {
    if (!names.has(name)) await rm(join(dir, name), { recursive: true, force: true })
  }
}

async function removeOld(dir: string, currentName: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith('..') || name === dataLink || name === currentName) continue
    await rm(join(dir, name), { recursive: true, force: true })
  }
}

async function holds(dir: string, files: readonly VolumeFile[]): Promise<boolean> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
  if (entries.filter((entry) => entry.isFile()).length !== files.length) return false
  for (const { path, content } of files) {
    const there = await readFile(join(dir, path)).catch(() => undefined)
    if (!there?.equals(content)) return false
  }
  return true
}

function topName(path: string): string {
  return path.split('/', 1)[0] ?? path
}

function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '_')
}
