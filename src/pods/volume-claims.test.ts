// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { testPod } from '../../test/support/test-pods.ts'
import { ApiError } from '../kube/api-error.ts'
import type { Resource } from '../kube/resources.ts'
import type { PersistentVolumeSpec, Pod, StoredMeta, Volume } from '../kube/types.gen.ts'
import type { ClaimedVolume } from '../provider/provider.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { readClaim } from './volume-claims.ts'

interface LooseObject {
  readonly metadata: StoredMeta
  readonly spec: object
  readonly status?: object
}

const claims: Resource<LooseObject> = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  isNamespaced: true,
}
const volumes: Resource<LooseObject> = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  isNamespaced: false,
}
const claimed: Volume = { name: 'data', persistentVolumeClaim: { claimName: 'c', readOnly: true } }
const pod: Pod = testPod({ spec: { volumes: [claimed] } })

interface Objects {
  readonly phase?: string
  readonly claimRefUid?: string
  readonly spec?: PersistentVolumeSpec
  readonly claimName?: string
  readonly metadata?: object
}

async function cluster(objects: Objects): Promise<MemoryKubeClient> {
  const client = new MemoryKubeClient()
  const { phase = 'Bound', claimName = 'c', metadata } = objects
  const claim = await client.create(claims, {
    metadata: { namespace: 'default', name: claimName, ...metadata },
    spec: { volumeName: 'pv' },
    status: { phase },
  })
  const { uid } = claim.metadata
  await client.create(volumes, {
    metadata: { name: 'pv' },
    spec: { ...objects.spec, claimRef: { uid: objects.claimRefUid ?? uid } },
  })
  return client
}

function read(client: MemoryKubeClient, volume: Volume = claimed): Promise<ClaimedVolume> {
  return readClaim(pod, volume, { client, clock: new FakeClock() })
}

test('a bound claim leads to its volume', async () => {
  const bound = await read(await cluster({ spec: { hostPath: { path: '/data' } } }))
  assert.equal(bound.spec.hostPath?.path, '/data')
  assert.deepEqual([bound.claimName, bound.volumeName, bound.isReadOnly], ['c', 'pv', true])
})

test('what keeps a claim from being used is said as a kubelet says it', async () => {
  const says = async (objects: Objects, message: string | RegExp, volume = claimed) =>
    await assert.rejects(
      cluster(objects).then((client) => read(client, volume)),
      { message },
    )
  await says({ phase: 'Pending' }, 'error processing PVC default/c: PVC is not bound')
  await says(
    { claimRefUid: 'other' },
    /^error processing PVC default\/c: found PV object pv but its pv\.Spec\.ClaimRef\.UID other does not/,
  )
  await says(
    { spec: { volumeMode: 'Block' } },
    'volume data has volumeMode Block, but is specified in volumeMounts',
  )
  await says({ claimName: 'x' }, /^error processing PVC default\/c: failed to fetch PVC from API/)
})

test('an ephemeral volume takes only the claim that was made for its pod', async () => {
  const volume = { name: 'scratch', ephemeral: {} }
  const claimName = 'a-scratch'
  const strange = await cluster({ claimName })
  await assert.rejects(read(strange, volume), {
    message: 'PVC default/a-scratch was not created for pod default/a (pod is not owner)',
  })
  const ownerReferences = [{ uid: pod.metadata.uid, controller: true }]
  const own = await cluster({ claimName, metadata: { ownerReferences } })
  assert.equal((await read(own, volume)).claimName, claimName)
})

test('a refusal is believed only once it has lasted', async () => {
  const client = await cluster({})
  const clock = new FakeClock()
  let refusals = 2
  client.before = () => {
    if (refusals-- > 0) throw new ApiError(403, 'no relationship found')
  }
  const reading = readClaim(pod, claimed, { client, clock })
  while (client.count('get', 'persistentvolumes') === 0) await clock.advance(1000)
  assert.equal((await reading).volumeName, 'pv')
})
