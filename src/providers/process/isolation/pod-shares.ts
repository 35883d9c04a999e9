// SPDX-License-Identifier: Apache-2.0
// What the containers of a pod share besides what they join from each other: memory, and where the pod says
// so their processes. Made when it is needed, and gone with the pod's sandbox. Needs root.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../../kube/types.gen.ts'
import type { ProviderHost } from '../../../provider/provider.ts'
import type { ProcessMark } from '../process-identity.ts'
import type { RunTool } from '../run-tool.ts'
import type { Surroundings } from '../surroundings.ts'
import { MemoryDirs } from './memory-dirs.ts'
import { PodHolders } from './pod-holders.ts'
import { defaultProfile } from './seccomp/default-profile.ts'

/** What one pod's containers are given. */
export interface Shares {
  readonly holder: ProcessMark | undefined
  /** See pod-memory.ts. */
  readonly memoryDir: string | undefined
}

/** The shares of all pods of a node. */
export interface PodShares {
  readonly memory: MemoryDirs
  /** Makes what the pod needs; calls for one pod follow each other. */
  of(pod: Pod): Promise<Shares>
  /** Lets go of what only running containers need: none of the pod's runs, and none is being started. */
  rest(uid: string): Promise<void>
  /** The same for all pods but these, after a restart of ours. */
  restAllBut(uids: ReadonlySet<string>): Promise<void>
  remove(uid: string): Promise<void>
}

/** Undefined: this machine, or our rights on it, allow none. */
export function openShares(
  { rootDir, clock, run }: Pick<ProviderHost, 'rootDir' | 'clock'> & { readonly run: RunTool },
  { tools, own, bootId, canIsolate, filters }: Surroundings,
): PodShares | undefined {
  const { mount } = tools
  if (!canIsolate || own.uid !== 0 || mount === undefined) return undefined
  const memory = new MemoryDirs(join(rootDir, 'process-memory'), { mount, run })
  const memoryDir = join(rootDir, 'process-shm')
  const filter = filters?.filesOf(defaultProfile([])).program
  const holders = new PodHolders(join(rootDir, 'process-pods'), { tools, bootId, clock, filter })
  return {
    memory,
    async of({ metadata: { uid }, spec }) {
      const hasMany = hasSeveralContainers(spec)
      const sharesMemory = hasMany && spec.hostIPC !== true && tools.unshare !== undefined
      if (sharesMemory) await mkdir(memoryDir, { recursive: true, mode: 0o700 })
      const sharesProcesses = spec.shareProcessNamespace === true && spec.hostPID !== true
      return {
        holder: sharesProcesses ? await holders.ensure(uid) : undefined,
        memoryDir: sharesMemory ? memoryDir : undefined,
      }
    },
    rest: (uid) => holders.remove(uid),
    async restAllBut(uids) {
      const idle = (await holders.uids()).filter((uid) => !uids.has(uid))
      await Promise.all(idle.map((uid) => holders.remove(uid)))
    },
    async remove(uid) {
      await holders.remove(uid)
      await memory.remove(uid)
    },
  }
}

function hasSeveralContainers({ containers, initContainers = [] }: Pod['spec']): boolean {
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  return containers.length + sidecars.length > 1
}
