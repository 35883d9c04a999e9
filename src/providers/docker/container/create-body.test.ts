// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec } from '../../../kube/types.gen.ts'
import { parseDockerConfig } from '../docker-config.ts'
import type { CreateBody, HostConfig } from '../engine/engine-objects.ts'
import { createBody } from './create-body.ts'
import type { CreateInput } from './create-input.ts'

interface Case {
  readonly container?: Partial<Container>
  readonly spec?: Partial<PodSpec>
  readonly config?: object
  readonly input?: Partial<CreateInput>
}

function bodyOf({ container, spec, config, input }: Case = {}): CreateBody {
  const own: Container = { name: 'main', image: 'busybox:1.36', ...container }
  const metadata = { namespace: 'default', name: 'web', uid: 'u-1' }
  const { namespace, name, uid } = metadata
  return createBody({
    start: {
      key: { pod: { namespace, name, uid }, name: 'main', attempt: 0 },
      pod: { metadata, spec: { containers: [own], ...spec } },
      spec: own,
      resolved: { name: 'main', command: [], args: [], env: [] },
      containerDir: '/vk/main',
      attemptDir: '/vk/main/0',
      volumeDirs: new Map(),
      mounts: [],
    },
    owner: { clusterId: 'cluster', nodeName: 'node' },
    config: parseDockerConfig(config),
    sandboxId: 'sandbox',
    cgroup: '/virtual-kubelet/podu-1',
    hostname: 'web',
    engineKind: 'docker',
    isLocal: true,
    image: { id: 'sha256:1', reference: 'busybox@sha256:1', user: '' },
    memoryBytes: 1024 ** 3,
    controllers: { cpu: true, memory: true },
    seccompProfile: undefined,
    targetId: undefined,
    ...input,
  })
}

const hostOf = (one: Case = {}): HostConfig => bodyOf(one).HostConfig ?? {}

test('a container joins its sandbox, in the group of its pod', () => {
  const { NetworkMode, IpcMode, PidMode, CgroupParent, Privileged } = hostOf()
  const joined = 'container:sandbox'
  assert.deepEqual([NetworkMode, IpcMode, PidMode], [joined, joined, undefined])
  assert.deepEqual([CgroupParent, Privileged], ['/virtual-kubelet/podu-1', undefined])
})

test('processes are joined where the pod shares them, and those of a target where one is debugged', () => {
  assert.equal(hostOf({ spec: { shareProcessNamespace: true } }).PidMode, 'container:sandbox')
  assert.equal(hostOf({ input: { targetId: 'target' } }).PidMode, 'container:target')
  assert.equal(hostOf({ spec: { hostPID: true } }).PidMode, 'host')
})

test('CPU and memory are shares, quota and a limit without swap, never below what engines take', () => {
  const limits = { cpu: '1500m', memory: '64Mi' }
  const some = hostOf({ container: { resources: { limits, requests: { cpu: '500m' } } } })
  assert.deepEqual([some.CpuShares, some.CpuPeriod, some.CpuQuota], [512, 100_000, 150_000])
  assert.deepEqual([some.Memory, some.MemorySwap], [64 * 1024 ** 2, 64 * 1024 ** 2])
  const least = hostOf({ container: { resources: { limits: { cpu: '1m', memory: '1' } } } })
  assert.deepEqual([least.CpuShares, least.CpuQuota, least.Memory], [2, 1000, 6 * 1024 ** 2])
  const { CpuQuota, Memory, PidsLimit } = hostOf()
  assert.deepEqual([CpuQuota, Memory, PidsLimit], [undefined, undefined, undefined])
  assert.equal(hostOf({ config: { podPidsLimit: 100 } }).PidsLimit, 100)
})

test('an engine that has no controller of the CPU is sent no shares, which any container has', () => {
  const controllers = { cpu: false, memory: true }
  const container = { resources: { requests: { cpu: '1' }, limits: { memory: '64Mi' } } }
  const { CpuShares, Memory } = hostOf({ container, input: { controllers } })
  assert.deepEqual([CpuShares, Memory], [undefined, 64 * 1024 ** 2])
})

test('GPUs are asked of the engine by their vendor, other devices not at all', () => {
  const requests = (limits: Readonly<Record<string, string>>) =>
    hostOf({ container: { resources: { limits } } }).DeviceRequests
  const gpu = { Driver: 'nvidia', Count: 2, Capabilities: [['gpu']] }
  assert.deepEqual(requests({ 'nvidia.com/gpu': '2' }), [gpu])
  assert.deepEqual(requests({ 'amd.com/gpu': '1' }), [{ ...gpu, Driver: 'amd', Count: 1 }])
  assert.equal(requests({ 'nvidia.com/gpu': '0', constructor: '1' }), undefined)
})

test('a runtime class is the engine’s runtime that the configuration names for it', () => {
  const config = { runtimeHandlers: { sandboxed: 'runsc' } }
  assert.equal(hostOf({ config, spec: { runtimeClassName: 'sandboxed' } }).Runtime, 'runsc')
  assert.equal(hostOf({ config }).Runtime, undefined)
})

test('profiles are those of the container, else those of the pod', () => {
  const optionsOf = (one: Case) => hostOf(one).SecurityOpt ?? []
  const profile = { type: 'Localhost', localhostProfile: 'tight' }
  const spec = { securityContext: { appArmorProfile: profile } }
  assert.deepEqual(optionsOf({ spec }), ['apparmor=tight'])
  const own = { appArmorProfile: { type: 'Unconfined' }, allowPrivilegeEscalation: false }
  const expected = ['no-new-privileges', 'apparmor=unconfined']
  assert.deepEqual(optionsOf({ spec, container: { securityContext: own } }), expected)
  const read = { input: { seccompProfile: '{"defaultAction":"SCMP_ACT_ERRNO"}' } }
  assert.deepEqual(optionsOf(read), ['seccomp={"defaultAction":"SCMP_ACT_ERRNO"}'])
  const seLinux = { seLinuxOptions: { level: 's0:c1', type: 'container_t' } }
  const labels = ['label=level:s0:c1', 'label=type:container_t']
  assert.deepEqual(optionsOf({ container: { securityContext: seLinux } }), labels)
})

test('/proc is unmasked in each engine’s own way', () => {
  const container = { securityContext: { procMount: 'Unmasked' } }
  const { MaskedPaths, ReadonlyPaths, SecurityOpt } = hostOf({ container })
  assert.deepEqual([MaskedPaths, ReadonlyPaths, SecurityOpt], [[], [], undefined])
  const podman = hostOf({ container, input: { engineKind: 'podman' } })
  assert.deepEqual(podman.SecurityOpt, ['unmask=ALL'])
})

test('users and groups come from the container, the pod and the image, in this order', () => {
  const image = { id: 'sha256:1', reference: 'x', user: 'app:staff' }
  const userOf = (securityContext: Container['securityContext'], spec: Partial<PodSpec> = {}) =>
    bodyOf({ spec, input: { image }, container: securityContext ? { securityContext } : {} }).User
  assert.equal(userOf(undefined), 'app:staff')
  assert.equal(userOf({ runAsGroup: 7 }), 'app:7')
  assert.equal(userOf({ runAsUser: 5 }), '5')
  assert.equal(
    userOf({ runAsUser: 5 }, { securityContext: { runAsUser: 6, runAsGroup: 8 } }),
    '5:8',
  )
  const groups = { supplementalGroups: [1, 2], fsGroup: 3 }
  assert.deepEqual(hostOf({ spec: { securityContext: groups } }).GroupAdd, ['1', '2', '3'])
})
