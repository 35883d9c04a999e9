// SPDX-License-Identifier: Apache-2.0
//
// Every state of a pod that the API ever had: what a pod looked like right before it was gone can be
// seen in no other way than by a watch.
import type { Pod } from '../../src/kube/types.gen.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'

/** The states of one pod, oldest first. */
export interface PodWatch extends Disposable {
  readonly states: readonly Pod[]
  /** The states that were written so far; waits for one that matches. */
  until(isWanted: (pod: Pod) => unknown, what: string): Promise<Pod>
}

const PODS = '/api/v1/namespaces/default/pods'

/** Begins to watch; returns when the pod's present state has come. */
export async function watchPod(cluster: Cluster, name: string): Promise<PodWatch> {
  const watch = begin(cluster, name)
  await eventually(() => watch.states.length > 0, { what: `the first state of pod ${name}` })
  return watch
}

/** Watches a pod that is not made yet: no state of it is missed. */
export async function watchPodToCome(cluster: Cluster, name: string): Promise<PodWatch> {
  const { metadata } = await cluster.api<{ metadata: { resourceVersion: string } }>('GET', PODS)
  return begin(cluster, name, `&resourceVersion=${metadata.resourceVersion}`)
}

function begin(cluster: Cluster, name: string, since = ''): PodWatch {
  const ending = new AbortController()
  const states: Pod[] = []
  const query = `?watch=1&fieldSelector=metadata.name%3D${name}${since}`
  const lines = cluster.lines(`${PODS}${query}`, ending.signal)
  const reading = collect(lines, states)
  // It ends by the signal, and whoever waits for a state sees that none comes.
  reading.catch(() => {})
  return {
    states,
    until: async (isWanted, what) =>
      await eventually(() => states.find(isWanted), { what: `pod ${name} to ${what}` }),
    [Symbol.dispose]: () => ending.abort(),
  }
}

async function collect(lines: AsyncIterable<string>, states: Pod[]): Promise<void> {
  for await (const line of lines) {
    const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: Pod }
    if (type !== 'BOOKMARK' && type !== 'ERROR') states.push(object)
  }
}
