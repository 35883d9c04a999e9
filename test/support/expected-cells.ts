// SPDX-License-Identifier: Apache-2.0
// For tests: what tables show of all kinds but pods and workloads.

/** What a printer makes of an object. */
export interface ExpectedCells {
  readonly of: readonly [group: string, kind: string]
  readonly what: string
  readonly object: Readonly<Record<string, unknown>>
  /** Cells after the name and without the age, which is `60s`; all of them for events. */
  readonly shows: readonly unknown[]
  readonly columns: string
}

export const expectedCells: readonly ExpectedCells[] = [
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
