// SPDX-License-Identifier: Apache-2.0
// Which field of a pod asks for which feature. A field counts only when it asks for something: what the
// API server fills in by default, or what merely restates that, never does. One rule a line, so that
// the table can be read beside the list of features.
import type { Container, PodSecurityContext, PodSpec, SecurityContext } from '../kube/types.gen.ts'
import type { FeatureName } from './features.ts'

/** `[field, feature, does this object use it?]`; the field's path is relative to the object. */
export type Rule<T> = readonly [field: string, feature: FeatureName, isUsed: (object: T) => boolean]

/** Container, init container or ephemeral container. */
export type ContainerLike = Omit<Container, 'name'>

/** Fields of the pod's spec beside its containers and volumes. */
export const podRules: readonly Rule<PodSpec>[] = [
  ['restartPolicy', 'restartPolicy', (s) => differs(s.restartPolicy, 'Always')],
  ['activeDeadlineSeconds', 'activeDeadlineSeconds', (s) => s.activeDeadlineSeconds !== undefined],
  ['readinessGates', 'readinessGates', (s) => isFilled(s.readinessGates)],
  ['hostNetwork', 'hostNetwork', (s) => s.hostNetwork === true],
  ['hostPID', 'hostPID', (s) => s.hostPID === true],
  ['hostIPC', 'hostIPC', (s) => s.hostIPC === true],
  ['hostUsers', 'hostUsers', (s) => s.hostUsers === false],
  ['shareProcessNamespace', 'shareProcessNamespace', (s) => s.shareProcessNamespace === true],
  ['subdomain', 'hostname', (s) => isFilled(s.subdomain)],
  ['setHostnameAsFQDN', 'hostname', (s) => s.setHostnameAsFQDN === true],
  ['hostnameOverride', 'hostname', (s) => isFilled(s.hostnameOverride)],
  ['hostAliases', 'hostAliases', (s) => isFilled(s.hostAliases)],
  ['dnsConfig', 'dnsConfig', (s) => isFilled(s.dnsConfig)],
  // Any backend's own resolver is what `Default` asks for.
  ['dnsPolicy', 'dnsConfig', (s) => differs(s.dnsPolicy, 'ClusterFirst', 'Default')],
  ['runtimeClassName', 'runtimeClass', (s) => isFilled(s.runtimeClassName)],
  ['resources.requests', 'resources.podLevel', (s) => isFilled(s.resources?.requests)],
  ['resources.limits', 'resources.podLevel', (s) => isFilled(s.resources?.limits)],
  ['resourceClaims', 'resources.claims', (s) => isFilled(s.resourceClaims)],
]

/** Fields of one container. */
export const containerRules: readonly Rule<ContainerLike>[] = [
  ['restartPolicyRules', 'containerRestartRules', (c) => isFilled(c.restartPolicyRules)],
  ...probeRules('livenessProbe'),
  ...probeRules('readinessProbe'),
  ...probeRules('startupProbe'),
  ['lifecycle.postStart', 'hook.postStart', (c) => c.lifecycle?.postStart !== undefined],
  ['lifecycle.preStop', 'hook.preStop', (c) => c.lifecycle?.preStop !== undefined],
  ['lifecycle.stopSignal', 'stopSignal', (c) => isFilled(c.lifecycle?.stopSignal)],
  [
    'terminationMessagePath',
    'terminationMessage',
    (c) => differs(c.terminationMessagePath, '/dev/termination-log'),
  ],
  [
    'terminationMessagePolicy',
    'terminationMessageFromLogs',
    (c) => differs(c.terminationMessagePolicy, 'File'),
  ],
  ['stdin', 'stdin', (c) => c.stdin === true],
  ['tty', 'tty', (c) => c.tty === true],
  ['workingDir', 'workingDir', (c) => isFilled(c.workingDir)],
  ['volumeDevices', 'volumeDevices', (c) => isFilled(c.volumeDevices)],
  ['resources.limits.cpu', 'resources.cpuLimit', (c) => hasLimit(c, 'cpu')],
  ['resources.limits.memory', 'resources.memoryLimit', (c) => hasLimit(c, 'memory')],
  [
    'resources.limits.ephemeral-storage',
    'resources.ephemeralStorageLimit',
    (c) => hasLimit(c, 'ephemeral-storage'),
  ],
  ['resources.claims', 'resources.claims', (c) => isFilled(c.resources?.claims)],
  [
    'resizePolicy',
    'resources.resize',
    (c) => (c.resizePolicy ?? []).some((p) => differs(p.restartPolicy, 'NotRequired')),
  ],
]

/** Fields that the security contexts of pod and container share. */
export const sharedSecurityRules: readonly Rule<SecurityContext & PodSecurityContext>[] = [
  ['runAsUser', 'security.runAsUser', (s) => s.runAsUser !== undefined],
  ['runAsGroup', 'security.runAsGroup', (s) => s.runAsGroup !== undefined],
  ['runAsNonRoot', 'security.runAsNonRoot', (s) => s.runAsNonRoot === true],
  ['seccompProfile', 'security.seccomp', (s) => differs(s.seccompProfile?.type, 'Unconfined')],
  [
    'appArmorProfile',
    'security.appArmor',
    (s) => differs(s.appArmorProfile?.type, 'RuntimeDefault', 'Unconfined'),
  ],
  ['seLinuxOptions', 'security.seLinux', (s) => isFilled(s.seLinuxOptions)],
  ['windowsOptions', 'security.windowsOptions', (s) => isFilled(s.windowsOptions)],
]

/** Fields of the pod's security context alone. */
export const podSecurityRules: readonly Rule<PodSecurityContext>[] = [
  ['supplementalGroups', 'security.supplementalGroups', (s) => isFilled(s.supplementalGroups)],
  [
    'supplementalGroupsPolicy',
    'security.supplementalGroups',
    (s) => differs(s.supplementalGroupsPolicy, 'Merge'),
  ],
  ['fsGroup', 'security.fsGroup', (s) => s.fsGroup !== undefined],
  ['sysctls', 'security.sysctls', (s) => isFilled(s.sysctls)],
]

/** Fields of a container's security context alone. */
export const containerSecurityRules: readonly Rule<SecurityContext>[] = [
  ['privileged', 'security.privileged', (s) => s.privileged === true],
  [
    'allowPrivilegeEscalation',
    'security.allowPrivilegeEscalation',
    (s) => s.allowPrivilegeEscalation === false,
  ],
  [
    'readOnlyRootFilesystem',
    'security.readOnlyRootFilesystem',
    (s) => s.readOnlyRootFilesystem === true,
  ],
  ['capabilities.add', 'security.capabilities.add', (s) => isFilled(s.capabilities?.add)],
  ['capabilities.drop', 'security.capabilities.drop', (s) => isFilled(s.capabilities?.drop)],
  ['procMount', 'security.procMount', (s) => differs(s.procMount, 'Default')],
]

function probeRules(
  probe: 'livenessProbe' | 'readinessProbe' | 'startupProbe',
): readonly Rule<ContainerLike>[] {
  const kinds = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const
  return kinds.map((kind) => [
    `${probe}.${kind}`,
    `probe.${kind}`,
    (container) => container[probe]?.[kind] !== undefined,
  ])
}

function hasLimit({ resources }: ContainerLike, name: string): boolean {
  return resources?.limits?.[name] !== undefined
}

/** True when the value is set to something else than a default. */
export function differs(value: string | undefined, ...defaults: readonly string[]): boolean {
  return value !== undefined && value !== '' && !defaults.includes(value)
}

/** True for a text, list or map that holds something. */
export function isFilled(value: string | object | undefined): boolean {
  if (value === undefined) return false
  return typeof value === 'string' ? value !== '' : Object.keys(value).length > 0
}
