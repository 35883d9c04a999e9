// SPDX-License-Identifier: Apache-2.0
//
// The two API servers, each in the two ways in which it can keep its objects. Both admit pods by the same
// plugins, ServiceAccount among them, and run no controllers and no scheduler.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { startComponent } from '../../test/e2e/component.ts'
import { startControlPlane } from '../../test/e2e/control-plane.ts'
import { eventually } from '../../test/e2e/eventually.ts'
import { runFolder } from '../../test/e2e/requirements.ts'
import { BenchClient } from './bench-client.ts'
import { cpuMs, residentMib } from '../process-usage.ts'

/** How to reach an API server as its administrator, PEM. */
export interface Access {
  readonly origin: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A running API server with all the processes that it needs. */
export interface BenchServer extends AsyncDisposable {
  readonly access: Access
  readonly pids: readonly number[]
}

/** Whether a write is on the disk before it is acknowledged. */
export type Durability = 'durable' | 'memory'

/** kube-apiserver and etcd; not durable means etcd with --unsafe-no-fsync. */
export async function startReal(durability: Durability): Promise<BenchServer> {
  const plane = await startControlPlane({
    scheduler: false,
    // Enough for every client here, so that the API server's own fairness decides nothing.
    apiServerArgs: ['--max-requests-inflight=8000', '--max-mutating-requests-inflight=4000'],
    etcdArgs: durability === 'durable' ? ['--unsafe-no-fsync=false'] : [],
  })
  const { endpoint, admin } = plane.files
  const pids = plane.pids()
  // It has made the account that every pod needs, and is not measured.
  process.kill(pids['kube-controller-manager'] ?? Number.NaN, 'SIGKILL')
  return {
    access: {
      origin: endpoint.server,
      ca: endpoint.authority,
      cert: admin.certificate,
      key: admin.key,
    },
    pids: ['kube-apiserver', 'etcd'].map((name) => pids[name] ?? Number.NaN),
    [Symbol.asyncDispose]: async () => await plane[Symbol.asyncDispose](),
  }
}

export interface EmbeddedOptions {
  /** Where node leaves CPU profiles; default: none are made. */
  readonly profileFolder?: string | undefined
  /** Where the objects are; default: a folder that goes with the server. */
  readonly dataDir?: string
}

/** The embedded control plane: in memory, or in SQLite with synchronous=FULL. */
export async function startEmbedded(
  durability: Durability,
  { profileFolder, dataDir }: EmbeddedOptions = {},
): Promise<BenchServer> {
  const folder = mkdtempSync(join(runFolder(), 'embedded-'))
  const kubeconfig = join(folder, 'kubeconfig')
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  const data = durability === 'durable' ? [dataDir ?? join(folder, 'data')] : []
  const component = await startComponent({
    name: 'embedded',
    command: process.execPath,
    args: [...profiling, join(import.meta.dirname, 'serve.ts'), kubeconfig, ...data],
    logFile: join(folder, 'log'),
    graceMs: 20_000,
  })
  await eventually(() => existsSync(kubeconfig) || component.hasExited(), {
    what: 'the embedded control plane to serve',
    timeoutMs: 60_000,
    intervalMs: 2,
  })
  if (component.hasExited()) throw new Error(`Cannot start it: ${component.log()}`)
  const access = accessFrom(readFileSync(kubeconfig, 'utf8'))
  if (dataDir === undefined) await createDefaultAccount(access)
  return {
    access,
    pids: [component.pid],
    [Symbol.asyncDispose]: async () => {
      await component[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Without controllers nobody else makes the account that every pod needs. */
async function createDefaultAccount(access: Access): Promise<void> {
  await using client = new BenchClient(access)
  const body = JSON.stringify({ metadata: { name: 'default' } })
  await client.send('POST', '/api/v1/namespaces/default/serviceaccounts', body)
}

/** CPU time of all processes of a server so far. */
export function serverCpuMs({ pids }: BenchServer): number {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
}

/** Resident memory of all processes of a server. */
export function serverMib({ pids }: BenchServer): number {
  return pids.reduce((sum, pid) => sum + residentMib(pid), 0)
}

interface Kubeconfig {
  readonly clusters: readonly [
    {
      readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string }
    },
  ]
  readonly users: readonly [
    {
      readonly user: {
        readonly 'client-certificate-data': string
        readonly 'client-key-data': string
      }
    },
  ]
}

function accessFrom(text: string): Access {
  const {
    clusters: [{ cluster }],
    users: [{ user }],
  } = parse(text) as Kubeconfig
  const pem = (base64: string): string => Buffer.from(base64, 'base64').toString()
  return {
    origin: cluster.server,
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  }
}
