// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../objects/kube-object.ts'
import { findResource, resourceDefinitions } from '../resources/registry.ts'
import { printerOf, printerOfKind } from './printers.ts'

const nowMs = Date.parse('2026-01-02T00:10:00Z')

interface Case {
  readonly of: readonly [group: string, kind: string]
  readonly what: string
  readonly object: Readonly<Record<string, unknown>>
  /** Cells after the name and without the age, which is `60s`; all of them for events. */
  readonly shows: readonly unknown[]
  readonly columns: string
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: {
    nodeSelector: { disk: 'ssd' },
    containers: [
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y' },
    ],
  },
}
const selector = { matchLabels: { app: 'web' } }

const cases: readonly Case[] = [
  {
    of: ['', 'Node'],
    what: 'a node that is ready',
    object: {
      metadata: {
        labels: {
          'node-role.kubernetes.io/zz': '',
          'node-role.kubernetes.io/agent': '',
          'kubernetes.io/role': 'worker',
        },
      },
      spec: {},
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [
          { type: 'ExternalIP', address: '8.8.8.8' },
          { type: 'InternalIP', address: '10.9.9.9' },
        ],
        nodeInfo: {
          kubeletVersion: 'v1.36.3',
          osImage: 'Debian',
          kernelVersion: '6.1',
          architecture: 'arm64',
          containerRuntimeVersion: 'none://1',
        },
      },
    },
    shows: [
      'Ready',
      'agent,worker,zz',
      'v1.36.3',
      '10.9.9.9',
      '8.8.8.8',
      'Debian',
      '6.1 (arm64)',
      'none://1',
    ],
    columns:
      'Name|Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*',
  },
  {
    of: ['', 'Node'],
    what: 'a node that nobody has heard of and that is cordoned',
    object: { spec: { unschedulable: true } },
    shows: [
      'Unknown,SchedulingDisabled',
      '<none>',
      '',
      '<none>',
      '<none>',
      '<unknown>',
      '<unknown>',
      '<unknown>',
    ],
    columns:
      'Name|Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*',
  },
  {
    of: ['apps', 'Deployment'],
    what: 'a deployment under way',
    object: {
      spec: { replicas: 3, selector, template },
      status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
    },
    shows: ['1/3', 2, 1, 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Ready|Up-to-date|Available|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['apps', 'ReplicaSet'],
    what: 'a replica set without status',
    object: { spec: { replicas: 0, selector, template } },
    shows: [0, 0, 0, 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Desired|Current|Ready|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['apps', 'StatefulSet'],
    what: 'a stateful set',
    object: { spec: { replicas: 2, selector, template }, status: { readyReplicas: 2 } },
    shows: ['2/2', 'a,b', 'x:1,y'],
    columns: 'Name|Ready|Age|Containers*|Images*',
  },
  {
    of: ['apps', 'DaemonSet'],
    what: 'a daemon set',
    object: {
      spec: { selector, template },
      status: {
        desiredNumberScheduled: 5,
        currentNumberScheduled: 4,
        numberReady: 3,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    },
    shows: [5, 4, 3, 2, 1, 'disk=ssd', 'a,b', 'x:1,y', 'app=web'],
    columns:
      'Name|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['apps', 'ControllerRevision'],
    what: 'the owner of a revision',
    object: {
      metadata: {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'ds', controller: true },
        ],
      },
      revision: 7,
    },
    shows: ['daemonset.apps/ds', 7],
    columns: 'Name|Controller|Revision|Age',
  },
  {
    of: ['', 'PodTemplate'],
    what: 'a pod template',
    object: { template },
    shows: ['a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Containers|Images|Pod Labels',
  },
  {
    of: ['autoscaling', 'Scale'],
    what: 'a scale',
    object: { spec: { replicas: 3 }, status: { replicas: 2 } },
    shows: [3, 2],
    columns: 'Name|Desired|Available|Age',
  },
  {
    of: ['batch', 'Job'],
    what: 'a job that is done',
    object: {
      spec: { completions: 3, selector, template },
      status: {
        succeeded: 3,
        startTime: '2026-01-02T00:00:00Z',
        completionTime: '2026-01-02T00:02:30Z',
        conditions: [
          { type: 'SuccessCriteriaMet', status: 'True' },
          { type: 'Complete', status: 'True' },
        ],
      },
    },
    shows: ['Complete', '3/3', '2m30s', 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['batch', 'Job'],
    what: 'a job of a work queue that runs',
    object: {
      spec: { parallelism: 4, selector, template },
      status: { startTime: '2026-01-02T00:09:00Z' },
    },
    shows: ['Running', '0/1 of 4', '60s', 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['batch', 'Job'],
    what: 'a job that waits',
    object: {
      spec: { parallelism: 1, selector, template },
      status: { conditions: [{ type: 'Suspended', status: 'True' }] },
    },
    shows: ['Suspended', '0/1', '', 'a,b', 'x:1,y', 'app=web'],
    columns: 'Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['batch', 'CronJob'],
    what: 'a cron job',
    object: {
      spec: {
        schedule: '0 0 * * *',
        timeZone: 'Europe/Berlin',
        suspend: true,
        jobTemplate: { spec: { template } },
      },
      status: { lastScheduleTime: '2026-01-01T00:00:00Z', active: [{ name: 'x' }] },
    },
    shows: ['0 0 * * *', 'Europe/Berlin', 'True', 1, '24h', 'a,b', 'x:1,y', '<none>'],
    columns:
      'Name|Schedule|Timezone|Suspend|Active|Last Schedule|Age|Containers*|Images*|Selector*',
  },
  {
    of: ['', 'Service'],
    what: 'a service with ports on nodes',
    object: {
      spec: {
        type: 'NodePort',
        clusterIPs: ['10.96.0.1'],
        ports: [
          { port: 80, nodePort: 30080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
        selector: { b: '2', a: '1' },
      },
    },
    shows: ['NodePort', '10.96.0.1', '<none>', '80:30080/TCP,53/UDP', 'a=1,b=2'],
    columns: 'Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*',
  },
  {
    of: ['', 'Service'],
    what: 'the addresses of a load balancer',
    object: {
      spec: { type: 'LoadBalancer', externalIPs: ['1.1.1.1'] },
      status: { loadBalancer: { ingress: [{ hostname: 'z.example.org' }, { ip: '9.9.9.9' }] } },
    },
    shows: ['LoadBalancer', '<none>', '9.9.9.9,z.example.org,1.1.1.1', '<none>', '<none>'],
    columns: 'Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*',
  },
  {
    of: ['', 'Service'],
    what: 'an external name',
    object: { spec: { type: 'ExternalName', externalName: 'example.org' } },
    shows: ['ExternalName', '<none>', 'example.org', '<none>', '<none>'],
    columns: 'Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*',
  },
  {
    of: ['', 'Endpoints'],
    what: 'the first of many endpoints',
    object: {
      subsets: [
        {
          addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::2' }],
          ports: [{ port: 80 }, { port: 81 }],
        },
        { addresses: [{ ip: '10.0.0.3' }] },
      ],
    },
    shows: ['10.0.0.1:80,[fd00::2]:80,10.0.0.1:81 + 2 more...'],
    columns: 'Name|Endpoints|Age',
  },
  {
    of: ['', 'Endpoints'],
    what: 'endpoints of which none is ready',
    object: { subsets: [{ notReadyAddresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
    shows: [''],
    columns: 'Name|Endpoints|Age',
  },
  {
    of: ['discovery.k8s.io', 'EndpointSlice'],
    what: 'a slice',
    object: {
      addressType: 'IPv4',
      ports: [{ name: 'a', port: 80 }, { name: 'b' }, {}],
      endpoints: ['1', '2', '3', '4'].map((last) => ({ addresses: [`10.0.0.${last}`] })),
    },
    shows: ['IPv4', '80,b,*', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...'],
    columns: 'Name|AddressType|Ports|Endpoints|Age',
  },
  {
    of: ['discovery.k8s.io', 'EndpointSlice'],
    what: 'an empty slice',
    object: { addressType: 'IPv6', endpoints: [] },
    shows: ['IPv6', '<unset>', '<unset>'],
    columns: 'Name|AddressType|Ports|Endpoints|Age',
  },
  {
    of: ['', 'PersistentVolume'],
    what: 'a volume with a claim',
    object: {
      spec: {
        capacity: { storage: '5Gi' },
        accessModes: ['ReadWriteMany', 'ReadWriteOnce', 'ReadWriteMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: 'slow',
        volumeMode: 'Filesystem',
        claimRef: { namespace: 'shop', name: 'data' },
      },
      status: { phase: 'Bound' },
    },
    shows: ['5Gi', 'RWO,RWX', 'Retain', 'Bound', 'shop/data', 'slow', '<unset>', '', 'Filesystem'],
    columns:
      'Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode*',
  },
  {
    of: ['', 'PersistentVolumeClaim'],
    what: 'a claim that waits',
    object: {
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'slow', volumeMode: 'Block' },
      status: { phase: 'Pending' },
    },
    shows: ['Pending', '', '', '', 'slow', '<unset>', 'Block'],
    columns:
      'Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode*',
  },
  {
    of: ['', 'PersistentVolumeClaim'],
    what: 'a bound claim that is being deleted',
    object: {
      metadata: { deletionTimestamp: '2026-01-02T00:09:30Z' },
      spec: { volumeName: 'pv1' },
      status: {
        phase: 'Bound',
        capacity: { storage: '1Gi' },
        accessModes: ['ReadOnlyMany', 'ReadWriteOncePod'],
      },
    },
    shows: ['Terminating', 'pv1', '1Gi', 'ROX,RWOP', '', '<unset>', '<unset>'],
    columns:
      'Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode*',
  },
  {
    of: ['rbac.authorization.k8s.io', 'RoleBinding'],
    what: 'who is bound',
    object: {
      roleRef: { apiGroup: '', kind: 'Role', name: 'reader' },
      subjects: [
        { kind: 'User', name: 'joe' },
        { kind: 'User', name: 'ann' },
        { kind: 'Group', name: 'devs' },
        { kind: 'ServiceAccount', name: 'bot', namespace: 'shop' },
      ],
    },
    shows: ['Role/reader', 'joe, ann', 'devs', 'shop/bot'],
    columns: 'Name|Role|Age|Users*|Groups*|ServiceAccounts*',
  },
  {
    of: ['rbac.authorization.k8s.io', 'ClusterRole'],
    what: 'a role by its date',
    object: { rules: [] },
    shows: ['2026-01-02T00:09:00Z'],
    columns: 'Name|Created At',
  },
  {
    of: ['certificates.k8s.io', 'CertificateSigningRequest'],
    what: 'a certificate that is issued',
    object: {
      spec: { signerName: 'example.org/x', username: 'joe', expirationSeconds: 7200 },
      status: { certificate: 'AA==', conditions: [{ type: 'Approved', status: 'True' }] },
    },
    shows: ['example.org/x', 'joe', '120m', 'Approved,Issued'],
    columns: 'Name|Age|SignerName|Requestor|RequestedDuration|Condition',
  },
  {
    of: ['certificates.k8s.io', 'CertificateSigningRequest'],
    what: 'a certificate that nobody decided on',
    object: { spec: { signerName: 'example.org/x' } },
    shows: ['example.org/x', '', '<none>', 'Pending'],
    columns: 'Name|Age|SignerName|Requestor|RequestedDuration|Condition',
  },
  {
    of: ['policy', 'PodDisruptionBudget'],
    what: 'a budget',
    object: { spec: { maxUnavailable: '25%' }, status: { disruptionsAllowed: 1 } },
    shows: ['N/A', '25%', 1],
    columns: 'Name|Min Available|Max Unavailable|Allowed Disruptions|Age',
  },
  {
    of: ['scheduling.k8s.io', 'PriorityClass'],
    what: 'a priority',
    object: { value: -5, preemptionPolicy: 'Never' },
    shows: [-5, false, 'Never'],
    columns: 'Name|Value|Global-Default|Age|PreemptionPolicy',
  },
  {
    of: ['node.k8s.io', 'RuntimeClass'],
    what: 'a runtime',
    object: { handler: 'runc' },
    shows: ['runc'],
    columns: 'Name|Handler|Age',
  },
  {
    of: ['', 'ResourceQuota'],
    what: 'requests and limits of a quota',
    object: {
      status: {
        hard: { pods: '9', 'limits.cpu': '4', 'requests.cpu': '2', 'limits.memory': '4Gi' },
        used: { pods: '1', 'limits.cpu': '500m' },
      },
    },
    shows: ['pods: 1/9, requests.cpu: 0/2', 'limits.cpu: 500m/4, limits.memory: 0/4Gi'],
    columns: 'Name|Request|Limit|Age',
  },
  {
    of: ['', 'Namespace'],
    what: 'a namespace',
    object: { status: { phase: 'Active' } },
    shows: ['Active'],
    columns: 'Name|Status|Age',
  },
  {
    of: ['', 'Secret'],
    what: 'a secret',
    object: { type: 'Opaque', data: { a: '', b: '' } },
    shows: ['Opaque', 2],
    columns: 'Name|Type|Data|Age',
  },
  {
    of: ['', 'ConfigMap'],
    what: 'both kinds of data',
    object: { data: { a: '' }, binaryData: { b: '' } },
    shows: [2],
    columns: 'Name|Data|Age',
  },
  {
    of: ['', 'ServiceAccount'],
    what: 'a service account',
    object: {},
    shows: [],
    columns: 'Name|Age',
  },
  {
    of: ['coordination.k8s.io', 'Lease'],
    what: 'the holder of a lease',
    object: { spec: { holderIdentity: 'me' } },
    shows: ['me'],
    columns: 'Name|Holder|Age',
  },
  {
    of: ['metrics.k8s.io', 'PodMetrics'],
    what: 'what a pod uses',
    object: {
      window: '15s',
      containers: [
        { name: 'a', usage: { cpu: '250m', memory: '1Mi' } },
        { name: 'b', usage: { cpu: '1', memory: '1Mi' } },
      ],
    },
    shows: ['1250m', '2Mi', '15s'],
    columns: 'Name|cpu|memory|Window',
  },
  {
    of: ['metrics.k8s.io', 'NodeMetrics'],
    what: 'what a node uses',
    object: { window: '15s', usage: { cpu: '1', memory: '2Gi' } },
    shows: ['1', '2Gi', '15s'],
    columns: 'Name|cpu|memory|Window',
  },
]

const creationTimestamp = '2026-01-02T00:09:00Z'

for (const { of: kind, what, object, shows, columns } of cases) {
  test(`shows ${what} (${kind[1]})`, () => {
    const printer = printerOfKind(...kind)
    const names = printer.columns.map(({ name, priority }) => `${name}${priority ? '*' : ''}`)
    assert.equal(names.join('|'), columns)
    const metadata = { name: 'x', creationTimestamp, ...(object['metadata'] as object) }
    const given: KubeObject = { apiVersion: '', kind: kind[1], ...object, metadata }
    const cells = printer.row(given, nowMs)
    const agePlace = names.indexOf('Age')
    assert.equal(cells[0], 'x')
    if (agePlace > 0) assert.equal(cells[agePlace], '60s')
    assert.deepEqual(
      cells.filter((_, place) => place !== 0 && place !== agePlace),
      shows,
    )
  })
}

const bareEvent = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'e', namespace: 'shop', creationTimestamp },
  involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
  type: 'Normal',
  reason: 'Pulled',
  message: '  done \n',
}
const event = {
  ...bareEvent,
  source: { component: 'kubelet', host: 'n1' },
  firstTimestamp: '2026-01-01T00:10:00Z',
  lastTimestamp: '2026-01-02T00:05:00Z',
  count: 4,
}
const shownEvent = ['Normal', 'Pulled', 'pod/web', 'spec.containers{a}']

test('shows when an event came first and last', () => {
  const cells = ['5m', ...shownEvent, 'kubelet, n1', 'done', '24h', 4, 'e']
  assert.deepEqual(printerOfKind('', 'Event').row(event, nowMs), cells)
})

test('shows events that are counted in a series, and those that came once', () => {
  const { row } = printerOfKind('', 'Event')
  const single = {
    ...bareEvent,
    eventTime: '2026-01-02T00:08:00.500000Z',
    reportingComponent: 'example.org/ctl',
    reportingInstance: 'ctl-1',
  }
  const from = 'example.org/ctl, ctl-1'
  assert.deepEqual(row(single, nowMs), ['119s', ...shownEvent, from, 'done', '119s', 1, 'e'])
  const series = { count: 7, lastObservedTime: '2026-01-02T00:09:30.000000Z' }
  const repeated = row({ ...single, series }, nowMs)
  assert.deepEqual(repeated, ['30s', ...shownEvent, from, 'done', '119s', 7, 'e'])
})

test('shows the same event in both groups', () => {
  const core = findResource('', 'v1', 'events')
  const grouped = findResource('events.k8s.io', 'v1', 'events')
  assert.ok(core && grouped?.fromStorage)
  const shown = printerOf(grouped)?.row(grouped.fromStorage(event), nowMs)
  assert.deepEqual(shown, printerOf(core)?.row(event, nowMs))
})

test('makes one cell for each column, whatever is missing of an object', () => {
  for (const resource of resourceDefinitions) {
    const printer = printerOf(resource)
    if (!printer) continue
    const object = {
      apiVersion: 'v1',
      kind: resource.kind,
      metadata: { name: 'x' },
      spec: { containers: [], template: {}, jobTemplate: {}, schedule: '@daily' },
      roleRef: {},
      involvedObject: {},
      regarding: {},
      handler: '',
      revision: 1,
    }
    const cells = printer.row(object, nowMs)
    assert.equal(cells.length, printer.columns.length, resource.kind)
    const isFilled = cells.every((cell) => ['string', 'number', 'boolean'].includes(typeof cell))
    assert.ok(isFilled, `${resource.kind}: ${cells.join('|')}`)
  }
})

test('has no table for what is only asked for once', () => {
  const review = findResource('authorization.k8s.io', 'v1', 'subjectaccessreviews')
  assert.ok(review)
  assert.equal(printerOf(review), undefined)
})
