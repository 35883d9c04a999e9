// SPDX-License-Identifier: Apache-2.0
// A pod spec for each field by which a pod can ask for a feature, and for nothing else: what the feature
// check, `explain` and the table of docs/pods.md must agree about. Apart from what it asks for, each is a
// pod that any provider can run.
import type { Container, PodSpec, Volume, VolumeMount } from '../../src/kube/types.gen.ts'
import type { FeatureName } from '../../src/provider/features.ts'

/** A field of a pod, the feature it asks for, and a spec that does. */
export interface FeaturePod {
  /** Path in the pod, such as `spec.containers[0].tty`. */
  readonly field: string
  readonly feature: FeatureName
  /** What it asks for besides, because the field lies in something else that is asked for. */
  readonly also: readonly FeatureName[]
  readonly spec: PodSpec
}

/** Features that no single field asks for. */
export const fieldlessFeatures: ReadonlySet<FeatureName> = new Set([
  'images',
  'podNetwork',
  'resources.podLevelResize',
  'serviceAccountVolume',
])

function container(parts: Partial<Container> = {}): Container {
  return { name: 'main', image: 'host', command: ['/bin/true'], ...parts }
}

const exec = { exec: { command: ['true'] } }
const volume = (source: Partial<Volume>): Partial<PodSpec> => ({
  volumes: [{ name: 'v', ...source }],
})
const pod = (
  field: string,
  feature: FeatureName,
  spec: Partial<PodSpec>,
  also: readonly FeatureName[] = [],
): FeaturePod => ({
  field: `spec.${field}`,
  feature,
  also,
  spec: { containers: [container()], ...spec },
})
const inContainer = (field: string, feature: FeatureName, of: Partial<Container>): FeaturePod => ({
  field: `spec.containers[0].${field}`,
  feature,
  also: [],
  spec: { containers: [container(of)] },
})
const inMount = (field: string, feature: FeatureName, parts: Partial<VolumeMount>): FeaturePod => ({
  field: `spec.containers[0].volumeMounts[0].${field}`,
  feature,
  also: ['volume.emptyDir'],
  spec: {
    containers: [
      container({
        volumeMounts: [{ name: 'v', mountPath: '/v', ...parts }],
        env: [{ name: 'X', value: 'x' }],
      }),
    ],
    volumes: [{ name: 'v', emptyDir: {} }],
  },
})
const probeKinds = [
  ['exec', exec.exec],
  ['httpGet', { port: 1 }],
  ['tcpSocket', { port: 1 }],
  ['grpc', { port: 1 }],
] as const
const volumeSources = [
  ['configMap', { name: 'c' }],
  ['downwardAPI', { items: [] }],
  ['emptyDir', {}],
  ['ephemeral', { volumeClaimTemplate: { spec: {} } }],
  ['hostPath', { path: '/x' }],
  ['image', { reference: 'example' }],
  ['persistentVolumeClaim', { claimName: 'c' }],
  ['projected', { sources: [] }],
  ['secret', { secretName: 's' }],
] as const

/** In the order of a manifest, more or less. */
export const featurePods: readonly FeaturePod[] = [
  pod('restartPolicy', 'restartPolicy', { restartPolicy: 'Never' }),
  pod('activeDeadlineSeconds', 'activeDeadlineSeconds', { activeDeadlineSeconds: 5 }),
  pod('readinessGates', 'readinessGates', { readinessGates: [{ conditionType: 'a.b/c' }] }),
  pod('hostNetwork', 'hostNetwork', { hostNetwork: true }),
  pod('hostPID', 'hostPID', { hostPID: true }),
  pod('hostIPC', 'hostIPC', { hostIPC: true }),
  pod('hostUsers', 'hostUsers', { hostUsers: false }),
  pod('shareProcessNamespace', 'shareProcessNamespace', { shareProcessNamespace: true }),
  pod('hostname', 'hostname', { hostname: 'other' }),
  pod('subdomain', 'hostname', { subdomain: 'sub' }),
  pod('setHostnameAsFQDN', 'hostname', { setHostnameAsFQDN: true }),
  pod('hostnameOverride', 'hostname', { hostnameOverride: 'x' }),
  pod('hostAliases', 'hostAliases', { hostAliases: [{ ip: '10.0.0.1', hostnames: ['a'] }] }),
  pod('dnsConfig', 'dnsConfig', { dnsConfig: { nameservers: ['10.0.0.1'] } }),
  pod('dnsPolicy', 'dnsConfig', { dnsPolicy: 'None' }),
  pod('runtimeClassName', 'runtimeClass', { runtimeClassName: 'gvisor' }),
  pod('resources.limits', 'resources.podLevel', { resources: { limits: { cpu: '1' } } }),
  pod('resources.requests', 'resources.podLevel', { resources: { requests: { cpu: '1' } } }),
  pod('resourceClaims', 'resources.claims', { resourceClaims: [{ name: 'x' }] }),
  pod('securityContext.runAsUser', 'security.runAsUser', { securityContext: { runAsUser: 0 } }),
  pod('securityContext.fsGroup', 'security.fsGroup', { securityContext: { fsGroup: 0 } }),
  pod('securityContext.supplementalGroups', 'security.supplementalGroups', {
    securityContext: { supplementalGroups: [1] },
  }),
  pod('securityContext.supplementalGroupsPolicy', 'security.supplementalGroups', {
    securityContext: { supplementalGroupsPolicy: 'Strict' },
  }),
  pod('securityContext.sysctls', 'security.sysctls', {
    securityContext: { sysctls: [{ name: 'a', value: 'b' }] },
  }),
  pod('initContainers[0]', 'initContainers', { initContainers: [container()] }),
  pod('initContainers[0]', 'sidecars', {
    initContainers: [container({ restartPolicy: 'Always' })],
  }),
  pod('containers[1]', 'multipleContainers', { containers: [container(), container()] }),
  pod('ephemeralContainers[0]', 'ephemeralContainers', {
    ephemeralContainers: [container({ stdin: true })],
  }),
  ...volumeSources.map(([source, value]) =>
    pod(`volumes[0].${source}`, `volume.${source}`, volume({ [source]: value })),
  ),
  pod('volumes[0].nfs', 'volume.other', volume({ nfs: { server: 's', path: '/' } })),
  pod(
    'volumes[0].emptyDir.medium',
    'volume.emptyDirMedium',
    {
      ...volume({ emptyDir: { medium: 'Memory' } }),
    },
    ['volume.emptyDir'],
  ),
  pod(
    'volumes[0].emptyDir.sizeLimit',
    'volume.emptyDirSizeLimit',
    {
      ...volume({ emptyDir: { sizeLimit: '1Gi' } }),
    },
    ['volume.emptyDir'],
  ),
  pod('imagePullSecrets', 'imagePullSecrets', { imagePullSecrets: [{ name: 's' }] }, ['images']),
  inContainer('restartPolicy', 'containerRestartRules', { restartPolicy: 'Never' }),
  inContainer('restartPolicyRules', 'containerRestartRules', {
    restartPolicyRules: [{ action: 'Restart' }],
  }),
  ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((probe) =>
    probeKinds.map(([kind, action]) =>
      inContainer(`${probe}.${kind}`, `probe.${kind}`, { [probe]: { [kind]: action } }),
    ),
  ),
  inContainer('lifecycle.postStart', 'hook.postStart', { lifecycle: { postStart: exec } }),
  inContainer('lifecycle.preStop', 'hook.preStop', { lifecycle: { preStop: exec } }),
  inContainer('lifecycle.stopSignal', 'stopSignal', { lifecycle: { stopSignal: 'SIGINT' } }),
  inContainer('terminationMessagePath', 'terminationMessage', { terminationMessagePath: '/x' }),
  inContainer('terminationMessagePolicy', 'terminationMessageFromLogs', {
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }),
  inContainer('stdin', 'stdin', { stdin: true }),
  inContainer('tty', 'tty', { tty: true }),
  inContainer('workingDir', 'workingDir', { workingDir: '/usr' }),
  {
    field: 'spec.containers[0].env[1].valueFrom.fileKeyRef',
    feature: 'env.fileKeyRef',
    also: ['volume.emptyDir'],
    spec: {
      containers: [
        container({
          env: [
            { name: 'A', value: 'a' },
            { name: 'B', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } },
          ],
        }),
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
  },
  inContainer('volumeDevices', 'volumeDevices', {
    volumeDevices: [{ name: 'v', devicePath: '/d' }],
  }),
  inMount('subPath', 'volume.subPath', { subPath: 'x' }),
  inMount('subPathExpr', 'volume.subPath', { subPathExpr: '$(X)' }),
  inMount('readOnly', 'volume.readOnly', { readOnly: true }),
  inMount('mountPropagation', 'volume.mountPropagation', { mountPropagation: 'HostToContainer' }),
  inMount('recursiveReadOnly', 'volume.recursiveReadOnly', { recursiveReadOnly: 'Enabled' }),
  inContainer('ports[0].hostPort', 'hostPort', { ports: [{ containerPort: 80, hostPort: 80 }] }),
  inContainer('ports[0].hostPort', 'hostPortMapping', {
    ports: [{ containerPort: 80, hostPort: 8080 }],
  }),
  inContainer('resources.limits.cpu', 'resources.cpuLimit', {
    resources: { limits: { cpu: '1' } },
  }),
  inContainer('resources.limits.memory', 'resources.memoryLimit', {
    resources: { limits: { memory: '1Gi' } },
  }),
  inContainer('resources.limits.ephemeral-storage', 'resources.ephemeralStorageLimit', {
    resources: { limits: { 'ephemeral-storage': '1Gi' } },
  }),
  inContainer('resources.limits["a.example/gpu"]', 'resources.extended', {
    resources: { limits: { 'a.example/gpu': '1' } },
  }),
  inContainer('resources.claims', 'resources.claims', { resources: { claims: [{ name: 'x' }] } }),
  inContainer('resizePolicy', 'resources.resize', {
    resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }],
  }),
  ...(
    [
      ['runAsGroup', 'security.runAsGroup', { runAsGroup: 5 }],
      ['runAsNonRoot', 'security.runAsNonRoot', { runAsNonRoot: true }],
      [
        'readOnlyRootFilesystem',
        'security.readOnlyRootFilesystem',
        { readOnlyRootFilesystem: true },
      ],
      ['privileged', 'security.privileged', { privileged: true }],
      [
        'allowPrivilegeEscalation',
        'security.allowPrivilegeEscalation',
        { allowPrivilegeEscalation: false },
      ],
      ['capabilities.add', 'security.capabilities.add', { capabilities: { add: ['NET_ADMIN'] } }],
      ['capabilities.drop', 'security.capabilities.drop', { capabilities: { drop: ['ALL'] } }],
      ['seccompProfile', 'security.seccomp', { seccompProfile: { type: 'RuntimeDefault' } }],
      ['appArmorProfile', 'security.appArmor', { appArmorProfile: { type: 'Localhost' } }],
      ['seLinuxOptions', 'security.seLinux', { seLinuxOptions: { level: 's0' } }],
      ['procMount', 'security.procMount', { procMount: 'Unmasked' }],
      ['windowsOptions', 'security.windowsOptions', { windowsOptions: { hostProcess: true } }],
    ] as const
  ).map(([field, feature, securityContext]) =>
    inContainer(`securityContext.${field}`, feature, { securityContext }),
  ),
]
