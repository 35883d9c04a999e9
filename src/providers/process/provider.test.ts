// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { eventually } from '../../../test/support/process-probes.ts'
import { buildHost, patient, request } from '../../../test/support/provider-host.ts'
import { noSandbox } from '../../../test/support/sandbox-world.ts'
import type { Container, Pod } from '../../kube/types.gen.ts'
import { unsupportedFields } from '../../provider/feature-check.ts'
import type { ObservedPod, PodProvider, ProviderHost } from '../../provider/provider.ts'
import { systemClock } from '../../util/clock.ts'
import { UserError } from '../../util/vk-error.ts'
import { providerModule } from './provider.ts'

const manifest = parse(readFileSync(new URL('example.yaml', import.meta.url), 'utf8')) as {
  readonly spec: { readonly template: Pick<Pod, 'spec'> }
}

test('runs the pod of the example to its end', async () => {
  await using made = await makeProvider()
  const pod: Pod = {
    metadata: { namespace: 'default', name: 'hello', uid: 'u1' },
    spec: manifest.spec.template.spec,
  }
  assert.deepEqual(unsupportedFields(pod, made.provider.features), [])
  await made.provider.createPod(request(pod), patient)
  const observed = await untilEnded(made.provider, 'u1')
  assert.equal(observed.containers[0]?.state?.terminated?.exitCode, 0)
  assert.deepEqual(observed.podIPs, ['192.168.0.2'])
  let output = ''
  const query = { previous: false, follow: false }
  for await (const batch of made.provider.logs(refOf(pod), 'hello', query, patient)) {
    for (const { bytes } of batch.entries) output += Buffer.from(bytes).toString()
  }
  assert.match(output, /^Hello from hello, as user \d+, to you\nstep 1\nstep 2\nstep 3\n$/)
  await made.provider.cleanUpPod?.(refOf(pod), patient)
  assert.deepEqual(await made.provider.listPods(patient), [])
})

test('waits with a reason for an image that is nothing', async () => {
  await using made = await makeProvider()
  const pod: Pod = {
    metadata: { namespace: 'default', name: 'web', uid: 'u2' },
    spec: { containers: [{ name: 'web', image: 'nginx:1.29' }] },
  }
  await made.provider.createPod(request(pod), patient)
  await eventually(async () => {
    const found = await made.provider.getPodStatuses([refOf(pod)], patient)
    const waiting = found.get('u2')?.containers[0]?.state?.waiting
    return waiting?.reason === 'CreateContainerConfigError'
  })
})

test(
  'a mount point that no sandbox has is waited with, and no start is used up',
  { skip: noSandbox },
  async () => {
    await using made = await makeProvider()
    const volumeMounts = [{ name: 'v', mountPath: '/usr' }]
    const pod: Pod = {
      metadata: { namespace: 'default', name: 'usr', uid: 'u3' },
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'main', image: 'host', command: ['true'], volumeMounts }],
      },
    }
    const problems = await providerModule.problemsOf?.(pod, {})
    assert.match(
      problems?.[0]?.why ?? '',
      /^Cannot mount volume ".*" at "\/usr": .* which starts containers$/,
    )
    assert.equal(problems?.[0]?.field, 'spec.containers[0].volumeMounts[0].mountPath')
    await made.provider.createPod(request(pod), patient)
    await eventually(async () => {
      const found = await made.provider.getPodStatuses([refOf(pod)], patient)
      const { state, restartCount = 0 } = found.get('u3')?.containers[0] ?? {}
      const { reason, message } = state?.waiting ?? {}
      const isTold = message === problems?.[0]?.why
      return reason === 'CreateContainerError' && isTold && restartCount === 0
    })
  },
)

test('refuses to be a Windows node on another system', async (t) => {
  if (process.platform === 'win32') return t.skip('this is Windows')
  await assert.rejects(makeProvider({ os: 'windows' }), (error) => {
    assert.ok(error instanceof UserError)
    assert.match(error.message, /os "windows"/)
    return true
  })
})

test('knows before a start what the start would refuse, in the same words', async () => {
  await using made = await makeProvider()
  const problemsOf = async (container: Partial<Container>): Promise<readonly string[]> => {
    const pod: Pod = {
      metadata: { namespace: 'default', name: 'web', uid: JSON.stringify(container) },
      spec: { restartPolicy: 'Never', containers: [{ name: 'web', ...container }] },
    }
    const problems = (await providerModule.problemsOf?.(pod, {})) ?? []
    await made.provider.createPod(request(pod), patient)
    await eventually(async () => {
      const found = await made.provider.getPodStatuses([refOf(pod)], patient)
      const state = found.get(pod.metadata.uid)?.containers[0]?.state
      if (problems.length === 0) return state?.terminated?.exitCode === 0
      return state?.waiting?.message === problems[0]?.why
    })
    return problems.map(({ field, why }) => `${field}: ${why}`)
  }
  const host = { image: 'host', command: ['true'] }
  assert.deepEqual(await problemsOf(host), [])
  assert.match(String(await problemsOf({ image: 'nginx' })), /^spec\.containers\[0\]: .*"nginx"/)
  assert.match(String(await problemsOf({ image: 'host' })), /so a command is needed$/)
  const drop = ['NET_RAW,+all']
  const odd = await problemsOf({ ...host, securityContext: { capabilities: { drop } } })
  assert.match(String(odd), /"NET_RAW,\+all", which is no capability$/)
})

test('says of limits beforehand that there are no control groups to set them with', async () => {
  const resources = { limits: { cpu: '1', memory: '64Mi' } }
  const pod: Pod = {
    metadata: { namespace: 'default', name: 'web', uid: 'u4' },
    spec: { containers: [{ name: 'web', image: 'host', command: ['true'], resources }] },
  }
  const problems = (await providerModule.problemsOf?.(pod, { cgroupRoot: false })) ?? []
  assert.deepEqual(
    problems.map(({ field }) => field),
    ['spec.containers[0].resources.limits.cpu', 'spec.containers[0].resources.limits.memory'],
  )
  assert.match(problems[1]?.why ?? '', /resources\.memoryLimit \(limits need control groups/)
})

test('documents what it can do without looking at the machine, and judges its configuration', () => {
  assert.deepEqual(providerModule.featuresOf({}), providerModule.featuresOf({ allowRoot: true }))
  assert.throws(() => providerModule.featuresOf({ allowroot: true }), UserError)
})

async function untilEnded(provider: PodProvider, uid: string): Promise<ObservedPod> {
  let observed: ObservedPod | undefined
  await eventually(async () => {
    const all = await provider.listPods(patient)
    observed = all.find(({ ref, hasEnded }) => ref.uid === uid && hasEnded)
    return observed !== undefined
  })
  assert.ok(observed)
  return observed
}

function refOf({ metadata }: Pod): ObservedPod['ref'] {
  const { namespace, name, uid } = metadata
  return { namespace, name, uid }
}

test(
  'containers that name no profile are filtered where the node says so',
  { skip: noSandbox },
  async () => {
    await using made = await makeProvider({ seccompDefault: true })
    assert.equal(made.provider.features['security.seccomp'], true)
    const command = ['grep', '-q', 'Seccomp:.*2', '/proc/self/status']
    const pod: Pod = {
      metadata: { namespace: 'default', name: 'filtered', uid: 'u4' },
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'host', command }],
      },
    }
    await made.provider.createPod(request(pod), patient)
    const { containers } = await untilEnded(made.provider, 'u4')
    assert.equal(containers[0]?.state?.terminated?.exitCode, 0)
  },
)

test('a filter that nothing can put on is no promise', async () => {
  await assert.rejects(
    makeProvider({}, { seccompDefault: true, isolation: 'none' }),
    (error) => error instanceof UserError && /"seccompDefault" is true/.test(error.message),
  )
  await using made = await makeProvider({ seccompDefault: true }, { isolation: 'none' })
  assert.notEqual(made.provider.features['security.seccomp'], true)
})

async function makeProvider(
  changes: Partial<ProviderHost> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<AsyncDisposable & { readonly provider: PodProvider }> {
  const dir = await mkdtemp(join(tmpdir(), 'vk-process-'))
  const host = { ...buildHost(), clock: systemClock, rootDir: dir, protectedDir: dir, ...changes }
  let provider: PodProvider
  try {
    provider = await providerModule.create(config, host)
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
  return {
    provider,
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
