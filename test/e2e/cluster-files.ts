// SPDX-License-Identifier: Apache-2.0
//
// The folder of one test cluster: its authorities, what they issued, kubeconfigs and logs.
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAuthority, createSigningKeys } from './certificates.ts'
import type { Authority, CertificateRequest, KeyPair } from './certificates.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import type { Endpoint } from './kubeconfig.ts'

/** Paths of files. */
export interface ClusterFiles {
  readonly folder: string
  readonly etcdData: string
  /** The authority of the API server, of clients and of nodes. */
  readonly ca: KeyPair
  readonly apiServer: KeyPair
  /** What the API server shows to kubelets. */
  readonly kubeletClient: KeyPair
  /** For service account tokens; the certificate is a bare public key. */
  readonly serviceAccounts: KeyPair
  readonly frontProxyCa: KeyPair
  readonly frontProxyClient: KeyPair
  /** For `system:masters`. */
  readonly adminKubeconfig: string
  readonly controllerManagerKubeconfig: string
  readonly schedulerKubeconfig: string
  /** The admin's certificate itself, not its path. */
  readonly admin: KeyPair
  readonly endpoint: Endpoint
  logFile(component: string): string
  /** Issues a client certificate; returns the path of a kubeconfig that has it. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>
  /** Issues a client certificate. */
  clientCertificate(user: string, groups?: readonly string[]): Promise<KeyPair>
  /** Issues a certificate for a node's HTTPS port; returns the paths. */
  servingCertificate(nodeName: string, addresses: readonly string[]): Promise<KeyPair>
}

/** Names by which clients may know the API server. */
const API_SERVER_NAMES = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
]

/** Creates the folder in `parent`, with all that the control plane needs in order to start. */
export async function createClusterFiles(
  parent: string,
  apiServer: { readonly port: number; readonly addresses: readonly string[] },
): Promise<ClusterFiles> {
  const folder = mkdtempSync(join(parent, 'cluster-'))
  // See run-in-namespace.ts.
  chmodSync(folder, 0o711)
  for (const name of ['logs', 'pki', 'kubeconfigs']) mkdirSync(join(folder, name))
  const [authority, frontProxy, signing] = await Promise.all([
    createAuthority('kubernetes'),
    createAuthority('front-proxy'),
    createSigningKeys(),
  ])
  const endpoint = {
    server: `https://127.0.0.1:${apiServer.port}`,
    authority: authority.certificate,
  }
  const issued = issuer(folder)
  const admin = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] })
  const kubeconfigFor = kubeconfigIssuer(join(folder, 'kubeconfigs'), authority, endpoint)
  return {
    folder,
    etcdData: join(folder, 'etcd-data'),
    ca: issued.save('ca', authority),
    frontProxyCa: issued.save('front-proxy-ca', frontProxy),
    serviceAccounts: issued.save('service-accounts', signing),
    apiServer: await issued.issue(authority, {
      commonName: 'kube-apiserver',
      dnsNames: API_SERVER_NAMES,
      ipAddresses: ['127.0.0.1', '10.96.0.1', ...apiServer.addresses],
    }),
    kubeletClient: await issued.issue(authority, { commonName: 'kube-apiserver-kubelet-client' }),
    frontProxyClient: await issued.issue(frontProxy, { commonName: 'front-proxy-client' }),
    adminKubeconfig: saveKubeconfig(join(folder, 'kubeconfigs'), 'admin', endpoint, admin),
    controllerManagerKubeconfig: await kubeconfigFor('system:kube-controller-manager'),
    schedulerKubeconfig: await kubeconfigFor('system:kube-scheduler'),
    admin,
    endpoint,
    logFile: (component) => join(folder, 'logs', `${component}.log`),
    kubeconfigFor,
    clientCertificate: async (commonName, organizations = []) =>
      await authority.issue({ commonName, organizations }),
    servingCertificate: async (nodeName, ipAddresses) =>
      await issued.issue(authority, {
        commonName: `system:node:${nodeName}`,
        organizations: ['system:nodes'],
        ipAddresses,
      }),
  }
}

function issuer(folder: string) {
  const save = (name: string, pair: KeyPair): KeyPair => {
    const certificate = join(folder, 'pki', `${name}.crt`)
    const key = join(folder, 'pki', `${name}.key`)
    writeFileSync(certificate, pair.certificate)
    writeFileSync(key, pair.key, { mode: 0o600 })
    return { certificate, key }
  }
  const issue = async (authority: Authority, request: CertificateRequest): Promise<KeyPair> =>
    save(request.commonName, await authority.issue(request))
  return { save, issue }
}

function kubeconfigIssuer(folder: string, authority: Authority, endpoint: Endpoint) {
  return async (user: string, groups: readonly string[] = []): Promise<string> => {
    const pair = await authority.issue({ commonName: user, organizations: groups })
    return saveKubeconfig(folder, user, endpoint, pair)
  }
}

function saveKubeconfig(folder: string, user: string, endpoint: Endpoint, pair: KeyPair): string {
  const path = join(folder, `${user.replaceAll(/[^\w.-]/g, '-')}.kubeconfig`)
  writeKubeconfig(path, endpoint, pair)
  return path
}
