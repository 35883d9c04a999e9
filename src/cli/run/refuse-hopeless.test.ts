// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { providerModule } from '../../providers/process/provider.ts'
import { UserError } from '../../util/vk-error.ts'
import type { Manifest } from './read-manifests.ts'
import { refuseHopeless, refuseOtherNodes } from './refuse-hopeless.ts'

interface Shape {
  readonly image?: string
  readonly command?: readonly string[]
  readonly more?: object
  readonly annotations?: Readonly<Record<string, string>>
}

function deployment({
  image = 'host',
  command = ['true'],
  more = {},
  annotations = {},
}: Shape): Manifest {
  const containers = [{ name: 'main', image, command, ...more }]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { template: { metadata: { annotations }, spec: { containers } } },
  }
}

const config = { isolation: 'none' }

/** What is said of it; '' when it may be run. */
async function said(manifest: Manifest, more: object = {}): Promise<string> {
  try {
    const judge = { provider: providerModule, config: { ...config, ...more } }
    await refuseHopeless([manifest], judge)
    return ''
  } catch (error) {
    assert.ok(error instanceof UserError)
    const hint = error.message.includes('Cannot use image')
      ? /`--provider docker` runs images of registries/
      : /^Provider process will not run this as it is configured \(--provider-config\); /
    assert.match(error.hint ?? '', hint)
    return error.message
  }
}

test('an image that no host process can have is refused before anything waits for it', async () => {
  assert.match(
    await said(deployment({ image: 'nginx' })),
    /^Cannot run deployment\/web: spec\.containers\[0\]: Cannot use image "nginx": it is neither /,
  )
  assert.match(await said(deployment({ command: [] })), /so a command is needed$/)
})

test('what may still come is waited for', async () => {
  assert.equal(await said(deployment({})), '')
  assert.equal(await said(deployment({ image: '/made/by/another/pod' })), '')
  assert.equal(await said(deployment({ image: 'nginx' }), { imagePath: ['/made/later'] }), '')
  assert.equal(await said(deployment({ command: ['/made/by/another/pod'] })), '')
})

test('a field that is not supported is refused, unless the pod runs without it', async () => {
  const more = { securityContext: { privileged: true } }
  assert.match(await said(deployment({ more })), /securityContext\.privileged: this provider /)
  const annotations = { 'virtual-kubelet.io/feature-check': 'lenient' }
  assert.equal(await said(deployment({ more, annotations })), '')
})

test('what makes no pod, and what cannot be read, is left to the API server', async () => {
  const spec = { template: { spec: { containers: 'none' } } }
  assert.equal(await said({ ...deployment({}), spec }), '')
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: {} }
  assert.equal(await said(service), '')
})

test('a misspelled field is named beside what is missing for it', async () => {
  assert.match(
    await said(deployment({ command: [], more: { comand: ['true'] } })),
    /^Cannot run deployment\/web: unknown field "spec\.template\.spec\.containers\[0\]\.comand"\nCannot run .*so a command is needed$/,
  )
  assert.doesNotMatch(await said(deployment({ command: [] })), /unknown field/)
})

test('a pod that is bound to a node which the run does not have is refused', () => {
  const bound = (nodeName: string): Manifest => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { nodeName, containers: [] },
  })
  refuseOtherNodes([bound('node-1'), deployment({})], ['node-1'])
  assert.throws(() => refuseOtherNodes([bound('elsewhere')], ['node-1']), {
    message:
      'Cannot run pod/web: spec.nodeName: there is no node "elsewhere" in the cluster of a run',
    hint: 'It has node-1; without the field the scheduler chooses.',
  })
})
