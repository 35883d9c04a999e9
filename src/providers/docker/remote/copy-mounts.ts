// SPDX-License-Identifier: Apache-2.0
// For an engine on another machine: what the core has laid out here is copied into the container before it
// starts. Directories that containers write to are volumes of the engine instead.
import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../../kube/types.gen.ts'
import type { ContainerMount, ContainerStart } from '../../../runtime/container-runtime.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { tarArchive, type TarEntry } from '../tar-archive.ts'

/** Is the mount an emptyDir, which an engine elsewhere makes itself? */
export function isEmptyDir({ name }: ContainerMount, { spec }: Pod): boolean {
  return (
    name !== '' && (spec.volumes ?? []).some((volume) => volume.name === name && volume.emptyDir)
  )
}

/** Copies the files of the container's volumes to their places in it. */
export async function copyMounts(
  { mounts, pod }: Pick<ContainerStart, 'mounts' | 'pod'>,
  { client, engineId }: { readonly client: EngineClient; readonly engineId: string },
  signal: AbortSignal,
): Promise<void> {
  // Files of the core's own are laid over by the engine's, which say the same of the pod's name.
  const copied = mounts.filter((mount) => mount.name !== '' && !isEmptyDir(mount, pod))
  const entries: TarEntry[] = []
  for (const { hostPath, mountPath } of copied) {
    entries.push(...(await entriesOf(hostPath, mountPath.replace(/^\/+|\/+$/g, ''))))
  }
  if (entries.length === 0) return
  const path = `/containers/${engineId}/archive`
  const archive = tarArchive(entries)
  await client.text({ method: 'PUT', path, query: { path: '/' }, archive }, { signal })
}

async function entriesOf(hostPath: string, path: string): Promise<readonly TarEntry[]> {
  const stats = await lstat(hostPath)
  const { mode, uid, gid } = stats
  const owned = { path, mode: mode & 0o7777, uid, gid }
  if (stats.isSymbolicLink()) return [{ ...owned, linkTo: await readlink(hostPath) }]
  if (!stats.isDirectory()) return [{ ...owned, content: await readFile(hostPath) }]
  const entries: TarEntry[] = [{ ...owned, path: `${path}/`, isDirectory: true }]
  for (const name of await readdir(hostPath)) {
    entries.push(...(await entriesOf(join(hostPath, name), `${path}/${name}`)))
  }
  return entries
}
