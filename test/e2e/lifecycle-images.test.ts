// SPDX-License-Identifier: Apache-2.0
//
// Images of host processes that are not the host: directories and tarballs, as roots of containers and as volumes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { digestOf, makeImages, noImages } from '../support/image-place.ts'
import type { ImagePlace } from '../support/image-place.ts'
import { noSandbox } from '../support/sandbox-world.ts'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'

const skip = skipReason || provider.without.hostProcesses || noSandbox || noImages

describe('images of host processes', { skip, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let place: ImagePlace
  /** A tarball, and its digest. */
  let [file, digest] = ['', '']

  before(async () => {
    place = await makeImages()
    file = place.tarball(place.root)
    digest = digestOf(readFileSync(file))
    const config = { isolation: 'bubblewrap', imageDirPrefixes: [place.dir] }
    await startProcessNode(cluster(), { config })
  })

  after(async () => {
    await place?.[Symbol.asyncDispose]()
  })

  const output = async (name: string, spec: Partial<PodSpec>): Promise<string> => {
    await pods.create({ name, spec: { restartPolicy: 'Never', ...spec } })
    await pods.untilPhase(name, 'Succeeded')
    return await pods.logs(name)
  }

  /** Waits until the pod says so; while it holds back the next try it says that besides. */
  const untilNoImage = async (name: string, why: RegExp): Promise<void> => {
    const isTold = (pod: Pod): boolean => {
      const { reason = '', message = '' } = stateOf(pod)?.waiting ?? {}
      return ['ErrImagePull', 'ImagePullBackOff'].includes(reason) && why.test(message)
    }
    await pods.until(name, isTold, { what: `wait for its image with ${why}` })
  }

  const script = 'cat /marker; ls /; touch /x 2>/dev/null || echo fixed'

  test('a directory is the root of a container', async () => {
    const image = `dir:${place.root}`
    const text = await output('dir', { containers: [shell(script, { image })] })
    assert.match(text, /^image\n(?!.*^srv$).*^fixed\n$/ms)
  })

  test('a tarball is the root of a container when it is the one that the pod means', async () => {
    const image = `tar:${file}@sha256:${digest}`
    const text = await output('tar', { containers: [shell(script, { image })] })
    assert.match(text, /^image\n(?!.*^srv$).*^fixed\n$/ms)
    const other = `tar:${file}@sha256:${'0'.repeat(64)}`
    await pods.create({ name: 'other', spec: { containers: [shell(script, { image: other })] } })
    await untilNoImage('other', new RegExp(`its SHA-256 is ${digest}$`))
    await pods.end('other')
  })

  test('an image is a volume, whole or in part, that nobody can write to', async () => {
    const volumes = [
      { name: 'unpacked', image: { reference: `dir:${place.root}` } },
      { name: 'packed', image: { reference: `tar:${file}@sha256:${digest}` } },
    ]
    const volumeMounts = [
      { name: 'unpacked', mountPath: '/unpacked' },
      { name: 'packed', mountPath: '/packed' },
      { name: 'packed', mountPath: '/part', subPath: 'bin' },
    ]
    const look =
      'cat /unpacked/marker /packed/marker; ls /part/cat; touch /packed/x 2>/dev/null || echo fixed'
    const text = await output('volumes', { volumes, containers: [shell(look, { volumeMounts })] })
    assert.equal(text, 'image\nimage\n/part/cat\nfixed\n')
  })

  test('a volume of an image that is another one keeps its pod from starting, and says so', async () => {
    const reference = `tar:${file}@sha256:${'1'.repeat(64)}`
    const volumes = [{ name: 'packed', image: { reference } }]
    const volumeMounts = [{ name: 'packed', mountPath: '/packed' }]
    await pods.create({
      name: 'denied',
      spec: { volumes, containers: [shell('true', { volumeMounts })] },
    })
    await pods.untilEvent('denied', 'FailedMount', /volume "packed".*SHA-256/)
    await pods.end('denied')
  })
})
