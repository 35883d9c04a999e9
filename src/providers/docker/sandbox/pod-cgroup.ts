// SPDX-License-Identifier: Apache-2.0
// The control group that holds those of a pod's containers. The engine makes it when the first of them starts
// and leaves it when the last is gone; where it is on this machine it is removed then.
import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DockerConfig } from '../docker-config.ts'
import type { Engine } from '../engine/connect-engine.ts'

const mountPoint = '/sys/fs/cgroup'

/** As the engine's driver wants it named: a path, or for systemd a slice. */
export function podCgroup(
  uid: string,
  {
    config,
    driver,
  }: { readonly config: Pick<DockerConfig, 'cgroupParent'>; readonly driver: string },
): string | undefined {
  const { cgroupParent } = config
  if (cgroupParent === false) return undefined
  if (driver !== 'systemd') return `${cgroupParent}/pod${uid}`
  // A dash is a level of slices.
  const levels = cgroupParent.split('/').filter((part) => part !== '')
  return `${[...levels, `pod${uid}`].map((part) => part.replaceAll('-', '_')).join('-')}.slice`
}

/** Where it is below a mount of control groups. */
export function cgroupPath(parent: string): string {
  if (!parent.endsWith('.slice') || parent.includes('/')) return parent
  const levels = parent.slice(0, -'.slice'.length).split('-')
  return join(...levels.map((_, index) => `${levels.slice(0, index + 1).join('-')}.slice`))
}

/** Removes what is left of it, in every hierarchy. */
export function removePodCgroup(parent: string, { isLocal }: Pick<Engine, 'isLocal'>): void {
  if (!isLocal) return
  for (const hierarchy of ['', ...hierarchies()]) {
    try {
      rmdirSync(join(mountPoint, hierarchy, cgroupPath(parent)))
    } catch {
      // It is not there, not ours to remove, or something is still in it.
    }
  }
}

/** Of version 1; those of version 2 have no directories of these names. */
function hierarchies(): readonly string[] {
  try {
    return readdirSync(mountPoint)
  } catch {
    return []
  }
}
