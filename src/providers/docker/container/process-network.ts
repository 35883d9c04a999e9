// SPDX-License-Identifier: Apache-2.0
// The network of a pod as the kernel counts it in the namespace of the sandbox's process, where that runs on
// this machine.
import { readFile } from 'node:fs/promises'
import type { NetworkStats } from '../../../provider/stats.ts'

/** Undefined where the process is not to be seen, or is not the container's: another machine's, say. */
export async function networkOfProcess(
  pid: number,
  { engineId, time }: { readonly engineId: string; readonly time: string },
): Promise<NetworkStats | undefined> {
  try {
    // Groups are named after containers; elsewhere the number belongs to somebody else.
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8')
    if (!groups.includes(engineId)) return undefined
    return parseDevices(await readFile(`/proc/${pid}/net/dev`, 'utf8'), time)
  } catch {
    // It has ended, or is not ours to look at.
    return undefined
  }
}

/** The first device that is not loopback. */
export function parseDevices(text: string, time: string): NetworkStats | undefined {
  for (const line of text.split('\n')) {
    const [, name = '', figures = ''] = /^\s*([^\s:]+):(.*)$/.exec(line) ?? []
    if (name === '' || name === 'lo') continue
    // Eight columns of what was received, then eight of what was sent; bytes, packets, errors, …
    const [rxBytes, , rxErrors, , , , , , txBytes, , txErrors] = figures
      .trim()
      .split(/\s+/)
      .map(Number)
    const all = [rxBytes, rxErrors, txBytes, txErrors]
    if (!all.every((figure) => Number.isFinite(figure))) return undefined
    return { time, name, rxBytes, rxErrors, txBytes, txErrors } as NetworkStats
  }
  return undefined
}
