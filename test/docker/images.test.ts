// SPDX-License-Identifier: Apache-2.0
//
// Images: what a container's policy and a pod's pull secrets lead to, with a kubelet's reasons and events.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { RegistryCredential } from '../../src/provider/provider.ts'
import type { Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, isRunning, requestFor } from '../../src/testing/provider-fixture.ts'
import { untilPullFails } from './pull-failure.ts'
import { TestRegistry } from './registry.ts'
import { busyboxFiles, testImage } from './test-image.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

const login = { username: 'user', password: 'correct horse' }

/** Creates the pod with these credentials as if they came from its imagePullSecrets. */
async function create(
  fixture: ProviderFixture,
  pod: Pod,
  credentials: readonly RegistryCredential[] = [],
): Promise<void> {
  fixture.remember(pod)
  const request = { ...requestFor(pod), resolvePullSecrets: () => Promise.resolve(credentials) }
  await fixture.provider.createPod(request, fixture.context)
}

function waitingReason(fixture: ProviderFixture, pod: Pod, reason: string): Promise<string> {
  const isSo = ({ containers }: { containers: readonly { state?: object }[] }): boolean =>
    reasonOf(containers[0]?.state) === reason
  return fixture.until(pod, `waits: ${reason}`, isSo).then(({ containers }) => {
    return containers[0]?.state?.waiting?.message ?? ''
  })
}

function reasonOf(state: object | undefined): string | undefined {
  const { waiting } = (state ?? {}) as { waiting?: { reason?: string } }
  return waiting?.reason
}

describeEngines('images', (engine) => {
  let registry: TestRegistry
  before(async () => {
    const config = { Env: ['PATH=/bin'], Cmd: ['sh', '-c', untilStopped], User: '1000:1000' }
    registry = await TestRegistry.open({
      repository: 'team/app',
      tag: '1',
      files: busyboxFiles(),
      config,
      login,
    })
    await engine.daemon.allowInsecure(registry.host)
  })
  after(async () => await registry[Symbol.asyncDispose]())
  beforeEach(async () => {
    await engine.daemon.api.call('DELETE', `/images/${registry.image}?force=1`).catch(() => {})
  })
  const credential = (): RegistryCredential => ({ registry: registry.host, ...login })
  const messages = ({ events }: ProviderFixture): readonly string[] =>
    events.map(({ reason, message }) => `${reason}: ${message}`)

  test('an image is pulled with the pull secret, and told of with its digest', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod({ container: { image: registry.image } })
    await create(fixture, pod, [{ ...credential(), password: 'wrong' }, credential()])
    const { containers } = await fixture.until(pod, 'runs', isRunning)
    const repository = registry.image.replace(/:1$/, '')
    assert.equal(containers[0]?.imageID, `${repository}@${registry.digest}`)
    assert.equal(containers[0]?.image, registry.image)
    const told = messages(fixture)
    assert.ok(told.includes(`Pulling: Pulling image "${registry.image}"`))
    const pulled = new RegExp(
      `^Pulled: Successfully pulled image "${registry.image}" in [0-9.]+m?s ` +
        `\\([0-9.]+m?s including waiting\\)\\. Image size: [0-9]+ bytes\\.$`,
    )
    assert.ok(
      told.some((text) => pulled.test(text)),
      told.join('\n'),
    )
    const { images = [] } = await fixture.provider.describeNode(fixture.context)
    assert.ok(images.some(({ names = [] }) => names.includes(registry.image)))
  })

  test('an image of a registry that is open to all is pulled without any secret', async () => {
    const config = { Env: ['PATH=/bin'], Cmd: ['sh', '-c', untilStopped] }
    const content = { repository: 'open/app', tag: '1', files: busyboxFiles(), config }
    await using open = await TestRegistry.open(content)
    await engine.daemon.allowInsecure(open.host)
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod({ container: { image: open.image } })
    await create(fixture, pod)
    await fixture.until(pod, 'runs', isRunning)
  })

  test('without the secret it is not pulled, and waits with the reasons of a kubelet', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod({ container: { image: registry.image } })
    await create(fixture, pod)
    const message = await untilPullFails(fixture, pod)
    assert.notEqual(message, '')
    assert.ok(!message.includes('\n'))
    const later = await waitingReason(fixture, pod, 'ImagePullBackOff')
    assert.equal(later, `Back-off pulling image "${registry.image}": ErrImagePull: ${message}`)
    assert.ok(messages(fixture).some((text) => text.startsWith('Failed: Failed to pull image')))
    assert.ok(messages(fixture).includes('Failed: Error: ErrImagePull'))
  })

  test('an image that was pulled with a secret is not for pods without it', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const first = fixture.pod({ container: { image: registry.image } })
    await create(fixture, first, [credential()])
    await fixture.until(first, 'runs', isRunning)
    const stranger = fixture.pod({ container: { image: registry.image } })
    await create(fixture, stranger)
    await untilPullFails(fixture, stranger)
    const served = registry.manifestsServed
    const friend = fixture.pod({ container: { image: registry.image } })
    await create(fixture, friend, [credential()])
    await fixture.until(friend, 'runs', isRunning)
    assert.equal(registry.manifestsServed, served, 'it was not pulled again')
  })

  test('Always asks the registry each time', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const container = { image: registry.image, imagePullPolicy: 'Always' }
    for (const expected of [1, 2]) {
      const before = registry.refused + registry.manifestsServed
      const pod = fixture.pod({ container })
      await create(fixture, pod, [credential()])
      await fixture.until(pod, 'runs', isRunning)
      assert.ok(registry.refused + registry.manifestsServed > before, `pull ${expected}`)
    }
  })

  test('Never pulls nothing, and an image that is there needs no registry', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const container = { image: registry.image, imagePullPolicy: 'Never' }
    const absent = fixture.pod({ container })
    await create(fixture, absent, [credential()])
    const message = await waitingReason(fixture, absent, 'ErrImageNeverPull')
    assert.equal(
      message,
      `Container image "${registry.image}" is not present with pull policy of Never`,
    )
    const present = fixture.pod(script(untilStopped, { imagePullPolicy: 'Never' }))
    await fixture.run(present)
    assert.ok(
      messages(fixture).includes(
        `Pulled: Container image "${testImage}" already present on machine and can be accessed by the pod`,
      ),
    )
  })

  test('a name that is none is told of as such', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod({ container: { image: 'Not a name' } })
    await create(fixture, pod)
    assert.equal(
      await waitingReason(fixture, pod, 'InvalidImageName'),
      `Failed to apply default image tag "Not a name": couldn't parse image name "Not a name": invalid reference format`,
    )
  })

  test('a registry that comes back is asked again', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod({ container: { image: registry.image } })
    registry.isUp = false
    try {
      await create(fixture, pod, [credential()])
      await untilPullFails(fixture, pod)
    } finally {
      registry.isUp = true
    }
    await fixture.until(pod, 'runs', isRunning)
  })

  test('runAsNonRoot is judged by the image as well', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const securityContext = { runAsNonRoot: true }
    const own = fixture.pod({ container: { image: registry.image, securityContext } })
    await create(fixture, own, [credential()])
    await fixture.until(own, 'runs', isRunning)
    const root = fixture.pod(script(untilStopped, { securityContext }))
    await create(fixture, root)
    const { name, namespace, uid } = root.metadata
    assert.equal(
      await waitingReason(fixture, root, 'CreateContainerConfigError'),
      `container has runAsNonRoot and image will run as root (pod: "${name}_${namespace}(${uid})", container: c0)`,
    )
  })
})
