// SPDX-License-Identifier: Apache-2.0
//
// Storage that outlives pods, and whose it is: local volumes of the node, and the group of a pod.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { PodSpec } from '../../src/kube/types.gen.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const isRoot = process.getuid?.() === 0
const fsGroup = 4321
/** In sandboxes, as far as this machine can make such. */
const dataDir = '${VK_VOLUME_DATA:-/data}'

describe('storage of pods', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let node: VirtualKubelet

  before(async () => {
    const config = {
      isolation: 'auto',
      hostPathPrefixes: [shared()],
      ...(isRoot && !provider.isOnEngine && { allowedGroups: [fsGroup] }),
    }
    node = await startProcessNode(cluster(), { config })
  })

  const podWith = (script: string, more: Partial<PodSpec>): Partial<PodSpec> => ({
    restartPolicy: 'Never',
    containers: [shell(script, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
    ...more,
  })

  /** A volume of the node `name`, and a claim of the same name that has it. */
  const bindLocal = async (name: string, path: string): Promise<void> => {
    const accessModes = ['ReadWriteOnce']
    const size = { storage: '1Gi' }
    const common = { accessModes, storageClassName: '' }
    const { metadata } = await cluster().create<{ metadata: { uid: string } }>({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { ...common, volumeName: name, resources: { requests: size } },
    })
    const claimRef = {
      kind: 'PersistentVolumeClaim',
      namespace: 'default',
      name,
      uid: metadata.uid,
    }
    const here = {
      key: 'kubernetes.io/hostname',
      operator: 'In',
      values: [node.nodeName],
    }
    await cluster().api('POST', '/api/v1/persistentvolumes', {
      body: {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name },
        spec: {
          ...common,
          capacity: size,
          claimRef,
          local: { path },
          nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
        },
      },
    })
    // The real plane's binder says so by itself; saying it twice does no harm.
    const claim = `/api/v1/namespaces/default/persistentvolumeclaims/${name}/status`
    await cluster().patch(claim, { status: { phase: 'Bound' } })
  }

  const claimOf = (claimName: string) => [{ name: 'data', persistentVolumeClaim: { claimName } }]

  test('a local volume keeps what one pod wrote for the next', async () => {
    const path = join(shared(), 'disk')
    mkdirSync(path)
    chmodSync(path, 0o777)
    await bindLocal('disk', path)
    for (const name of ['one', 'two']) {
      const script = `cat "${dataDir}/file" 2>/dev/null; echo ${name} >> "${dataDir}/file"`
      await pods.create({ name, spec: podWith(script, { volumes: claimOf('disk') }) })
      await pods.untilPhase(name, 'Succeeded')
    }
    assert.equal(await pods.logs('one'), '')
    assert.equal(await pods.logs('two'), 'one\n')
  })

  test('a local volume that is no directory keeps its pod waiting, and says which', async () => {
    const path = join(shared(), 'file')
    writeFileSync(path, '')
    await bindLocal('no-disk', path)
    await pods.create({ name: 'none', spec: podWith('true', { volumes: claimOf('no-disk') }) })
    const why = /^MountVolume\.SetUp failed for volume "(data|no-disk)" : .*is not a directory$/
    await pods.untilEvent('none', 'FailedMount', why)
    await pods.end('none')
  })

  test(
    'volumes belong to the group of the pod, local ones too',
    { skip: !isRoot && 'an ordinary user has no other groups to give' },
    async () => {
      const path = join(shared(), 'grouped')
      mkdirSync(path)
      writeFileSync(join(path, 'old'), '', { mode: 0o640 })
      await bindLocal('grouped', path)
      const script = `id -G; stat -c '%g %A' "${dataDir}" "\${VK_VOLUME_SCRATCH:-/scratch}"; touch "${dataDir}/new"; stat -c %g "${dataDir}/new" "${dataDir}/old"`
      const volumeMounts = [
        { name: 'data', mountPath: '/data' },
        { name: 'scratch', mountPath: '/scratch' },
      ]
      await pods.create({
        name: 'grouped',
        spec: {
          ...podWith('', { securityContext: { fsGroup } }),
          volumes: [...claimOf('grouped'), { name: 'scratch', emptyDir: {} }],
          containers: [shell(script, { volumeMounts })],
        },
      })
      await pods.untilPhase('grouped', 'Succeeded')
      const text = await pods.logs('grouped')
      assert.match(text, /^(\d+ )*4321( \d+)*\n4321 drwxrwsr-x\n4321 drwxrwsrwx\n4321\n4321\n$/)
      assert.equal(statSync(join(path, 'old')).mode & 0o777, 0o660)
    },
  )
})
