// SPDX-License-Identifier: Apache-2.0
//
// metrics-server in a test cluster as its manifest installs it, but as a process instead of a pod: the
// same rights, the same flags, behind the API server's aggregation layer. It verifies the nodes.
import { join } from 'node:path'
import type { Cluster } from '../cluster.ts'
import { startComponent } from '../component.ts'
import type { Component } from '../component.ts'
import { freePort } from '../free-port.ts'
import { buildMetricsServer } from './build.ts'

const NAME = 'metrics-server'
const NAMESPACE = 'kube-system'
const RBAC = 'rbac.authorization.k8s.io'

/** Installs and starts it; it scrapes every ten seconds, which is as often as it can. */
export async function startMetricsServer(cluster: Cluster): Promise<Component> {
  const program = buildMetricsServer()
  const [ip, port] = [cluster.addAddress(), await freePort()]
  const input = { apiVersion: 'v1', kind: 'List', items: [...rights(), ...service(ip, port)] }
  await cluster.kubectl(['apply', '-f', '-'], { input })
  const kubeconfig = await cluster.serviceAccountKubeconfig(NAMESPACE, NAME)
  return await startComponent({
    name: NAME,
    command: program,
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--bind-address=${ip}`,
      `--secure-port=${port}`,
      `--cert-dir=${join(cluster.files.folder, 'metrics-server')}`,
      `--kubelet-certificate-authority=${cluster.caFile}`,
      '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
      '--kubelet-use-node-status-port',
      '--metric-resolution=10s',
      '--kubelet-request-timeout=5s',
    ],
    logFile: cluster.files.logFile(NAME),
  })
}

function rights(): object[] {
  const subjects = [{ kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE }]
  const binding = (kind: string, name: string, role: { kind: string; name: string }) => ({
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { name, ...(kind === 'RoleBinding' && { namespace: NAMESPACE }) },
    roleRef: { apiGroup: RBAC, ...role },
    subjects,
  })
  const clusterRole = (name: string) => ({ kind: 'ClusterRole', name })
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace: NAMESPACE } },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'system:metrics-server' },
      rules: [
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
      ],
    },
    binding('ClusterRoleBinding', 'system:metrics-server', clusterRole('system:metrics-server')),
    binding('ClusterRoleBinding', 'metrics-server:auth', clusterRole('system:auth-delegator')),
    binding('RoleBinding', 'metrics-server-auth-reader', {
      kind: 'Role',
      name: 'extension-apiserver-authentication-reader',
    }),
  ]
}

/** The Service that the API server forwards to, with the process as its only endpoint. */
function service(ip: string, port: number): object[] {
  const metadata = { name: NAME, namespace: NAMESPACE }
  const labels = { 'kubernetes.io/service-name': NAME }
  const ports = [{ name: 'https', port, protocol: 'TCP' }]
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels },
      addressType: 'IPv4',
      endpoints: [{ addresses: [ip], conditions: { ready: true } }],
      ports,
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        service: metadata,
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        insecureSkipTLSVerify: true,
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  ]
}
