// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../../kube/types.gen.ts'
import type { ResolvedContainer } from '../../provider/provider.ts'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { FakeEnvSources } from '../../../test/support/fake-env-sources.ts'
import { VkError } from '../../util/vk-error.ts'
import { resolveContainer } from './resolve-container.ts'

const stocked = { configMaps: { c: { k: 'from c' } }, secrets: { s: { k: 'from s' } } }

function resolve(
  container: Partial<Container>,
  sources: FakeEnvSources,
): Promise<ResolvedContainer> {
  const pod = buildPod({ spec: { containers: [buildContainer(container)] } })
  return resolveContainer(pod, 'main', { sources, facts: { podIPs: [], hostIPs: [] } })
}

const fromConfigMap = (name: string, key = 'k', optional?: boolean): Container['env'] => [
  {
    name: 'V',
    valueFrom: { configMapKeyRef: { name, key, ...(optional !== undefined && { optional }) } },
  },
]
const fromSecret = (name: string, key = 'k', optional?: boolean): Container['env'] => [
  {
    name: 'V',
    valueFrom: { secretKeyRef: { name, key, ...(optional !== undefined && { optional }) } },
  },
]

interface MissCase {
  readonly reason: string
  readonly message: string
  readonly container: Partial<Container>
}

const optionalMisses: readonly MissCase[] = [
  {
    reason: 'OptionalConfigMapNotFound',
    message: 'configmap "none" not found',
    container: { env: fromConfigMap('none', 'k', true) ?? [] },
  },
  {
    reason: 'OptionalConfigMapNotFound',
    message: 'configmap "none" not found',
    container: { envFrom: [{ configMapRef: { name: 'none', optional: true } }] },
  },
  {
    reason: 'OptionalConfigMapKeyNotFound',
    message: "couldn't find key z in ConfigMap ns/c",
    container: { env: fromConfigMap('c', 'z', true) ?? [] },
  },
  {
    reason: 'OptionalSecretNotFound',
    message: 'secret "none" not found',
    container: { env: fromSecret('none', 'k', true) ?? [] },
  },
  {
    reason: 'OptionalSecretNotFound',
    message: 'secret "none" not found',
    container: { envFrom: [{ secretRef: { name: 'none', optional: true } }] },
  },
  {
    reason: 'OptionalSecretKeyNotFound',
    message: "couldn't find key z in Secret ns/s",
    container: { env: fromSecret('s', 'z', true) ?? [] },
  },
]
for (const { reason, message, container } of optionalMisses) {
  const how = container.envFrom ? 'envFrom' : 'env'
  test(`${reason} in ${how} leaves the variable out and says so`, async () => {
    const sources = new FakeEnvSources(stocked)
    assert.deepEqual((await resolve(container, sources)).env, [])
    assert.deepEqual(sources.notices, [{ type: 'Warning', reason, message }])
  })
}

const mandatoryMisses: readonly MissCase[] = [
  {
    reason: 'MandatoryConfigMapNotFound',
    message: 'configmap "none" not found',
    container: { env: fromConfigMap('none') ?? [] },
  },
  {
    reason: 'MandatoryConfigMapNotFound',
    message: 'configmap "none" not found',
    container: { envFrom: [{ configMapRef: { name: 'none' } }] },
  },
  {
    reason: 'MandatoryConfigMapKeyNotFound',
    message: "couldn't find key toString in ConfigMap ns/c",
    container: { env: fromConfigMap('c', 'toString') ?? [] },
  },
  {
    reason: 'MandatorySecretNotFound',
    message: 'secret "none" not found',
    container: { env: fromSecret('none', 'k', false) ?? [] },
  },
  {
    reason: 'MandatorySecretNotFound',
    message: 'secret "none" not found',
    container: { envFrom: [{ secretRef: { name: 'none', optional: false } }] },
  },
  {
    reason: 'MandatorySecretKeyNotFound',
    message: "couldn't find key z in Secret ns/s",
    container: { env: fromSecret('s', 'z') ?? [] },
  },
]
for (const { reason, message, container } of mandatoryMisses) {
  const how = container.envFrom ? 'envFrom' : 'env'
  test(`${reason} in ${how} stops the container and says so`, async () => {
    const sources = new FakeEnvSources(stocked)
    await assert.rejects(resolve(container, sources), (error) => {
      assert.ok(error instanceof VkError)
      assert.deepEqual([error.message, error.podReason], [message, 'CreateContainerConfigError'])
      return true
    })
    assert.deepEqual(sources.notices, [{ type: 'Warning', reason, message }])
  })
}

for (const optional of [true, false]) {
  const reason = `FailedToRead${optional ? 'Optional' : 'Mandatory'}Secret`
  test(`${reason} stops the container: nobody knows whether the secret is there`, async () => {
    const sources = new FakeEnvSources()
    sources.secret = () =>
      Promise.reject(new VkError('Unavailable', 'no answer', { retryAfterMs: 7 }))
    await assert.rejects(
      resolve({ env: fromSecret('s', 'k', optional) ?? [] }, sources),
      (error) => {
        assert.ok(error instanceof VkError)
        assert.deepEqual(
          [error.code, error.podReason, error.retryAfterMs, error.message],
          ['Unavailable', 'CreateContainerConfigError', 7, 'Cannot read secret "s": no answer'],
        )
        return true
      },
    )
    assert.deepEqual(
      sources.notices.map((notice) => notice.reason),
      [reason],
    )
  })
}
