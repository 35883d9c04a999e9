// SPDX-License-Identifier: Apache-2.0
// The backend with a watch on it: every call is counted, timed, and ended when it takes too long, so
// that a backend that hangs holds up one call and never a worker for ever.
import type { Metrics } from '../observe/metrics.ts'
import type { CallContext, PodProvider } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import { withDeadline } from '../util/deadline.ts'
import { codeOf } from '../util/vk-error.ts'

export interface ObservedProviderOptions {
  /** The provider's name, for metrics. */
  readonly name: string
  readonly clock: Clock
  readonly metrics?: Metrics | undefined
  /** A call that takes longer fails with Timeout; default 2 min. */
  readonly timeoutMs?: number
}

/** The calls that the pod loop makes; streams and node calls are others' business. */
export type PodCalls = Pick<
  PodProvider,
  | 'features'
  | 'resolves'
  | 'adoptsByStatus'
  | 'problemsOf'
  | 'createPod'
  | 'updatePod'
  | 'deletePod'
  | 'cleanUpPod'
  | 'listPods'
  | 'getPodStatuses'
  | 'watchPods'
>

/** Wraps `provider`; the methods it lacks stay lacking. */
export function observeProvider(provider: PodCalls, options: ObservedProviderOptions): PodCalls {
  const metrics = new CallMetrics(options)
  const call = <T>(
    name: string,
    context: CallContext,
    run: (context: CallContext) => Promise<T>,
  ): Promise<T> => observeCall(name, { context, run, options, metrics })
  return {
    features: provider.features,
    resolves: provider.resolves,
    ...(provider.adoptsByStatus && { adoptsByStatus: true }),
    ...(provider.problemsOf && { problemsOf: provider.problemsOf.bind(provider) }),
    createPod: (request, context) =>
      call('createPod', context, (inner) => provider.createPod(request, inner)),
    updatePod: (request, context) =>
      call('updatePod', context, (inner) => provider.updatePod(request, inner)),
    deletePod: (ref, grace, context) =>
      call('deletePod', context, (inner) => provider.deletePod(ref, grace, inner)),
    listPods: (context) => call('listPods', context, (inner) => provider.listPods(inner)),
    getPodStatuses: (refs, context) =>
      call('getPodStatuses', context, (inner) => provider.getPodStatuses(refs, inner)),
    ...(provider.cleanUpPod && {
      cleanUpPod: (ref, context) =>
        call('cleanUpPod', context, async (inner) => provider.cleanUpPod?.(ref, inner)),
    }),
    ...(provider.watchPods && { watchPods: provider.watchPods.bind(provider) }),
  }
}

interface ObservedCall<T> {
  readonly context: CallContext
  readonly run: (context: CallContext) => Promise<T>
  readonly options: ObservedProviderOptions
  readonly metrics: CallMetrics
}

async function observeCall<T>(
  name: string,
  { context, run, options, metrics }: ObservedCall<T>,
): Promise<T> {
  const { clock } = options
  const startedMs = clock.monotonicMs()
  let code = 'ok'
  try {
    const { timeoutMs = 120_000 } = options
    const { signal, log } = context
    const message = `Cannot finish ${name}: no answer from the provider in ${timeoutMs / 1000} s`
    const limit = { clock, timeoutMs, signal, message }
    return await withDeadline((inner) => run({ signal: inner, log }), limit)
  } catch (error) {
    code = codeOf(error)
    throw error
  } finally {
    metrics.observe(name, code, clock.monotonicMs() - startedMs)
  }
}

/** Labelled metrics are looked up once and kept: prom-client makes a key of the labels at each call. */
class CallMetrics {
  readonly #options: ObservedProviderOptions
  readonly #counters = new Map<string, { inc(): void }>()
  readonly #durations = new Map<string, { observe(seconds: number): void }>()

  constructor(options: ObservedProviderOptions) {
    this.#options = options
  }

  observe(call: string, code: string, durationMs: number): void {
    const { metrics, name: provider } = this.#options
    if (!metrics) return
    const key = `${call} ${code}`
    let counter = this.#counters.get(key)
    if (!counter) {
      counter = metrics.providerCalls.labels({ provider, call, code })
      this.#counters.set(key, counter)
    }
    counter.inc()
    let duration = this.#durations.get(call)
    if (!duration) {
      duration = metrics.providerCallDuration.labels({ provider, call })
      this.#durations.set(call, duration)
    }
    duration.observe(durationMs / 1000)
  }
}
