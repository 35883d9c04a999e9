// SPDX-License-Identifier: Apache-2.0
// emptyDir on disk: a directory that anybody may write to, for the life of the pod on its node. It comes
// into being whole, so that one which is there needs nothing more, and containers' own changes to it
// outlive a restart of ours.
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Pod, Volume } from '../../kube/types.gen.ts'
import { parseQuantity, wholeUnits, type Quantity } from '../../util/quantity.ts'
import { applyVolumeGroup, volumeGroupOf } from './fs-group.ts'

const mode = 0o777

/** Makes the directory unless it is there. */
export async function ensureEmptyDir(dir: string, pod: Pod): Promise<void> {
  if (await isDirectory(dir)) return
  await mkdir(dirname(dir), { recursive: true, mode: 0o755 })
  // Names of volumes have no dots: this is nobody's.
  const unfinished = join(dirname(dir), `.${basename(dir)}`)
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished)
  await openToAll(unfinished, pod)
  await rename(unfinished, dir)
}

/** Gives a directory the rights of an emptyDir. */
export async function openToAll(dir: string, pod: Pod): Promise<void> {
  await chmod(dir, mode)
  const group = volumeGroupOf(pod, { isReadOnly: false })
  if (group) await applyVolumeGroup(dir, { gid: group.gid, isReadOnly: false })
}

/** Its limit in bytes; undefined when it has none. */
export function sizeLimitOf({ emptyDir }: Volume): number | undefined {
  const { sizeLimit } = emptyDir ?? {}
  if (sizeLimit === undefined) return undefined
  const bytes = Number(wholeUnits(parseQuantity(sizeLimit)))
  return bytes > 0 ? bytes : undefined
}

/** Bytes that an emptyDir in memory may take: its own limit, else what the pod may use of memory. */
export function memorySizeOf(pod: Pod, volume: Volume): number | undefined {
  const limits = [sizeLimitOf(volume), podMemoryLimit(pod)].filter((limit) => limit !== undefined)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

/** Undefined when one container may use any amount. */
function podMemoryLimit({ spec }: Pod): number | undefined {
  const ofPod = spec.resources?.limits?.['memory']
  if (ofPod !== undefined) return bytesOf(ofPod)
  let sum = 0
  for (const { resources } of spec.containers) {
    const limit = resources?.limits?.['memory']
    if (limit === undefined) return undefined
    sum += bytesOf(limit)
  }
  return sum
}

function bytesOf(text: string): number {
  const quantity: Quantity = parseQuantity(text)
  return Number(wholeUnits(quantity))
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
