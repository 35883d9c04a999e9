// SPDX-License-Identifier: Apache-2.0
// Looks now and then how much the emptyDirs of pods hold, and tells of those beyond their sizeLimit. What
// follows (the pod is evicted) is for whoever is told; it is told again at each look until the pod is
// gone. Volumes in memory bound themselves.
import type { Pod, Volume } from '../../kube/types.gen.ts'
import type { PodRef } from '../../provider/provider.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import { volumeDir } from '../pod-dirs.ts'
import { sizeLimitOf } from './empty-dir.ts'
import { measureUsage } from './volume-usage.ts'

/** An emptyDir that holds more than it may. */
export interface ExceededLimit {
  readonly ref: PodRef
  readonly volume: string
  readonly usedBytes: number
  readonly limitBytes: number
  /** For the pod's status and event, in the kubelet's words. */
  readonly message: string
}

export interface EmptyDirLimitsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly rootDir: string
  /** Pods that may run, as the API has them. */
  readonly pods: () => Iterable<Pod>
  readonly onExceeded: (exceeded: ExceededLimit) => void
  /** From the end of one look to the next; default 10 s, the kubelet's. */
  readonly intervalMs?: number
}

/** Begins to look; ends when disposed of. */
export function watchEmptyDirLimits(options: EmptyDirLimitsOptions): AsyncDisposable {
  const { clock, log, intervalMs = 10_000 } = options
  const stopping = new AbortController()
  let looking: Promise<void> = Promise.resolve()
  let timer: Disposable | undefined
  const plan = (): void => {
    if (stopping.signal.aborted) return
    timer = clock.setTimer(intervalMs, () => {
      looking = checkEmptyDirs(options, stopping.signal)
        .catch((error: unknown) => {
          if (stopping.signal.aborted) return
          log.warn({ error: messageOf(error) }, 'Cannot look at the sizes of volumes')
        })
        .finally(plan)
    })
  }
  plan()
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      timer?.[Symbol.dispose]()
      await looking
    },
  }
}

/** One look at all pods, one volume after the other. */
export async function checkEmptyDirs(
  { pods, rootDir, onExceeded }: Pick<EmptyDirLimitsOptions, 'pods' | 'rootDir' | 'onExceeded'>,
  signal: AbortSignal,
): Promise<void> {
  for (const { metadata, spec } of pods()) {
    const { namespace, name, uid } = metadata
    for (const volume of spec.volumes ?? []) {
      const limitBytes = limitOnDisk(volume)
      if (limitBytes === undefined) continue
      const dir = volumeDir(rootDir, { uid, volume: volume.name })
      // Not made yet, or gone with its pod.
      const usage = await measureUsage(dir, signal).catch(() => undefined)
      signal.throwIfAborted()
      if (!usage || usage.usedBytes <= limitBytes) continue
      const limit = volume.emptyDir?.sizeLimit ?? ''
      onExceeded({
        ref: { namespace, name, uid },
        volume: volume.name,
        usedBytes: usage.usedBytes,
        limitBytes,
        message: `Usage of EmptyDir volume "${volume.name}" exceeds the limit "${limit}". `,
      })
    }
  }
}

function limitOnDisk(volume: Volume): number | undefined {
  return volume.emptyDir?.medium ? undefined : sizeLimitOf(volume)
}
