// SPDX-License-Identifier: Apache-2.0
// Objects of many kinds that a fuzzed cluster begins with, and where they are created.

export const inDefault = '/api/v1/namespaces/default'
const apps = '/apis/apps/v1/namespaces/default'
const containers = [{ name: 'main', image: 'app:1', env: [{ name: 'A', value: 'b' }] }]
const template = { metadata: { labels: { app: 'a' } }, spec: { containers } }
const selector = { matchLabels: { app: 'a' } }
/** What updates and patches are aimed at. */
export const existingObjects: readonly (readonly [path: string, body: Record<string, unknown>])[] =
  [
    [`${inDefault}/serviceaccounts`, { metadata: { name: 'default' } }],
    [
      `${inDefault}/pods`,
      {
        metadata: { name: 'one', labels: { a: 'b' } },
        spec: { containers, volumes: [{ name: 'v', emptyDir: {} }], tolerations: [{ key: 'k' }] },
      },
    ],
    [`${inDefault}/configmaps`, { metadata: { name: 'one' }, data: { a: 'b' } }],
    [`${inDefault}/secrets`, { metadata: { name: 'one' }, stringData: { a: 'b' } }],
    [`${inDefault}/services`, { metadata: { name: 'one' }, spec: { ports: [{ port: 80 }] } }],
    [
      '/api/v1/nodes',
      { metadata: { name: 'one' }, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } },
    ],
    ['/api/v1/namespaces', { metadata: { name: 'one' } }],
    [`${apps}/deployments`, { metadata: { name: 'one' }, spec: { selector, template } }],
    [`${apps}/replicasets`, { metadata: { name: 'one' }, spec: { selector, template } }],
    [
      '/apis/batch/v1/namespaces/default/jobs',
      {
        metadata: { name: 'one' },
        spec: { template: { spec: { containers, restartPolicy: 'Never' } } },
      },
    ],
    [
      '/apis/coordination.k8s.io/v1/namespaces/default/leases',
      { metadata: { name: 'one' }, spec: {} },
    ],
    [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      {
        metadata: { name: 'one' },
        rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
      },
    ],
  ]
