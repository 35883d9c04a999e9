// SPDX-License-Identifier: Apache-2.0
// Finds out which control groups this machine and our rights allow.
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { CgroupsV1 } from './cgroup-v1.ts'
import { CgroupsV2 } from './cgroup-v2.ts'
import type { Cgroups } from './cgroup.ts'
import { readOr } from './group-files.ts'

/** A mounted hierarchy. */
export interface CgroupMount {
  readonly path: string
  readonly version: 1 | 2
  readonly controllers: readonly string[]
}

/** Reads /proc/self/mountinfo. */
export function parseCgroupMounts(mountinfo: string): readonly CgroupMount[] {
  return mountinfo.split('\n').flatMap((line): CgroupMount[] => {
    const [before = '', after = ''] = line.split(' - ')
    const path = before.split(' ')[4]?.replaceAll(String.raw`\040`, ' ')
    const [type, , options = ''] = after.split(' ')
    if (path === undefined) return []
    if (type === 'cgroup2') return [{ path, version: 2, controllers: [] }]
    return type === 'cgroup' ? [{ path, version: 1, controllers: options.split(',') }] : []
  })
}

/**
 * The control groups below `root` (such as /virtual-kubelet), or undefined where this machine or our
 * rights allow none. Their folder is made.
 */
export function detectCgroups(root: string | false, folder: string): Cgroups | undefined {
  if (root === false) return undefined
  const cgroups = openCgroups(join(root, folder))
  try {
    cgroups?.prepare()
    return cgroups
  } catch {
    // Writable by mode alone, such as a read-only mount: then there are none for us.
    return undefined
  }
}

/** The control groups in a folder such as /virtual-kubelet/node, which is not made. */
export function openCgroups(folder: string): Cgroups | undefined {
  if (process.platform !== 'linux') return undefined
  const mounts = parseCgroupMounts(readOr('/proc/self/mountinfo')).filter(({ path }) =>
    isWritable(path, folder),
  )
  return choose(mounts, folder)
}

function choose(mounts: readonly CgroupMount[], folder: string): Cgroups | undefined {
  const v2 = mounts.find(({ version }) => version === 2)
  if (v2 && readOr(join(v2.path, 'cgroup.controllers')).includes('memory')) {
    return new CgroupsV2(v2.path, folder)
  }
  const dirs = new Map<string, string>()
  for (const { path, version, controllers } of mounts) {
    if (version === 2) continue
    for (const controller of controllers) dirs.set(controller, join(path, folder))
  }
  return dirs.has('memory') || dirs.has('pids') ? new CgroupsV1(dirs) : undefined
}

// The nearest existing directory of the path decides.
function isWritable(mount: string, folder: string): boolean {
  for (let path = join(mount, folder); path.length >= mount.length; path = join(path, '..')) {
    try {
      accessSync(path, constants.W_OK)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false
    }
  }
  return false
}
