// SPDX-License-Identifier: Apache-2.0
//
// About the server itself: explain, api-resources, api-versions, version, cluster-info, proxy; and who may do
// what: auth, certificate.
import type { ParityCase, ParityGroup } from '../parity-case.ts'

/** Descriptions are prose of the Kubernetes project's; fields and their types are what counts. */
const fieldsOnly: ParityCase['drop'] = [
  [/^(?!KIND|VERSION|GROUP|FIELDS?|RESOURCE| +\S+\t<|\S+\t<|FIELD: ).*$/gm, ''],
  [/\n{2,}/g, '\n'],
]

const explained = [
  'pods',
  'pod.spec.containers',
  'pods.spec.containers.livenessProbe.httpGet',
  'deployments.spec.strategy',
  'jobs.spec',
  'services.spec.ports',
  'nodes.status',
  'leases.spec',
  'roles.rules',
  'configmaps.data',
]

const groups = [
  '',
  'apps',
  'batch',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'scheduling.k8s.io',
]

export const serverGroup: ParityGroup = {
  name: 'server',
  title: 'explain, api-resources, api-versions, version, cluster-info, proxy',
  cases: [
    ...explained.map((what) => ({ run: `explain ${what}`, drop: fieldsOnly })),
    { run: 'explain pod.spec.tolerations --recursive', drop: fieldsOnly },
    { run: 'explain cronjobs --recursive', drop: fieldsOnly },
    { run: 'explain deployments --api-version=apps/v1', drop: fieldsOnly },
    { run: 'explain pods.nope' },
    { run: 'explain nothing' },
    { run: 'explain pods --api-version=nope/v1' },
    ...groups.map((group) => ({
      run: `api-resources --api-group=${group === '' ? "''" : group} -o wide`,
      as: `api-resources of ${group || 'core'}`,
    })),
    { run: 'api-resources' },
    { run: 'api-resources --namespaced=false --api-group=rbac.authorization.k8s.io -o name' },
    { run: 'api-resources --verbs=deletecollection --api-group=batch --no-headers' },
    { run: 'api-resources --api-group=nope' },
    { run: 'api-resources --categories=all --api-group=apps -o name' },
    { run: 'api-versions' },
    { run: 'version' },
    {
      run: 'version -o json',
      drop: [[/^ {2}(?:build|compiler|git|go|platform|minor|major|emulation|minCompat).*$/gm, '']],
    },
    { run: 'cluster-info' },
    { run: 'proxy --port=0', talk: 'http' },
    { run: 'get --raw /openapi/v2', drop: [[/[\s\S]+/g, 'openapi']] },
    { run: 'get componentstatuses', isUnordered: true },
  ],
}

/** Something that is no certificate request. */
const BROKEN = Buffer.from(
  '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
).toString('base64')

/** Of user jane in group team; its key is gone. */
const REQUEST = [
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIYU1JR0FBZ0VBTUI0eERUQUxCZ05WQkFvTUJIUmxZVzB4',
  'RFRBTEJnTlZCQU1NQkdwaGJtVXdXVEFUQmdjcQpoa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVJ3REhnTTRjdE9TUFY5djlz',
  'RWNDeVBZMHEyNGZ4dlg3eHVkYXlTCnBLQm03d1ZkS2Q0bHQ2OFl5OXQ1UlV6b1lWS2ZZQU5XbzVTZEpjNldjNklTWmcwM29B',
  'QXdDZ1lJS29aSXpqMEUKQXdJRFNRQXdSZ0loQU1lMHZDVWhVNVp5elM0aFo0amhTRTBRRThleVRWdytVZzEvNFdSWHBmVlRB',
  'aUVBaTFHTQppSmFVRnJBYkY5enhCV2greW5aTjJpMzVaSFFiK0lBSkxuSHZZSzQ9Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJF',
  'UVVFU1QtLS0tLQo=',
].join('')

export const accessGroup: ParityGroup = {
  name: 'access',
  title: 'auth, certificate, --as',
  files: {
    'broken-csr.yaml': `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: NS-broken}
spec: {request: ${BROKEN}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}
`,
    'csr.yaml': `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: NS-csr}
spec: {request: ${REQUEST}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}
`,
    'denied.yaml': `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: NS-denied}
spec: {request: ${REQUEST}, signerName: example.org/any, expirationSeconds: 3600, usages: [digital signature]}
`,
    'rbac.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: NS}
rules: [{apiGroups: [''], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]
`,
    'more.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: NS}
rules: [{apiGroups: [''], resources: [pods], verbs: [watch]}]
`,
  },
  cases: [
    { run: 'auth can-i create pods' },
    { run: 'auth can-i list pods --as=jane' },
    { run: 'auth reconcile -f rbac.yaml' },
    { run: 'auth reconcile -f rbac.yaml', as: 'reconcile again' },
    { run: 'auth reconcile -f more.yaml --dry-run=client' },
    { run: 'auth reconcile -f more.yaml -o yaml' },
    { run: 'auth can-i list pods --as=jane', as: 'with a role', until: /yes/ },
    { run: 'auth can-i list pods/log --as=jane' },
    { run: 'auth can-i get nothing --as=jane' },
    { run: 'auth can-i get nodes --as=jane' },
    { run: 'auth can-i get /healthz --as=jane' },
    { run: 'auth can-i --list --as=jane', isUnordered: true, until: /pods .*watch/ },
    { run: `auth can-i '*' '*'` },
    { run: 'auth can-i list pods --as=system:serviceaccount:NS:default -q' },
    { run: 'auth whoami', drop: [[/.*credential-id.*\n/g, '']] },
    { run: 'auth whoami --as=jane --as-group=team -o yaml' },
    { run: 'get pods --as=jane' },
    { run: 'get secrets --as=jane' },
    { run: 'get nodes --as=jane' },
    { run: 'create configmap a --from-literal=a=b --as=jane' },
    { run: 'delete pods --all --as=jane' },
    { run: 'get pods --as=system:serviceaccount:NS:default' },
    { run: 'create rolebinding b --clusterrole=admin --user=jane --as=jane' },
    { run: 'get deployments --as-group=system:masters' },
    { run: 'get --raw /metrics --as=jane' },
    { run: 'create -f broken-csr.yaml' },
    { run: 'create -f csr.yaml -f denied.yaml' },
    { run: 'get csr NS-csr NS-denied' },
    { run: 'certificate approve NS-csr' },
    { run: 'get csr NS-csr', until: /Issued/ },
    {
      run: 'get csr NS-csr -o yaml',
      as: 'approved csr',
      drop: [
        [/certificate: .*/g, 'certificate'],
        [/request: .*/g, 'request'],
      ],
    },
    { run: 'describe csr NS-csr' },
    { run: 'certificate approve NS-csr', as: 'approve again' },
    { run: 'certificate deny NS-csr' },
    { run: 'certificate deny NS-denied' },
    { run: 'get csr NS-denied -o wide' },
    { run: 'certificate approve NS-denied' },
    { run: 'certificate approve nobody' },
    { run: 'delete csr NS-csr NS-denied' },
  ],
}
