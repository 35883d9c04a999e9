// SPDX-License-Identifier: Apache-2.0
//
// Every state of a pod that the API ever had, as `kubectl get --watch` shows it: what a pod looked
// like right before it was gone can be seen in no other way.
import { createInterface } from 'node:readline'
import type { Pod } from '../../src/kube/types.gen.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'

/** The states of one pod, oldest first. */
export interface PodWatch extends Disposable {
  readonly states: readonly Pod[]
  /** The states that were written so far; waits for one that matches. */
  until(isWanted: (pod: Pod) => unknown, what: string): Promise<Pod>
}

/** Begins to watch; returns when the pod's present state has come. */
export async function watchPod(cluster: Cluster, name: string): Promise<PodWatch> {
  const path = 'jsonpath={.metadata}{"\\n"}{.spec}{"\\n"}{.status}{"\\n"}'
  const child = cluster.spawnKubectl(['get', 'pod', name, '--watch', '-o', path])
  const states: Pod[] = []
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (lines.length < 3) return
    const [metadata = '', spec = '', status = ''] = lines.splice(0)
    states.push({
      metadata: JSON.parse(metadata),
      spec: JSON.parse(spec),
      status: JSON.parse(status),
    })
  })
  await eventually(() => states.length > 0, { what: `the first state of pod ${name}` })
  return {
    states,
    until: async (isWanted, what) =>
      await eventually(() => states.find(isWanted), { what: `pod ${name} to ${what}` }),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}
