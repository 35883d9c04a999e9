// SPDX-License-Identifier: Apache-2.0
//
// What a namespace may have: quotas that count, and ranges for single pods.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Pod, ResourceQuota } from '../../src/kube/types.gen.ts'
import { ApiStatusError } from './api-client.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'
import { collectionPath, objectPath } from './object-path.ts'
import { podSpec, shell } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

describe('the limits of a namespace', { skip: skipReason }, () => {
  const cluster = useCluster({ scheduler: false })

  before(async () => {
    for (const name of ['counted', 'ranged']) {
      await cluster().create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      const account = `/api/v1/namespaces/${name}/serviceaccounts/default`
      await eventually(() => cluster().api('GET', account), { what: `the account of ${name}` })
    }
    await cluster().create(quota, range)
    await used({ pods: '0', 'requests.cpu': '0' })
    // What admission knows of a quota, kube-apiserver learns by a watch of its own.
    const path = `${collectionPath(pod('counted', 'x'))}?dryRun=All`
    await eventually(
      async () =>
        await cluster()
          .api('POST', path, { body: pod('counted', 'dry') })
          .then(
            () => false,
            (error: unknown) => /must specify requests\.cpu/.test(String(error)),
          ),
      { what: 'admission to know the quota' },
    )
  })

  async function used(expected: object): Promise<void> {
    await eventually(
      async () => {
        const { status } = await cluster().api<ResourceQuota>('GET', objectPath(quota))
        return JSON.stringify(status?.used) === JSON.stringify(expected)
      },
      { what: `the quota to show ${JSON.stringify(expected)} as used` },
    )
  }

  async function refusal(object: Manifest): Promise<string> {
    try {
      await cluster().create(object)
    } catch (error) {
      assert.ok(error instanceof ApiStatusError)
      assert.equal(error.status, 403, error.message)
      const [, json = ''] = error.message.split(/: (\{.*)/s)
      return (JSON.parse(json) as { readonly message: string }).message
    }
    throw new Error('It was not refused')
  }

  test('are counted at once: one pod too many is refused, and says why', async () => {
    await cluster().create(pod('counted', 'one', { requests: { cpu: '600m' } }))
    await used({ pods: '1', 'requests.cpu': '600m' })
    assert.equal(
      await refusal(pod('counted', 'two', { requests: { cpu: '600m' } })),
      'pods "two" is forbidden: exceeded quota: team, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
    )
    await cluster().create(pod('counted', 'two', { requests: { cpu: '100m' } }))
    assert.equal(
      await refusal(pod('counted', 'three', { requests: { cpu: '100m' } })),
      'pods "three" is forbidden: exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2',
    )
  })

  test('want to be told what is counted', async () => {
    assert.equal(
      await refusal(pod('counted', 'silent')),
      'pods "silent" is forbidden: failed quota: team: must specify requests.cpu for: main',
    )
  })

  test('are given back by a pod that is gone', async () => {
    await cluster().delete('/api/v1/namespaces/counted/pods/one', { gracePeriodSeconds: 0 })
    await used({ pods: '1', 'requests.cpu': '100m' })
    await eventually(
      () => cluster().create<Pod>(pod('counted', 'four', { requests: { cpu: '900m' } })),
      { what: 'admission to know what was given back' },
    )
  })

  test('fill in what a container leaves out', async () => {
    const made = await cluster().create<Pod>(pod('ranged', 'plain'))
    assert.deepEqual(made.spec.containers[0]?.resources, {
      limits: { cpu: '500m' },
      requests: { cpu: '100m' },
    })
    assert.match(
      made.metadata.annotations?.['kubernetes.io/limit-ranger'] ?? '',
      /LimitRanger plugin set: cpu request for container main; cpu limit for container main/,
    )
  })

  test('bound what a single container may ask for', async () => {
    assert.equal(
      await refusal(pod('ranged', 'greedy', { requests: { cpu: '1' }, limits: { cpu: '3' } })),
      'pods "greedy" is forbidden: maximum cpu usage per Container is 2, but limit is 3',
    )
    assert.equal(
      await refusal(pod('ranged', 'tiny', { requests: { cpu: '1m' }, limits: { cpu: '1' } })),
      'pods "tiny" is forbidden: minimum cpu usage per Container is 10m, but request is 1m',
    )
  })

  test('do not count for dry runs, which are refused all the same', async () => {
    const path = `${collectionPath(pod('ranged', 'x'))}?dryRun=All`
    await cluster().api('POST', path, { body: pod('ranged', 'dry') })
    const limits = { cpu: '3' }
    await assert.rejects(cluster().api('POST', path, { body: pod('ranged', 'dry', { limits }) }), {
      name: 'ApiStatusError',
    })
    await assert.rejects(cluster().api('GET', objectPath(pod('ranged', 'dry'))), /not found/)
  })
})

function pod(namespace: string, name: string, resources: object = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: podSpec({ containers: [shell('none', { resources })] }),
  }
}

const quota: Manifest = {
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'team', namespace: 'counted' },
  spec: { hard: { pods: '2', 'requests.cpu': '1' } },
}

const range: Manifest = {
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'sizes', namespace: 'ranged' },
  spec: {
    limits: [
      {
        type: 'Container',
        default: { cpu: '500m' },
        defaultRequest: { cpu: '100m' },
        max: { cpu: '2' },
        min: { cpu: '10m' },
      },
    ],
  },
}
