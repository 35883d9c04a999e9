// SPDX-License-Identifier: Apache-2.0
// What this machine and our rights on it allow, found out once.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../util/vk-error.ts'
import { dropOptions } from './capabilities.ts'
import type { Cgroups } from './cgroup.ts'
import { findStrayDescriptors } from './stray-descriptors.ts'
import { detectCgroups } from './detect-cgroups.ts'
import { nodeFolder } from './forsaken-groups.ts'
import { canHide } from './hidden-dir.ts'
import { canIsolate } from './isolation/bubblewrap.ts'
import { findToolKit } from './isolation/tool-kit.ts'
import { openCaller } from './isolation/calls/caller.ts'
import type { Caller } from './isolation/calls/caller-file.ts'
import type { ToolKit } from './isolation/tool-kit.ts'
import { FilterStore } from './isolation/seccomp/filter-store.ts'
import { findTrustedFiles } from './isolation/trusted-files.ts'
import { findHostTools } from './host-tools.ts'
import type { HostTools } from './host-tools.ts'
import type { ProcessConfig } from './process-config.ts'
import { readBootId } from './process-identity.ts'
import type { OwnUser } from './users.ts'
import { tryTool } from './try-tool.ts'

export interface Surroundings {
  readonly tools: HostTools
  readonly cgroups: Cgroups | undefined
  readonly bootId: string
  readonly own: OwnUser
  /** Containers have a root and namespaces of their own, by bubblewrap. */
  readonly canIsolate: boolean
  /** For roots that are not the host's; undefined where there are none, or it cannot be made. */
  readonly toolKit: ToolKit | undefined
  /** What of the host must stay in place in a container's root; see isolation/trusted-files.ts. */
  readonly trustedFiles: readonly string[]
  /** Undefined: system calls of containers cannot be filtered. */
  readonly filters: FilterStore | undefined
  /** Undefined: all roots are made by bubblewrap. */
  readonly caller: Caller | undefined
  /** Containers can be kept from seeing --root-dir. */
  readonly canHide: boolean
  /** Containers can be kept from ever having a capability again, by what they exec either. */
  readonly canDropCapabilities: boolean
  /** Descriptors that our own children would inherit, because our parent let us inherit them. */
  readonly strayDescriptors: readonly number[]
}

/**
 * Looks around; throws a UserError where the machine lacks the essentials. `rootDir` also names this
 * node's folder among control groups, which is made.
 */
export function exploreSurroundings(config: ProcessConfig, rootDir: string): Surroundings {
  if (process.platform === 'linux' && !existsSync('/proc/self/stat')) {
    throw new UserError('Cannot run processes: /proc is not mounted, which tells processes apart')
  }
  const tools = findHostTools()
  const isolates = canIsolate(config, tools)
  return {
    tools,
    canIsolate: isolates,
    toolKit: isolates && config.imageDirPrefixes.length > 0 ? findToolKit(tools) : undefined,
    trustedFiles: isolates ? findTrustedFiles(tools) : [],
    filters: isolates ? FilterStore.open(join(rootDir, 'process-filters'), tools) : undefined,
    caller: isolates ? openCaller(join(rootDir, 'process-filters'), tools) : undefined,
    canHide: isolates || canHide(config, { tools, dir: rootDir }),
    canDropCapabilities: canDropCapabilities(tools),
    cgroups: detectCgroups(config.cgroupRoot, nodeFolder(rootDir)),
    bootId: readBootId(),
    strayDescriptors: findStrayDescriptors(),
    own: ownUser(),
  }
}

/** Who this process is. */
export function ownUser(): OwnUser {
  return {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    groups: process.getgroups?.() ?? [],
  }
}

// Root inside a container may lack the right to lower its bounding set, so it is tried out.
function canDropCapabilities({ setpriv, shell }: HostTools): boolean {
  if (setpriv === undefined) return false
  const args = [...dropOptions(['ALL'], { changesUser: false }), '--', shell, '-c', ':']
  return tryTool(setpriv, args, { stdio: 'ignore' }).status === 0
}
