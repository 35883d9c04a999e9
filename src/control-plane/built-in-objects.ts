// SPDX-License-Identifier: Apache-2.0
// The objects that every cluster has from its first moment: the four namespaces, the Service of the API
// itself and the priority classes of the system. Made when they are missing, at every start.
import type { KubeObject } from './objects/kube-object.ts'
import { StatusError } from './objects/api-status.ts'
import type { ApiCore } from './api/api-core.ts'
import { definitionOf } from './api/definition-of.ts'
import { createObject } from './api/create-object.ts'
import type { User } from './auth/user.ts'

const namespaceNames = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

/** The API server itself, when it writes on nobody's behalf. */
export const apiServerUser: User = { name: 'system:apiserver', groups: ['system:masters'] }

/** As whom this server calls kubelets. */
export const kubeletClientUser = 'kube-apiserver-kubelet-client'

/** Where the API is reached from inside of the cluster. */
export interface ApiAddress {
  readonly address: string
  readonly port: number
  /** The cluster address of the Service. */
  readonly serviceAddress: string
  /** The authority of clients, PEM. */
  readonly caPem: string
}

export function createBuiltInObjects(core: ApiCore, api: ApiAddress): void {
  for (const name of namespaceNames) {
    createMissing(core, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  for (const object of priorityClasses()) createMissing(core, 'priorityclasses', object)
  for (const grant of grants) createMissing(core, 'clusterrolebindings', binding(grant))
  createMissing(core, 'configmaps', clientAuthorities(api))
  createMissing(core, 'services', kubernetesService(api))
  // The API takes no endpoints on loopback, where only this machine's own programs could reach them.
  if (!isLoopback(api.address)) createMissing(core, 'endpointslices', kubernetesEndpoints(api))
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** Creates an object unless its name is taken. */
export function createMissing(core: ApiCore, plural: string, object: KubeObject): void {
  const { apiVersion } = object
  const resource = definitionOf({ apiVersion, plural })
  const { namespace = '', name = '' } = object.metadata
  if (core.store.get({ resource: resource.storage, namespace, name })) return
  const options = { user: apiServerUser, isDryRun: false, warn: () => {} }
  try {
    createObject(core, { resource, namespace }, object, options)
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
  }
}

interface Grant {
  readonly name: string
  readonly role: string
  readonly kind: 'User' | 'Group'
  readonly subject: string
}

const certificateRole = 'system:certificates.k8s.io:certificatesigningrequests'

/** What installers of clusters grant: this server the kubelets' API, nodes their certificates. */
const grants: readonly Grant[] = [
  {
    name: kubeletClientUser,
    role: 'system:kubelet-api-admin',
    kind: 'User',
    subject: kubeletClientUser,
  },
  {
    name: 'virtual-kubelet:node-bootstrap',
    role: 'system:node-bootstrapper',
    kind: 'Group',
    subject: 'system:bootstrappers',
  },
  {
    name: 'virtual-kubelet:approve-bootstrap',
    role: `${certificateRole}:nodeclient`,
    kind: 'Group',
    subject: 'system:bootstrappers',
  },
  {
    name: 'virtual-kubelet:approve-rotation',
    role: `${certificateRole}:selfnodeclient`,
    kind: 'Group',
    subject: 'system:nodes',
  },
  {
    // Nodes of this cluster need nobody's word for a certificate of their own addresses.
    name: 'virtual-kubelet:approve-serving',
    role: 'system:certificates.k8s.io:kubelet-serving-approver',
    kind: 'User',
    subject: 'system:serviceaccount:kube-system:certificate-controller',
  },
]

function binding({ name, role, kind, subject }: Grant): KubeObject {
  const apiGroup = 'rbac.authorization.k8s.io'
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup, kind, name: subject }],
  }
}

function priorityClasses(): KubeObject[] {
  const values = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 }
  return Object.entries(values).map(([name, value]) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description: 'For pods that the cluster cannot do without.',
  }))
}

/** By whom extensions of the API may know its clients. */
function clientAuthorities({ caPem }: ApiAddress): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: { 'client-ca-file': caPem },
  }
}

function kubernetesService({ port, serviceAddress }: ApiAddress): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      clusterIP: serviceAddress,
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
    },
  }
}

function kubernetesEndpoints({ address, port }: ApiAddress): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }
}
