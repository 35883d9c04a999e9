// SPDX-License-Identifier: Apache-2.0
//
// The command lines of the control plane's programs. Their authorization is a real cluster's: nodes
// may touch only what is theirs, and the API server is an ordinary, authenticated client of kubelets.
import type { ClusterFiles } from './cluster-files.ts'

/** Addresses that the programs of one cluster agree on. */
export interface ClusterPorts {
  readonly etcdClient: number
  readonly etcdPeer: number
  readonly apiServer: number
  /** The API server's address as the Service `kubernetes` shows it; no loopback is allowed there. */
  readonly advertiseAddress: string
}

/** Beyond what a test cluster can serve, so that it is never the clients who wait. */
const NO_CLIENT_LIMIT = ['--kube-api-qps=10000', '--kube-api-burst=10000']

/** etcd that forgets everything with its folder, and so never waits for the disk. */
export function etcdArgs(files: ClusterFiles, ports: ClusterPorts): string[] {
  const client = `http://127.0.0.1:${ports.etcdClient}`
  const peer = `http://127.0.0.1:${ports.etcdPeer}`
  return [
    `--data-dir=${files.etcdData}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ]
}

/** kube-apiserver with the authorizers and admission plugins that production clusters have. */
export function apiServerArgs(files: ClusterFiles, ports: ClusterPorts): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
    `--secure-port=${ports.apiServer}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${ports.advertiseAddress}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    `--cert-dir=${files.folder}`,
    `--tls-cert-file=${files.apiServer.certificate}`,
    `--tls-private-key-file=${files.apiServer.key}`,
    `--client-ca-file=${files.ca.certificate}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--kubelet-client-certificate=${files.kubeletClient.certificate}`,
    `--kubelet-client-key=${files.kubeletClient.key}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.serviceAccounts.certificate}`,
    `--service-account-signing-key-file=${files.serviceAccounts.key}`,
    // Aggregated APIs such as metrics.k8s.io trust who the front proxy says is asking.
    '--enable-aggregator-routing=true',
    `--requestheader-client-ca-file=${files.frontProxyCa.certificate}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${files.frontProxyClient.certificate}`,
    `--proxy-client-key-file=${files.frontProxyClient.key}`,
  ]
}

/** kube-controller-manager; signs certificates of nodes too. */
export function controllerManagerArgs(files: ClusterFiles): string[] {
  return [
    `--kubeconfig=${files.controllerManagerKubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
    // The default of 20 requests a second makes the controllers take five seconds to start.
    ...NO_CLIENT_LIMIT,
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${files.serviceAccounts.key}`,
    `--root-ca-file=${files.ca.certificate}`,
    `--cluster-signing-cert-file=${files.ca.certificate}`,
    `--cluster-signing-key-file=${files.ca.key}`,
  ]
}

/** When the node lifecycle controller gives up a node that is silent. */
export function nodeGraceArgs(seconds: number | undefined): string[] {
  if (seconds === undefined) return []
  return [`--node-monitor-grace-period=${seconds}s`, '--node-monitor-period=1s']
}

/** kube-scheduler with its defaults. */
export function schedulerArgs(files: ClusterFiles): string[] {
  return [
    `--kubeconfig=${files.schedulerKubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
    ...NO_CLIENT_LIMIT,
  ]
}
