// SPDX-License-Identifier: Apache-2.0
// What a pod's sandbox container is created with: everything that the pod's containers share.
import type { Pod } from '../../../kube/types.gen.ts'
import { sandboxLabels, type Owner } from '../container/container-labels.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { CreateBody, EngineMount, HostConfig } from '../engine/engine-objects.ts'

export interface SandboxInput {
  readonly pod: Pod
  readonly hostname: string | undefined
  readonly image: string
  readonly owner: Owner
  readonly config: DockerConfig
  /** Parent of the pod's control groups. */
  readonly cgroup: string | undefined
  readonly mounts: readonly EngineMount[]
}

/** The body of the sandbox's create. */
export function sandboxBody(input: SandboxInput): CreateBody {
  const { pod, hostname, image, owner, mounts } = input
  const { namespace, name, uid } = pod.metadata
  const { hostNetwork } = pod.spec
  return {
    Image: image,
    Labels: sandboxLabels(owner, { namespace, name, uid }),
    ...(hostname !== undefined && hostNetwork !== true && { Hostname: hostname }),
    ...(hostNetwork !== true && { ExposedPorts: exposedPorts(pod) }),
    HostConfig: { ...hostConfig(pod, input), ...(mounts.length > 0 && { Mounts: mounts }) },
  }
}

function hostConfig({ spec }: Pod, { config, cgroup }: SandboxInput): HostConfig {
  const isOnHost = spec.hostNetwork === true
  const sysctls = (spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])
  return {
    NetworkMode: isOnHost ? 'host' : (config.network ?? 'bridge'),
    IpcMode: spec.hostIPC === true ? 'host' : 'shareable',
    ...(spec.hostPID === true && { PidMode: 'host' }),
    ...(cgroup !== undefined && { CgroupParent: cgroup }),
    ...(sysctls.length > 0 && { Sysctls: Object.fromEntries(sysctls) }),
    ...(!isOnHost && { PortBindings: portBindings(spec) }),
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'none' },
  }
}

function portsOf({ containers, initContainers = [] }: Pod['spec']) {
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...containers, ...sidecars].flatMap(({ ports = [] }) => ports)
}

function exposedPorts({ spec }: Pod): Readonly<Record<string, object>> {
  const mapped = portsOf(spec).filter(({ hostPort }) => hostPort)
  return Object.fromEntries(mapped.map((port) => [keyOf(port), {}]))
}

function portBindings(spec: Pod['spec']): NonNullable<HostConfig['PortBindings']> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const port of portsOf(spec)) {
    if (!port.hostPort) continue
    const binding = { HostIp: port.hostIP ?? '', HostPort: String(port.hostPort) }
    ;(bindings[keyOf(port)] ??= []).push(binding)
  }
  return bindings
}

function keyOf({ containerPort, protocol = 'TCP' }: { containerPort: number; protocol?: string }) {
  return `${containerPort}/${protocol.toLowerCase()}`
}
