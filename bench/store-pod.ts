// SPDX-License-Identifier: Apache-2.0
//
// A pod of about 3 KB, as a Job's controller makes it and a kubelet reports on it.
import type { KubeObject } from '../src/control-plane/objects/kube-object.ts'

/** Pod number `index`; all the same but for name, uid and addresses. */
export function benchPod(
  index: number,
): KubeObject & { readonly metadata: { readonly name: string } } {
  const uid = `5b4c1f6e-0000-4000-8000-${`${index}`.padStart(12, '0')}`
  const time = '2026-01-01T00:00:00Z'
  const name = `render-${index}-x7k2p`
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      generateName: `render-${index}-`,
      namespace: 'default',
      uid,
      creationTimestamp: time,
      generation: 1,
      labels: {
        app: 'render',
        'batch.kubernetes.io/controller-uid': uid,
        'batch.kubernetes.io/job-completion-index': `${index}`,
        'batch.kubernetes.io/job-name': 'render',
        'controller-uid': uid,
        'job-name': 'render',
      },
      annotations: { 'batch.kubernetes.io/job-completion-index': `${index}` },
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          name: 'render',
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: podSpec(index),
    status: podStatus(index, time),
  }
}

function podSpec(index: number): object {
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
  const toleration = { effect: 'NoExecute', operator: 'Exists', tolerationSeconds: 300 }
  const tokenFile = { expirationSeconds: 3607, path: 'token' }
  const rootCertificate = { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' }
  return {
    volumes: [
      {
        name: 'kube-api-access-q8zsd',
        projected: {
          defaultMode: 420,
          sources: [{ serviceAccountToken: tokenFile }, { configMap: rootCertificate }],
        },
      },
    ],
    containers: [
      {
        name: 'worker',
        image: 'registry.example.com/render/worker:1.4.2',
        command: ['/bin/render', '--tile', `${index}`, '--size', '256'],
        env: [
          { name: 'TILE', value: `${index}` },
          { name: 'LOG_LEVEL', value: 'info' },
        ],
        resources: {
          limits: { cpu: '500m', memory: '256Mi' },
          requests: { cpu: '250m', memory: '128Mi' },
        },
        volumeMounts: [{ name: 'kube-api-access-q8zsd', readOnly: true, mountPath }],
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'IfNotPresent',
      },
    ],
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    nodeName: `node-${index % 10}`,
    securityContext: {},
    schedulerName: 'default-scheduler',
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', ...toleration },
      { key: 'node.kubernetes.io/unreachable', ...toleration },
    ],
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
  }
}

function podStatus(index: number, time: string): object {
  const types = [
    'PodReadyToStartContainers',
    'Initialized',
    'Ready',
    'ContainersReady',
    'PodScheduled',
  ]
  const ip = `10.1.${(index >> 8) & 255}.${index & 255}`
  return {
    phase: 'Running',
    conditions: types.map((type) => ({
      type,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: time,
    })),
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    podIP: ip,
    podIPs: [{ ip }],
    startTime: time,
    containerStatuses: [
      {
        name: 'worker',
        state: { running: { startedAt: time } },
        lastState: {},
        ready: true,
        restartCount: 0,
        image: 'registry.example.com/render/worker:1.4.2',
        imageID:
          'registry.example.com/render/worker@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978',
        containerID: `process://${index}-5b4c1f6e7d8c9baab9c8d7e6f5041322`,
        started: true,
      },
    ],
    qosClass: 'Burstable',
  }
}
