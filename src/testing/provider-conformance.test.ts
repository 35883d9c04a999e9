// SPDX-License-Identifier: Apache-2.0
// The kit is only worth something if it fails: each provider here has one fault, and a check finds it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ObservedPod, PodProvider } from '../provider/provider.ts'
import { providerModule } from '../providers/mock/provider.ts'
import { VkError } from '../util/vk-error.ts'
import type { ConformanceOptions } from './conformance-options.ts'
import { conformanceChecks, runCheck } from './provider-conformance.ts'

type Fault = (mock: PodProvider) => Partial<PodProvider>

/** A mock with some of its methods replaced, for which nobody waits long. */
function faulty(fault: Fault): ConformanceOptions {
  return {
    name: 'faulty',
    timeoutMs: 200,
    open: async (host) => {
      const mock = await providerModule.create({}, host)
      const replaced = fault(mock)
      return new Proxy(mock, {
        get(target, property) {
          const source = Object.hasOwn(replaced, property) ? replaced : target
          const value: unknown = Reflect.get(source, property, source)
          return typeof value === 'function' ? value.bind(source) : value
        },
      })
    },
    workloads: {
      running: () => ({ container: {} }),
      exiting: () => ({ container: {} }),
    },
  }
}

const changed = (pod: ObservedPod, change: Partial<ObservedPod>): ObservedPod => ({
  ...pod,
  ...change,
})

/** Changes every observed pod on its way out. */
function seenAs(
  mock: PodProvider,
  change: (pod: ObservedPod) => ObservedPod,
): Partial<PodProvider> {
  return {
    listPods: async (context) => (await mock.listPods(context)).map(change),
    getPodStatuses: async (refs, context) => {
      const statuses = await mock.getPodStatuses(refs, context)
      return new Map([...statuses].map(([uid, pod]) => [uid, change(pod)]))
    },
  }
}

const withContainerIds =
  (of: (id: string) => string) =>
  (pod: ObservedPod): ObservedPod =>
    changed(pod, {
      containers: pod.containers.map((status) => ({
        ...status,
        ...(status.containerID !== undefined && { containerID: of(status.containerID) }),
      })),
    })

let opened = 0
const faults: readonly (readonly [fault: string, foundBy: string, make: Fault])[] = [
  [
    'keeps pods after clean-up',
    'a deleted pod ends, stays observable, and is gone after clean-up',
    () => ({ cleanUpPod: () => Promise.resolve() }),
  ],
  [
    'refuses to delete what it does not know',
    'deleting and cleaning up a pod that is not there succeeds',
    (mock) => ({
      async deletePod(ref, options, context) {
        if ((await mock.getPodStatuses([ref], context)).size === 0) {
          throw new VkError('NotFound', 'Cannot delete pod: unknown')
        }
        await mock.deletePod(ref, options, context)
      },
    }),
  ],
  [
    'never ends a pod',
    'a deleted pod ends, stays observable, and is gone after clean-up',
    () => ({ deletePod: () => Promise.resolve() }),
  ],
  [
    'lists pods with a uid of its own',
    'pods of one name in two namespaces are two pods, listed with their own references',
    (mock) => seenAs(mock, (pod) => changed(pod, { ref: { ...pod.ref, uid: pod.ref.name } })),
  ],
  [
    'answers for one pod only',
    'many statuses come in one batch, and only of pods that are there',
    (mock) => ({
      getPodStatuses: (refs, context) => mock.getPodStatuses(refs.slice(0, 1), context),
    }),
  ],
  [
    'watches without a word',
    'watchers are told of start and end',
    () => ({ watchPods: () => ({ [Symbol.dispose]: () => {} }) }),
  ],
  [
    'has no address',
    'a pod that is created runs',
    (mock) => seenAs(mock, (pod) => changed(pod, { podIPs: [] })),
  ],
  [
    'gives containers of one pod the same ID',
    'several containers run side by side',
    (mock) =>
      seenAs(
        mock,
        withContainerIds((id) => id.replace(/\.c\d\./, '.c.')),
      ),
  ],
  [
    'makes new containers after a restart',
    'a running pod is found again after a restart, as it was',
    (mock) => {
      const generation = ++opened
      return seenAs(
        mock,
        withContainerIds((id) => `${id}.${generation}`),
      )
    },
  ],
  [
    'has logs of everything',
    'logs of an unknown pod, container or run are NotFound',
    () => ({
      async *logs() {
        yield { entries: [], isLive: true }
      },
    }),
  ],
  [
    'measures nothing',
    'usage of running pods is reported, and CPU time never falls',
    () => ({ podStats: () => Promise.resolve([]) }),
  ],
  [
    'never answers who gave up',
    'a call that was given up settles, and does no harm',
    (mock) => ({
      listPods: (context) =>
        context.signal.aborted ? new Promise(() => {}) : mock.listPods(context),
    }),
  ],
]
describe('conformance', { concurrency: true }, () => {
  for (const [fault, title, make] of faults) {
    test(`a provider that ${fault} is found out`, async () => {
      const check = conformanceChecks.find((candidate) => candidate.title === title)
      assert.ok(check, 'the check exists')
      const { timeoutMs: _, ...faultless } = faulty(() => ({}))
      await runCheck(check, faultless)
      await assert.rejects(runCheck(check, faulty(make)))
    })
  }
})
