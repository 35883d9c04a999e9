// SPDX-License-Identifier: Apache-2.0
//
// The pods of the measurements: as a user's Job has them, and what a kubelet then reports.

export function podBody(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'bench', tier: 'load' } },
    spec: {
      nodeName: 'bench',
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: 'registry.example/app:1',
          command: ['run', '--fast'],
          env: [{ name: 'TILE', value: name }],
          resources: { requests: { cpu: '1m', memory: '1Mi' } },
        },
      ],
    },
  })
}

const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady']

/** A strategic merge patch; another `count` is another status. */
export function statusPatch(index: number, count: number): string {
  const time = '2026-11-01T00:00:00Z'
  const ip = `10.1.${(index >> 8) & 255}.${index & 255}`
  return JSON.stringify({
    status: {
      phase: 'Running',
      startTime: time,
      hostIP: '10.0.0.1',
      hostIPs: [{ ip: '10.0.0.1' }],
      podIP: ip,
      podIPs: [{ ip }],
      conditions: types.map((type) => ({ type, status: 'True', lastTransitionTime: time })),
      containerStatuses: [
        {
          name: 'main',
          image: 'registry.example/app:1',
          imageID: 'registry.example/app@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f0',
          containerID: `process://${index}-${count}`,
          ready: true,
          started: true,
          restartCount: count,
          state: { running: { startedAt: time } },
        },
      ],
    },
  })
}
