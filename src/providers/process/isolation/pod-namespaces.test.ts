// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodSpec } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import { namespacesOf, ownNamespaces } from './pod-namespaces.ts'
import type { PodSharing } from './pod-namespaces.ts'
import { sharedVolumes } from './shared-volumes.ts'

const alone: PodSharing = { peers: [], holder: undefined, network: 'host', canJoin: true }
const inside = { pid: 42, startTime: '1000' }
const holder = { pid: 7, startTime: '900' }
const peers = [{ name: 'app', inside, memoryHolder: undefined }]

function podOf(spec: Partial<PodSpec> = {}): Pod {
  const metadata = { namespace: 'default', name: 'pod', uid: 'u' }
  return { metadata, spec: { containers: [{ name: 'main' }], ...spec } }
}

function decide(spec: Partial<PodSpec> = {}, sharing: Partial<PodSharing> = {}, more: object = {}) {
  const start = { pod: podOf(spec), spec: { name: 'main', ...more }, hostname: 'pod' }
  return namespacesOf(start, { ...alone, ...sharing })
}

test('the first container of a pod has all of its own but the network', () => {
  assert.deepEqual(decide(), ownNamespaces)
})

test('the next one joins what a pod shares, and what it shares with the host it does not make', () => {
  assert.deepEqual(decide({}, { peers }).joins, { inside, kinds: ['ipc'] })
  assert.deepEqual(decide({}, { peers, network: 'none' }).joins, { inside, kinds: ['ipc', 'net'] })
  assert.equal(decide({ hostIPC: true }, { peers }).joins, undefined)
  const onHost = decide({ hostNetwork: true, hostIPC: true, hostPID: true }, { network: 'none' })
  assert.deepEqual(
    [onHost.hasOwnIpc, onHost.hasOwnNetwork, onHost.hasOwnProcesses],
    [false, false, false],
  )
})

test('who cannot join has its own', () => {
  const own = decide({}, { peers, canJoin: false })
  assert.deepEqual([own.joins, own.hasOwnIpc], [undefined, true])
})

test('processes are the pod’s, or those of the container to look into', () => {
  assert.equal(decide({}, { holder }).processesOf, holder)
  const debug = { targetContainerName: 'app' }
  const seen = decide({}, { peers, holder }, debug)
  assert.deepEqual([seen.processesOf, seen.hasOwnProcesses], [inside, false])
  assert.equal(decide({ hostPID: true }, { peers, holder }, debug).processesOf, undefined)
  assert.throws(() => decide({}, {}, debug), VkError)
})

test('a volume is shared when others can write to it while a container starts', () => {
  const volumeMounts = [{ name: 'scratch', mountPath: '/s' }]
  const volumes = [
    { name: 'scratch', emptyDir: {} },
    { name: 'host', hostPath: { path: '/x' } },
    { name: 'files', configMap: { name: 'c' } },
  ]
  const main = { name: 'main', volumeMounts }
  const side = { name: 'side', volumeMounts, restartPolicy: 'Always' }
  const init = { name: 'init', volumeMounts }
  const shared = (spec: Partial<PodSpec>): readonly string[] => [
    ...sharedVolumes(podOf({ volumes, containers: [main], ...spec }), main),
  ]
  assert.deepEqual(shared({}), ['host'])
  assert.deepEqual(shared({ initContainers: [init] }), ['host'])
  assert.deepEqual(shared({ initContainers: [side] }), ['scratch', 'host'])
  assert.deepEqual(shared({ containers: [main, { ...main, name: 'b' }] }), ['scratch', 'host'])
})
