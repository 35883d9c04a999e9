// SPDX-License-Identifier: Apache-2.0
// What has to be done now and then: leftovers of crashes, and images, networks and control groups that nothing
// needs any more, are removed.
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { runLoop } from '../../util/run-loop.ts'
import { podDir } from '../../runtime/pod-dirs.ts'
import { readLabels } from './container/container-labels.ts'
import type { ContainerTable } from './container/container-table.ts'
import { removeContainer } from './container/remove-container.ts'
import type { Engine } from './engine/connect-engine.ts'
import type { ImageCollector } from './images/image-collector.ts'
import { existing, findOrphans } from './sandbox/orphan-sweep.ts'
import type { PodCgroups } from './sandbox/pod-cgroups.ts'
import type { PodNetwork } from './sandbox/pod-network.ts'

export interface HousekeepingParts {
  readonly engine: Engine
  readonly table: ContainerTable
  readonly images: ImageCollector
  readonly network: PodNetwork
  readonly cgroups: Pick<PodCgroups, 'sweep'>
  readonly clock: Clock
  readonly log: Logger
  readonly rootDir: string
}

const everyMs = 300_000

/** Goes on until the signal aborts. */
export async function keepHouse(parts: HousekeepingParts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts
  await parts.cgroups.sweep()
  const turn = async (): Promise<void> => {
    await clock.sleep(everyMs, { signal })
    const hasPods = await sweepOrphans(parts, signal)
    await parts.cgroups.sweep()
    await parts.network.tidy(hasPods, signal)
    await parts.images.collect(signal)
  }
  await runLoop('docker-housekeeping', turn, { clock, log, signal })
}

/** Removes what is certainly nobody's; tells whether the node still has a sandbox. */
async function sweepOrphans(
  { engine, table, clock, log, rootDir }: HousekeepingParts,
  signal: AbortSignal,
): Promise<boolean> {
  const all = await table.list(signal)
  const uids = all.flatMap(({ Labels }) => {
    const labelled = readLabels(Labels)
    return labelled?.kind === 'sandbox' ? [labelled.pod.uid] : []
  })
  const dirs = await existing(uids.map((uid) => podDir(rootDir, uid)))
  const isKnown = (uid: string): boolean => dirs.has(podDir(rootDir, uid))
  for (const id of findOrphans({ all, nowMs: clock.nowMs(), isKnown })) {
    await removeContainer(engine.client, id, signal)
    log.info({ container: id }, 'Removed what a crash had left')
  }
  return uids.length > 0
}
