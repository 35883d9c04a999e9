// SPDX-License-Identifier: Apache-2.0
//
// The API server dies by kill -9 in the middle of everything: what it has acknowledged is there when it
// is back, whoever watches misses nothing, and controllers finish what they had begun.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfigMap, Job, Pod } from '../../src/kube/types.gen.ts'
import { ApiStatusError } from './api-client.ts'
import { eventually } from './eventually.ts'
import { podSpec, Pods, shell, statusOf } from './pods.ts'
import type { List } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scaled } from './scenario-size.ts'
import { planeKind } from './test-control-plane.ts'
import { useCluster } from './use-cluster.ts'
import { workload } from './workloads.ts'

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const CRASHES = scaled(4, 2)
const PODS = scaled(24, 8)

describe('when the API server is killed', { skip: skipReason }, () => {
  const cluster = useCluster({ inProcess: false })
  const pods = new Pods(cluster)

  before(async () => {
    await startProcessNode(cluster())
  })

  async function crash(): Promise<void> {
    await cluster().killApiServer()
    await cluster().startApiServer()
  }

  test('no write that it acknowledged is lost, and a watcher sees every one of them', async () => {
    const ending = new AbortController()
    const acknowledged = new Map<string, string>()
    const writers = [1, 2, 3, 4].map((writer) => write(`w${writer}`, acknowledged, ending.signal))
    const seen = new Map<string, Set<string>>()
    const watching = follow(seen, ending.signal)
    for (let round = 1; round <= CRASHES; round++) {
      const enough = round * 40
      await eventually(() => acknowledged.size >= enough, { what: `${enough} writes` })
      await crash()
    }
    const all = acknowledged.size + 40
    await eventually(() => acknowledged.size >= all, { what: `${all} writes` })
    await eventually(() => [...acknowledged].every(([name, value]) => seen.get(name)?.has(value)), {
      what: 'the watcher to see all of them',
    })
    ending.abort()
    await Promise.all([...writers, watching])
    const { items } = await cluster().api<List<ConfigMap>>('GET', CONFIG_MAPS)
    const stored = new Map(items.map(({ metadata, data }) => [metadata.name, data?.['value']]))
    for (const [name, value] of acknowledged) assert.equal(stored.get(name), value, name)
  })

  test('pods run on, and a Job with half of its pods done gets the other half', async () => {
    await pods.create({ name: 'steady', spec: { containers: [shell('sleep 600; :')] } })
    const before = await pods.untilPhase('steady', 'Running')
    const path = '/apis/batch/v1/namespaces/default/jobs/work'
    await cluster().create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'work' },
      spec: {
        completions: PODS,
        parallelism: PODS / 4,
        completionMode: 'Indexed',
        template: {
          spec: podSpec({ restartPolicy: 'Never', containers: [shell('sleep 0.5; echo done')] }),
        },
      },
    })
    const job = async () => await cluster().api<Job>('GET', path)
    await eventually(async () => ((await job()).status?.succeeded ?? 0) > 0, { what: 'the first' })
    await crash()
    const done = await eventually(
      async () => {
        const object = await job()
        const { conditions = [] } = object.status ?? {}
        return conditions.some((c) => c.type === 'Complete' && c.status === 'True') && object
      },
      { what: 'the Job to be complete', timeoutMs: 120_000 },
    )
    assert.equal(done.status?.succeeded, PODS)
    assert.equal(done.status.completedIndexes, `0-${PODS - 1}`)
    assert.equal(done.status.failed ?? 0, 0)
    const ended = (await pods.list('job-name=work')).filter(
      ({ status }) => status?.phase === 'Succeeded',
    )
    // A controller that lives on beside kube-apiserver makes a pod again whose creation was not answered.
    const indexes = planeKind === 'real' ? [...new Set(ended.map(indexOf))] : ended.map(indexOf)
    assert.deepEqual(
      indexes.toSorted((a, b) => a - b),
      [...Array(PODS).keys()],
    )
    const after = await pods.get('steady')
    assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID)
    assert.equal(statusOf(after)?.restartCount, 0)
  })

  test('a rollout that it interrupts is finished', async () => {
    const web = workload('Deployment', 'web', {
      replicas: 4,
      pod: { containers: [shell('sleep 600; :')] },
    })
    await cluster().create(web)
    await eventually(async () => (await pods.list('app=web')).length > 0, { what: 'the first pod' })
    await crash()
    await eventually(
      async () => {
        const list = await pods.list('app=web')
        return list.length === 4 && list.every(({ status }) => status?.phase === 'Running')
      },
      { what: 'four pods, all of them running' },
    )
  })

  /** Creates and changes objects until the end; what was answered with success is acknowledged. */
  async function write(
    writer: string,
    acknowledged: Map<string, string>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let number = 0; !signal.aborted; number++) {
      const name = `${writer}-${number}`
      const body = { metadata: { name }, data: { value: 'first' } }
      if (!(await isDone(cluster().api('POST', CONFIG_MAPS, { body })))) continue
      acknowledged.set(name, 'first')
      if (number % 4 > 0) continue
      // Not acknowledged, it may have come about all the same: then nothing is known of it.
      acknowledged.delete(name)
      const change = cluster().patch(`${CONFIG_MAPS}/${name}`, { data: { value: 'second' } })
      if (await isDone(change)) acknowledged.set(name, 'second')
    }
  }

  /** Lists and watches as any controller does, through broken connections and lost history. */
  async function follow(seen: Map<string, Set<string>>, signal: AbortSignal): Promise<void> {
    const note = ({ metadata, data }: ConfigMap) => {
      const values = seen.get(metadata.name) ?? new Set()
      seen.set(metadata.name, values.add(data?.['value'] ?? ''))
    }
    let version = ''
    while (!signal.aborted) {
      try {
        if (version === '') version = await listInto(note)
        const query = `?watch=1&resourceVersion=${version}`
        for await (const line of cluster().lines(CONFIG_MAPS + query, signal)) {
          const { type, object } = JSON.parse(line) as WatchLine
          if (type === 'ERROR') throw new ApiStatusError(410, 'the history is gone')
          version = object.metadata.resourceVersion ?? ''
          if (type !== 'BOOKMARK') note(object)
        }
      } catch (error) {
        if (error instanceof ApiStatusError && error.status === 410) version = ''
        else await sleep(20)
      }
    }
  }

  async function listInto(note: (object: ConfigMap) => void): Promise<string> {
    const list = await cluster().api<VersionedList>('GET', CONFIG_MAPS)
    for (const item of list.items) note(item)
    return list.metadata.resourceVersion
  }
})

interface WatchLine {
  readonly type: string
  readonly object: ConfigMap
}

interface VersionedList extends List<ConfigMap> {
  readonly metadata: { readonly resourceVersion: string }
}

async function isDone(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return true
  } catch {
    // Refused or broken off: whether it came about is open, and of no account here.
    await sleep(10)
    return false
  }
}

function indexOf({ metadata }: Pod): number {
  return Number(metadata.annotations?.['batch.kubernetes.io/job-completion-index'])
}
