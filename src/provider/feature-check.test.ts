// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec, Volume } from '../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { describeFields, ignoredFields, unsupportedFields } from './feature-check.ts'
import { featureNames, type FeatureName, type Features } from './features.ts'

const everything: Features = Object.fromEntries(featureNames.map((name) => [name, true]))

/** `<field> <feature>` for each field that a backend without any feature lacks. */
function needs(spec: Partial<PodSpec>, features: Features = {}): readonly string[] {
  return unsupportedFields(buildPod({ spec }), features).map((f) => `${f.field} ${f.feature}`)
}

const ofContainer = (container: Partial<Container>): Partial<PodSpec> => ({
  containers: [buildContainer(container)],
})

/** A pod as the API server stores it: every default filled in, and the service account mounted. */
const defaulted: Pod = buildPod({
  spec: {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    serviceAccount: 'default',
    serviceAccountName: 'default',
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    nodeName: 'node-a',
    tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
    hostname: 'pod',
    hostNetwork: false,
    hostUsers: true,
    shareProcessNamespace: false,
    containers: [
      buildContainer({
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: { requests: { cpu: '1', memory: '1Gi' } },
        resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        securityContext: {
          privileged: false,
          allowPrivilegeEscalation: true,
          readOnlyRootFilesystem: false,
          runAsNonRoot: false,
          capabilities: {},
          procMount: 'Default',
          seccompProfile: { type: 'Unconfined' },
          appArmorProfile: { type: 'RuntimeDefault' },
        },
        stdin: false,
        volumeMounts: [
          {
            name: 'kube-api-access-x7x2q',
            mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
            readOnly: true,
          },
        ],
      }),
    ],
    volumes: [
      {
        name: 'kube-api-access-x7x2q',
        projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
      },
    ],
  },
})

test('a pod with nothing but defaults needs nothing', () => {
  assert.deepEqual(unsupportedFields(defaulted, {}), [])
})

test('the service account volume is reported as ignored unless the backend mounts it', () => {
  assert.deepEqual(
    ignoredFields(defaulted, {}).map(({ field, feature }) => [field, feature]),
    [['spec.volumes[0]', 'serviceAccountVolume']],
  )
  assert.deepEqual(ignoredFields(defaulted, { serviceAccountVolume: true }), [])
  assert.deepEqual(ignoredFields(buildPod(), {}), [])
})

test('a volume of such a name that a user mounts elsewhere is judged like any other', () => {
  const volumeMounts = [{ name: 'kube-api-access-mine', mountPath: '/mine' }]
  const spec = {
    ...ofContainer({ volumeMounts }),
    volumes: [{ name: 'kube-api-access-mine', projected: {} }],
  }
  assert.deepEqual(needs(spec), ['spec.volumes[0].projected volume.projected'])
  assert.deepEqual(ignoredFields(buildPod({ spec }), {}), [])
  const secret = [{ name: 'kube-api-access-mine', secret: { secretName: 's' } }]
  assert.deepEqual(needs({ volumes: secret }), ['spec.volumes[0].secret volume.secret'])
})

const exec = { exec: { command: ['true'] } }
const volume = (source: Partial<Volume>): Partial<PodSpec> => ({
  volumes: [{ name: 'v', ...source }],
})
const pod = (field: string, feature: FeatureName, spec: Partial<PodSpec>): SpecCase => [
  `spec.${field} ${feature}`,
  spec,
]
const container = (field: string, feature: FeatureName, of: Partial<Container>): SpecCase => [
  `spec.containers[0].${field} ${feature}`,
  ofContainer(of),
]

type SpecCase = readonly [need: string, spec: Partial<PodSpec>]

const single: readonly SpecCase[] = [
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
  pod('initContainers[0]', 'initContainers', { initContainers: [buildContainer()] }),
  pod('initContainers[0]', 'sidecars', {
    initContainers: [buildContainer({ restartPolicy: 'Always' })],
  }),
  pod('containers[1]', 'multipleContainers', { containers: [buildContainer(), buildContainer()] }),
  pod('ephemeralContainers[0]', 'ephemeralContainers', {
    ephemeralContainers: [buildContainer({ stdin: true })],
  }),
  pod('volumes[0].configMap', 'volume.configMap', volume({ configMap: { name: 'c' } })),
  pod('volumes[0].emptyDir', 'volume.emptyDir', volume({ emptyDir: { medium: 'Memory' } })),
  pod('volumes[0].nfs', 'volume.other', volume({ nfs: { server: 's', path: '/' } })),
  pod('volumes[0].image', 'volume.image', volume({ image: {} })),
  container('restartPolicy', 'containerRestartRules', { restartPolicy: 'Never' }),
  container('restartPolicyRules', 'containerRestartRules', {
    restartPolicyRules: [{ action: 'Restart' }],
  }),
  container('livenessProbe.grpc', 'probe.grpc', { livenessProbe: { grpc: { port: 1 } } }),
  container('readinessProbe.httpGet', 'probe.httpGet', {
    readinessProbe: { httpGet: { port: 1 } },
  }),
  container('startupProbe.tcpSocket', 'probe.tcpSocket', {
    startupProbe: { tcpSocket: { port: 1 } },
  }),
  container('livenessProbe.exec', 'probe.exec', { livenessProbe: exec }),
  container('lifecycle.postStart', 'hook.postStart', { lifecycle: { postStart: exec } }),
  container('lifecycle.preStop', 'hook.preStop', { lifecycle: { preStop: exec } }),
  container('lifecycle.stopSignal', 'stopSignal', { lifecycle: { stopSignal: 'SIGINT' } }),
  container('terminationMessagePath', 'terminationMessage', { terminationMessagePath: '/x' }),
  container('terminationMessagePolicy', 'terminationMessageFromLogs', {
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }),
  container('stdin', 'stdin', { stdin: true }),
  container('tty', 'tty', { tty: true }),
  container('workingDir', 'workingDir', { workingDir: '/x' }),
  container('env[1].valueFrom.fileKeyRef', 'env.fileKeyRef', {
    env: [
      { name: 'A', value: 'a' },
      { name: 'B', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } },
    ],
  }),
  container('volumeDevices', 'volumeDevices', { volumeDevices: [{ name: 'v', devicePath: '/d' }] }),
  container('volumeMounts[0].subPath', 'volume.subPath', {
    volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'x' }],
  }),
  container('volumeMounts[0].subPathExpr', 'volume.subPath', {
    volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(X)' }],
  }),
  container('volumeMounts[0].mountPropagation', 'volume.mountPropagation', {
    volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'HostToContainer' }],
  }),
  container('volumeMounts[0].recursiveReadOnly', 'volume.recursiveReadOnly', {
    volumeMounts: [{ name: 'v', mountPath: '/v', recursiveReadOnly: 'Enabled' }],
  }),
  container('ports[0].hostPort', 'hostPort', { ports: [{ containerPort: 80, hostPort: 80 }] }),
  container('ports[0].hostPort', 'hostPortMapping', {
    ports: [{ containerPort: 80, hostPort: 8080 }],
  }),
  container('resources.limits.cpu', 'resources.cpuLimit', { resources: { limits: { cpu: '1' } } }),
  container('resources.limits.memory', 'resources.memoryLimit', {
    resources: { limits: { memory: '1Gi' } },
  }),
  container('resources.limits.ephemeral-storage', 'resources.ephemeralStorageLimit', {
    resources: { limits: { 'ephemeral-storage': '1Gi' } },
  }),
  container('resources.limits["a.example/gpu"]', 'resources.extended', {
    resources: { limits: { 'a.example/gpu': '1' } },
  }),
  container('resources.claims', 'resources.claims', { resources: { claims: [{ name: 'x' }] } }),
  container('resizePolicy', 'resources.resize', {
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
    container(`securityContext.${field}`, feature, { securityContext }),
  ),
]
for (const [need, spec] of single) {
  test(`${need} is found, and only that`, () => {
    assert.deepEqual(needs(spec), [need])
    assert.deepEqual(needs(spec, everything), [])
  })
}

test('every feature but those that no field asks for is reached by a rule', () => {
  const noField = new Set(['images', 'podNetwork', 'serviceAccountVolume'])
  const inner = ['imagePullSecrets', 'volume.emptyDirMedium', 'volume.emptyDirSizeLimit']
  const reached = new Set([...single.map(([need]) => need.split(' ')[1]), ...inner])
  const volumes = featureNames.filter((name) => /^volume\.[a-zA-Z]+$/.test(name))
  const missed = featureNames.filter(
    (name) => !reached.has(name) && !noField.has(name) && !volumes.includes(name),
  )
  assert.deepEqual(missed, [])
})

test('limits of an emptyDir count by themselves where the backend has emptyDir', () => {
  const spec = volume({ emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } })
  assert.deepEqual(needs(spec, { 'volume.emptyDir': true }), [
    'spec.volumes[0].emptyDir.medium volume.emptyDirMedium',
    'spec.volumes[0].emptyDir.sizeLimit volume.emptyDirSizeLimit',
  ])
})

test('credentials for images count only where images are pulled', () => {
  const spec = { imagePullSecrets: [{ name: 'registry' }] }
  assert.deepEqual(needs(spec), [])
  assert.deepEqual(needs(spec, { images: true }), ['spec.imagePullSecrets imagePullSecrets'])
})

test('ports of a pod on the host network are not host ports of their own', () => {
  const ports = [{ containerPort: 80, hostPort: 80 }]
  assert.deepEqual(needs({ ...ofContainer({ ports }), hostNetwork: true }), [
    'spec.hostNetwork hostNetwork',
  ])
})

test('what is supported within a limit is left to the backend to judge', () => {
  assert.deepEqual(needs({ restartPolicy: 'Never' }, { restartPolicy: { only: 'for Jobs' } }), [])
})

test('the message names every field, grouped by what is wrong with it', () => {
  const spec = {
    hostPID: true,
    containers: [
      buildContainer({ livenessProbe: { grpc: { port: 1 } } }),
      buildContainer({ readinessProbe: { grpc: { port: 1 } } }),
    ],
  }
  const fields = unsupportedFields(buildPod({ spec }), { multipleContainers: true })
  assert.equal(
    describeFields(fields),
    'spec.hostPID: this provider does not support hostPID; ' +
      'spec.containers[0].livenessProbe.grpc, spec.containers[1].readinessProbe.grpc: ' +
      'this provider does not support probe.grpc',
  )
})

test('a read-only mount asks for something only of a volume that could be written to', () => {
  const sources: readonly Omit<Volume, 'name'>[] = [
    { emptyDir: {} },
    { hostPath: { path: '/x' } },
    { configMap: { name: 'c' } },
    { projected: { sources: [] } },
  ]
  const volumes = sources.map((source, index) => ({ name: `v${index}`, ...source }))
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}`, readOnly: true }))
  const pod = buildPod({ spec: { volumes, containers: [buildContainer({ volumeMounts })] } })
  const fields = unsupportedFields(pod, { ...everything, 'volume.readOnly': false })
  assert.deepEqual(
    fields.map(({ field }) => field),
    [0, 1].map((index) => `spec.containers[0].volumeMounts[${index}].readOnly`),
  )
})

test('a certificate for a pod is a source of its own among projected ones', () => {
  const podCertificate = { keyType: 'ED25519', signerName: 'example.com/s' }
  const sources = [{ downwardAPI: {} }, { podCertificate }]
  const pod = buildPod({ spec: { volumes: [{ name: 'v', projected: { sources } }] } })
  const fields = unsupportedFields(pod, { ...everything, 'volume.other': false })
  assert.deepEqual(
    fields.map(({ field }) => field),
    ['spec.volumes[0].projected.sources[1].podCertificate'],
  )
})
