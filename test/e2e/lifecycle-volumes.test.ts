// SPDX-License-Identifier: Apache-2.0
//
// Volumes of pods whose containers are processes of the host: nothing is mounted, and a variable names
// where each volume lies. What cannot be had that way is refused.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Pod, PodSpec, Volume, VolumeMount } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'

const at = (name: string, more: Partial<VolumeMount> = {}): VolumeMount => ({
  name,
  mountPath: `/${name}`,
  ...more,
})

/** A pod of one container that runs the script once, with these volumes. */
function once(
  script: string,
  volumes: readonly Volume[],
  mounts: readonly VolumeMount[] = volumes.map(({ name }) => at(name)),
): Partial<PodSpec> {
  return {
    restartPolicy: 'Never',
    volumes,
    containers: [shell(script, { volumeMounts: mounts })],
  }
}

describe('volumes of a pod', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  before(async () => {
    await startProcessNode(cluster(), { config: { hostPathPrefixes: [shared()] } })
  })

  const object = async (kind: 'ConfigMap' | 'Secret', name: string, data: object): Promise<void> =>
    await cluster().create({
      apiVersion: 'v1',
      kind,
      metadata: { name },
      ...(kind === 'Secret' ? { stringData: data } : { data }),
    })

  const output = async (name: string, spec: Partial<PodSpec>): Promise<string> => {
    await pods.create({ name, labels: { app: 'volumes' }, spec })
    await pods.untilPhase(name, 'Succeeded')
    return await pods.logs(name)
  }

  test('an emptyDir is shared by containers, open to all, and outlives their restarts', async () => {
    const volumes = [{ name: 'my-data', emptyDir: {} }]
    const volumeMounts = [at('my-data')]
    const write = 'echo init > $VK_VOLUME_MY_DATA/file'
    const main = 'echo again >> "$1/file"; cat "$1/file"; test $(wc -l < "$1/file") = 3'
    await pods.create({
      name: 'scratch',
      spec: {
        restartPolicy: 'OnFailure',
        volumes,
        initContainers: [shell(write, { name: 'init', volumeMounts })],
        containers: [
          {
            ...shell(main, { volumeMounts }),
            command: ['sh', '-c', main.replaceAll('$(wc', '$$(wc'), 'sh', '$(VK_VOLUME_MY_DATA)'],
          },
        ],
      },
    })
    await pods.untilPhase('scratch', 'Succeeded')
    assert.equal(await pods.logs('scratch'), 'init\nagain\nagain\n')
  })

  test('ConfigMaps and Secrets are files, chosen, renamed and with their modes', async () => {
    await object('ConfigMap', 'settings', { one: '1', two: '2' })
    await object('Secret', 'keys', { key: 'hidden' })
    const items = [{ key: 'two', path: 'dir/zwei', mode: 0o444 }]
    const text = await output(
      'files',
      once(
        'cd $VK_VOLUME_S; cat dir/zwei; echo; ls; stat -Lc %a dir/zwei; cat $VK_VOLUME_K/key; ' +
          'echo; stat -Lc %a $VK_VOLUME_K/key; ls $VK_VOLUME_O | wc -l',
        [
          { name: 's', configMap: { name: 'settings', items } },
          { name: 'k', secret: { secretName: 'keys', defaultMode: 0o604 } },
          { name: 'o', configMap: { name: 'none', optional: true } },
        ],
      ),
    )
    assert.equal(text, '2\ndir\n444\nhidden\n604\n0\n')
  })

  test('files change with their ConfigMap and with the labels of the pod, whole', async () => {
    await object('ConfigMap', 'live', { text: 'old' })
    const items = [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }]
    const script =
      'until grep -q new $VK_VOLUME_L/text && grep -q blue $VK_VOLUME_D/labels; do sleep 0.1; done; ' +
      'readlink $VK_VOLUME_L/text; cat $VK_VOLUME_D/labels'
    const volumes = [
      { name: 'l', configMap: { name: 'live' } },
      { name: 'd', downwardAPI: { items } },
    ]
    await pods.create({ name: 'live', labels: { color: 'red' }, spec: once(script, volumes) })
    await pods.untilPhase('live', 'Running')
    await cluster().patch('/api/v1/namespaces/default/configmaps/live', { data: { text: 'new' } })
    const labels = { color: 'blue' }
    await cluster().patch('/api/v1/namespaces/default/pods/live', { metadata: { labels } })
    await pods.untilPhase('live', 'Succeeded')
    assert.equal(await pods.logs('live'), '..data/text\ncolor="blue"')
  })

  test('a projected volume gathers a token for its audience, fields and resources', async () => {
    const sources = [
      { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
      {
        downwardAPI: {
          items: [
            { path: 'pod/name', fieldRef: { fieldPath: 'metadata.name' } },
            {
              path: 'pod/cpu',
              resourceFieldRef: { containerName: 'main', resource: 'requests.cpu', divisor: '1m' },
            },
          ],
        },
      },
    ]
    const spec = once('cd $VK_VOLUME_P; cat pod/name pod/cpu; echo; cat token', [
      { name: 'p', projected: { sources } },
    ])
    const [main] = spec.containers ?? []
    const resources = { requests: { cpu: '20m' } }
    const text = await output('projected', {
      ...spec,
      ...(main && { containers: [{ ...main, resources }] }),
    })
    const [fields, token = ''] = text.split('\n')
    assert.equal(fields, 'projected20')
    const [, claims = ''] = token.split('.')
    const { aud } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: unknown }
    assert.deepEqual(aud, ['vault'])
  })

  test('a pod waits for what its volume is made from, says so, and runs once it is there', async () => {
    const spec = once('cat $VK_VOLUME_LATE/key', [{ name: 'late', secret: { secretName: 'late' } }])
    await pods.create({ name: 'early', spec })
    const why = /^MountVolume\.SetUp failed for volume "late" : secret "late" not found$/
    await pods.untilEvent('early', 'FailedMount', why)
    const isCreating = { what: 'be ContainerCreating' }
    await pods.until(
      'early',
      (one) => stateOf(one)?.waiting?.reason === 'ContainerCreating',
      isCreating,
    )
    await object('Secret', 'late', { key: 'there' })
    await pods.untilPhase('early', 'Succeeded')
    assert.equal(await pods.logs('early'), 'there')
  })

  test('subPath and subPathExpr choose a place inside of a volume, and every variable must be set', async () => {
    const env = [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }]
    const volumes = [{ name: 'data', hostPath: { path: shared() } }]
    const spec = once('echo written > $VK_VOLUME_DATA/file', volumes, [
      at('data', { subPathExpr: 'logs/$(POD)' }),
    ])
    const [main] = spec.containers ?? []
    assert.ok(main)
    await output('sub', { ...spec, containers: [{ ...main, env }] })
    assert.equal(readFileSync(join(shared(), 'logs/sub/file'), 'utf8'), 'written\n')
    await pods.create({ name: 'unset', spec })
    const isTold = (one: Pod): boolean => {
      const { reason, message } = stateOf(one)?.waiting ?? {}
      return reason === 'CreateContainerConfigError' && message === 'missing value for POD'
    }
    await pods.until('unset', isTold, { what: 'say what is missing' })
  })

  test('host paths are checked by their type, and only below what the node allows', async () => {
    const path = join(shared(), 'typed')
    const host = (type: string, where = path): Volume => ({
      name: 'host',
      hostPath: { path: where, type },
    })
    assert.equal(
      await output('made', once('stat -c %F $VK_VOLUME_HOST', [host('DirectoryOrCreate')])),
      'directory\n',
    )
    await pods.create({ name: 'wrong', spec: once('true', [host('File')]) })
    const why = `^MountVolume.SetUp failed for volume "host" : hostPath type check failed: ${path} is not a file$`
    await pods.untilEvent('wrong', 'FailedMount', new RegExp(why))
    await pods.create({ name: 'greedy', spec: once('true', [host('', '/etc')]) })
    await refused('greedy', /spec\.volumes\[0\]\.hostPath: host path "\/etc" is not allowed/)
  })

  test('a claim leads to the host path of its volume, once it is bound', async () => {
    const path = join(shared(), 'claimed')
    mkdirSync(path)
    writeFileSync(join(path, 'file'), 'persistent')
    const size = { storage: '1Gi' }
    const accessModes = ['ReadWriteOnce']
    const claim = await cluster().create<{ metadata: { uid: string } }>({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'claim' },
      spec: { accessModes, storageClassName: '', volumeName: 'pv', resources: { requests: size } },
    })
    const { uid } = claim.metadata
    const claimRef = { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'claim', uid }
    await cluster().api('POST', '/api/v1/persistentvolumes', {
      body: {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'pv' },
        spec: { accessModes, capacity: size, claimRef, hostPath: { path }, storageClassName: '' },
      },
    })
    // The real plane's binder says so by itself; saying it twice does no harm.
    const claims = '/api/v1/namespaces/default/persistentvolumeclaims'
    await cluster().patch(`${claims}/claim/status`, { status: { phase: 'Bound' } })
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'claim' } }]
    assert.equal(await output('claimer', once('cat $VK_VOLUME_DATA/file', volumes)), 'persistent')
  })

  const { unmountedVolumes } = provider.without
  test('what cannot be had without mounts is refused', { skip: unmountedVolumes }, async () => {
    const memory = once('true', [{ name: 'm', emptyDir: { medium: 'Memory' } }])
    await pods.create({ name: 'memory', spec: memory })
    await refused('memory', /spec\.volumes\[0\]\.emptyDir\.medium/)
    const scratch = [{ name: 'v', emptyDir: {} }]
    await pods.create({ name: 'fixed', spec: once('true', scratch, [at('v', { readOnly: true })]) })
    await refused('fixed', /spec\.containers\[0\]\.volumeMounts\[0\]\.readOnly/)
    const twice = [at('v', { subPath: 'a' }), at('v', { mountPath: '/b', subPath: 'b' })]
    await pods.create({ name: 'twice', spec: once('true', scratch, twice) })
    await refused('twice', /finds only one subPath of volume "v"/)
  })

  const refused = async (name: string, message: RegExp): Promise<void> =>
    await eventually(
      async () => {
        const { waiting } = stateOf(await pods.get(name)) ?? {}
        return waiting?.reason === 'UnsupportedPodSpec' && message.test(waiting.message ?? '')
      },
      { what: `pod ${name} to be refused with ${message}` },
    ).then(() => undefined)
})
