// SPDX-License-Identifier: Apache-2.0
// What of a pod the configuration does not let it have: what would give it the engine's machine, or more of
// its kernel than a container should have.
import type { Container, Pod } from '../../../kube/types.gen.ts'
import type { PodProblem } from '../../../provider/provider.ts'
import { kindOf } from '../../../runtime/volumes/pod-volume-list.ts'
import type { DockerConfig } from '../docker-config.ts'

/** Namespaced, and without effect on other pods: what a kubelet allows unasked. */
const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

/** What engines give unasked, and what adds no power over the machine. */
const harmlessCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'IPC_LOCK',
  'KILL',
  'LEASE',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
  'SYS_NICE',
  'SYS_PTRACE',
])

const unlessPrivileged = 'unless allowPrivileged is set in the configuration of the provider'

/** Every such field; empty when the pod may run. */
export function podRefusals(pod: Pod, config: DockerConfig): readonly PodProblem[] {
  const { containers, initContainers = [], ephemeralContainers = [], runtimeClassName } = pod.spec
  const problems = [...sysctlRefusals(pod, config)]
  if (runtimeClassName && !Object.hasOwn(config.runtimeHandlers, runtimeClassName)) {
    const why = `the configuration's runtimeHandlers have no "${runtimeClassName}"`
    problems.push({ field: 'spec.runtimeClassName', why })
  }
  const lists = Object.entries({ initContainers, containers, ephemeralContainers })
  for (const [list, all] of lists) {
    for (const [index, container] of all.entries()) {
      problems.push(...containerRefusals(container, { at: `spec.${list}[${index}]`, config }))
    }
  }
  return problems
}

/** On another machine: parts of volumes are copies in the container's own file system. */
export function remoteRefusals({ spec }: Pod): readonly PodProblem[] {
  const { containers, initContainers = [], ephemeralContainers = [], volumes = [] } = spec
  const kinds = new Map(volumes.map((volume) => [volume.name, kindOf(volume)]))
  const problems: PodProblem[] = []
  const lists = Object.entries({ initContainers, containers, ephemeralContainers })
  for (const [list, all] of lists) {
    for (const [index, { volumeMounts = [], securityContext }] of all.entries()) {
      for (const [at, { name, subPath, subPathExpr }] of volumeMounts.entries()) {
        if (!subPath && !subPathExpr) continue
        const part = subPath ? 'subPath' : 'subPathExpr'
        const field = `spec.${list}[${index}].volumeMounts[${at}].${part}`
        const isReadOnly = securityContext?.readOnlyRootFilesystem === true
        const why =
          'on an engine of another machine a part of a volume is copied into the container'
        if (kinds.get(name) !== 'files') {
          problems.push({ field, why: `${why}, and "${name}" is not one of files` })
        } else if (isReadOnly) problems.push({ field, why: `${why}, whose root is read-only` })
      }
    }
  }
  return problems
}

function sysctlRefusals(
  { spec }: Pod,
  { allowedUnsafeSysctls }: DockerConfig,
): readonly PodProblem[] {
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, index) => {
    const isAllowed = allowedUnsafeSysctls.some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
    if (isAllowed || safeSysctls.has(name)) return []
    const why = `forbidden sysctl: "${name}" not allowlisted`
    return [{ field: `spec.securityContext.sysctls[${index}]`, why }]
  })
}

function containerRefusals(
  { securityContext }: Pick<Container, 'securityContext'>,
  { at, config }: { readonly at: string; readonly config: DockerConfig },
): readonly PodProblem[] {
  const { capabilities, seccompProfile, appArmorProfile } = securityContext ?? {}
  if (config.allowPrivileged) return []
  const problems: PodProblem[] = []
  for (const capability of capabilities?.add ?? []) {
    if (harmlessCapabilities.has(capability.replace(/^CAP_/, ''))) continue
    const field = `${at}.securityContext.capabilities.add`
    problems.push({ field, why: `${capability} is not given to containers ${unlessPrivileged}` })
  }
  if (seccompProfile?.type === 'Unconfined' || appArmorProfile?.type === 'Unconfined') {
    const why = `no container runs unconfined ${unlessPrivileged}`
    problems.push({ field: `${at}.securityContext`, why })
  }
  return problems
}
