// SPDX-License-Identifier: Apache-2.0
// Drops what a backend keeps of pods that have ended (containers, logs, records), for a cluster that nobody
// will ask again. Elsewhere that follows from the deletion of the pods.
import type { CallContext, PodProvider, PodRef } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'

export interface ForgetOptions {
  readonly clock: Clock
  readonly log: Logger
}

const limitMs = 30_000
const podsAtOnce = 8
const maxTries = 5
const retryMs = 100

/** Tries for each pod more than once; what is left then is logged. Rejects when the backend lists no pods. */
export async function forgetPods(
  provider: Pick<PodProvider, 'listPods' | 'cleanUpPod'>,
  { clock, log }: ForgetOptions,
): Promise<void> {
  const limit = new AbortController()
  using _timer = clock.setTimer(limitMs, () => limit.abort())
  const context = { signal: limit.signal, log }
  const ended = (await provider.listPods(context)).filter(({ hasEnded }) => hasEnded)
  const worker = async (): Promise<void> => {
    for (let pod = ended.shift(); pod !== undefined; pod = ended.shift()) {
      await forget(pod.ref, { provider, clock, context })
    }
  }
  await Promise.all(Array.from({ length: podsAtOnce }, worker))
}

/** The backend may be at it itself just now, or slow. */
async function forget(
  ref: PodRef,
  at: {
    readonly provider: Pick<PodProvider, 'cleanUpPod'>
    readonly clock: Clock
    readonly context: CallContext
  },
): Promise<void> {
  const { provider, clock, context } = at
  for (let tries = 1; ; tries += 1) {
    try {
      return await provider.cleanUpPod?.(ref, context)
    } catch (error) {
      if (tries === maxTries || context.signal.aborted) {
        context.log.warn({ pod: ref.name, error: messageOf(error) }, 'Something of the pod is left')
        return
      }
      await clock.sleep(tries * retryMs)
    }
  }
}
