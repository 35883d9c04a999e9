// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec, Volume } from '../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { featurePods, fieldlessFeatures } from '../../test/support/feature-pods.ts'
import { describeFields, ignoredFields, unsupportedFields } from './feature-check.ts'
import { featureNames, type Features } from './features.ts'

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

const volume = (source: Partial<Volume>): Partial<PodSpec> => ({
  volumes: [{ name: 'v', ...source }],
})

for (const { field, feature, also, spec } of featurePods) {
  test(`${field} is found to need ${feature}, and only that`, () => {
    const outer = Object.fromEntries(also.map((name) => [name, true]))
    assert.deepEqual(needs(spec, outer), [`${field} ${feature}`])
    assert.deepEqual(needs(spec, everything), [])
  })
}

test('every feature but those that no field asks for is reached by a rule', () => {
  const reached = new Set(featurePods.map(({ feature }) => feature))
  const missed = featureNames.filter((name) => !reached.has(name) && !fieldlessFeatures.has(name))
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

test('an ephemeral container that mounts the service account elsewhere changes nothing for the others', () => {
  const volume = { name: 'kube-api-access-x', projected: { sources: [] } }
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
  const mounting = (path: string) => ({
    name: path === mountPath ? 'main' : 'debug',
    image: 'image',
    volumeMounts: [{ name: volume.name, mountPath: path }],
  })
  const spec = {
    volumes: [volume],
    containers: [mounting(mountPath)],
    ephemeralContainers: [mounting('/elsewhere')],
  }
  const stray = 'spec.ephemeralContainers[0].volumeMounts[0].mountPath volume.projected'
  assert.deepEqual(needs(spec, { ephemeralContainers: true }), [stray])
  assert.deepEqual(needs(spec, { ephemeralContainers: true, 'volume.projected': true }), [])
})

test('a host path that is refused says where host paths are allowed', () => {
  const volumes = [{ name: 'data', hostPath: { path: '/data' } }]
  const [field] = unsupportedFields(buildPod({ spec: { volumes } }), {})
  assert.match(field?.why ?? '', /hostPathPrefixes of its configuration/)
})
