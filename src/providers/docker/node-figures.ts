// SPDX-License-Identifier: Apache-2.0
// The node's own figures: this machine's where the engine is on it, with the disk of images beside the node's.
// Of an engine elsewhere only what it says itself: nothing of this machine is told for another one.
import type { NodeStats } from '../../provider/stats.ts'
import { readMachineStats } from '../../runtime/resources/machine-stats.ts'
import type { Clock } from '../../util/clock.ts'
import type { Engine } from './engine/connect-engine.ts'
import { readEngineDisk } from './engine/engine-disk.ts'

export interface NodeFiguresPlace {
  readonly rootDir: string
  readonly clock: Clock
  /** Since when figures are collected. */
  readonly sinceMs: number
}

/** As ContainerRuntime.nodeStats. */
export async function nodeFigures(
  engine: Engine,
  { rootDir, clock, sinceMs }: NodeFiguresPlace,
  signal: AbortSignal,
): Promise<NodeStats> {
  const time = new Date(clock.nowMs()).toISOString()
  const disk = await readEngineDisk(engine, { time, signal })
  if (!engine.isLocal) {
    return { startTime: new Date(sinceMs).toISOString(), ...(disk && { fs: disk }) }
  }
  const machine = await readMachineStats(rootDir, clock)
  if (!disk) return machine
  // What of it images use is told by nobody: others may keep things there, too.
  const { usedBytes: _used, inodesUsed: _inodes, ...room } = disk
  return { ...machine, runtime: { imageFs: room, containerFs: room } }
}
