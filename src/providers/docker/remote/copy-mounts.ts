// SPDX-License-Identifier: Apache-2.0
// For an engine on another machine: parts of volumes (subPath) that the core has laid out here are copied into
// the container before it starts. Like those of a kubelet they are never renewed.
import type { ContainerMount, ContainerStart } from '../../../runtime/container-runtime.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { tarArchive, type TarEntry } from '../tar-archive.ts'
import { treeEntries } from './tree-entries.ts'

/** Is it a part of a volume that is copied? Whole ones are volumes of the engine. */
export function isPart(
  { name, hostPath }: ContainerMount,
  { volumeDirs }: Pick<ContainerStart, 'volumeDirs'>,
): boolean {
  return name !== '' && volumeDirs.get(name) !== hostPath
}

/** Copies the container's parts of volumes to their places in it. */
export async function copyMounts(
  start: Pick<ContainerStart, 'mounts' | 'volumeDirs'>,
  { client, engineId }: { readonly client: EngineClient; readonly engineId: string },
  signal: AbortSignal,
): Promise<void> {
  const entries: TarEntry[] = []
  for (const mount of start.mounts) {
    if (!isPart(mount, start)) continue
    const { hostPath, mountPath } = mount
    entries.push(...(await treeEntries(hostPath, mountPath.replace(/^\/+|\/+$/g, ''))))
  }
  if (entries.length === 0) return
  const path = `/containers/${engineId}/archive`
  const archive = tarArchive(entries)
  await client.text({ method: 'PUT', path, query: { path: '/' }, archive }, { signal })
}
