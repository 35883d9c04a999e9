// SPDX-License-Identifier: Apache-2.0
// The calls by which a container's process becomes its user, and gives up what is not the container's. They go by
// numbers: nothing of the container's root is asked what a name means.
import { capabilityNumber } from '../../capabilities.ts'
import type { RunUser } from '../../users.ts'
import type { CallList } from './call-list.ts'

/** Of prctl. */
const setDumpable = 4
const dropFromBounding = 24
const ambient = 47
const clearAll = 4

/** _LINUX_CAPABILITY_VERSION_3; the process itself. */
const capabilityHeader = Buffer.alloc(8)
capabilityHeader.writeUInt32LE(0x2008_0522, 0)

export interface Rights {
  /** Undefined: who we are. */
  readonly user: RunUser | undefined
  /** What the container's root may have. */
  readonly capabilities: readonly string[]
  readonly lastCapability: number
}

/** Takes the groups of the user, and no others. */
export function addUsersGroups(list: CallList, user: RunUser | undefined): void {
  if (!user) return
  const { gid, supplementalGroups } = user
  const how = { complaint: 'cannot take the groups of the user' }
  const groups = Uint8Array.from(Buffer.from(Uint32Array.from(supplementalGroups).buffer))
  list.add('setgroups', [supplementalGroups.length, groups], how)
  list.add('setresgid', [gid, gid, gid], how)
}

/** Becomes the user, with these capabilities at most, and none where it is not root. */
export function addRights(list: CallList, { user, capabilities, lastCapability }: Rights): void {
  const changesUser = user !== undefined && user.uid !== 0
  // The same set as that of commands which are run in the container; see `boundSteps`.
  const names = changesUser ? [...capabilities, 'SETUID'] : capabilities
  const kept = new Set(names.map(capabilityNumber))
  const complaint = 'cannot give up capabilities'
  for (let number = 0; number <= lastCapability; number += 1) {
    if (!kept.has(number)) list.add('prctl', [dropFromBounding, number], { complaint })
  }
  list.add('prctl', [ambient, clearAll], { complaint })
  list.add('capset', [capabilityHeader, capabilityData(kept)], { complaint })
  if (!changesUser) return
  const { uid } = user
  list.add('setresuid', [uid, uid, uid], { complaint: 'cannot become the user' })
}

/** Gives up all of them. It stays root's: to trace it, or to look at its root, takes a capability of the host's. */
export function dropAll(list: CallList, who: string): void {
  list.add('prctl', [setDumpable, 0], { complaint: `${who} cannot keep others away` })
  list.add('capset', [capabilityHeader, capabilityData(new Set())], {
    complaint: `${who} cannot give up its rights`,
  })
}

/** Effective, permitted and none inheritable, of the first 32 and then of the others. */
function capabilityData(numbers: ReadonlySet<number>): Uint8Array {
  const bytes = Buffer.alloc(24)
  for (const number of numbers) {
    const word = number < 32 ? 0 : 12
    const bit = (1 << (number % 32)) >>> 0
    for (const at of [word, word + 4]) {
      bytes.writeUInt32LE((bytes.readUInt32LE(at) | bit) >>> 0, at)
    }
  }
  return bytes
}
