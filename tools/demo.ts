// SPDX-License-Identifier: Apache-2.0
// `npm run demo`: a real Kubernetes control plane on this machine, a virtual node beside it, and a Job
// whose pods run as processes here. Builds the control plane from its Go modules the first time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster } from '../test/e2e/cluster.ts'
import type { Cluster } from '../test/e2e/cluster.ts'
import { buildControlPlane } from '../test/e2e/control-plane/build.ts'
import { GoBuildError } from '../test/e2e/go-build.ts'
import { namespaceObstacle } from '../test/e2e/network-namespace.ts'
import { FOLDER_VARIABLE } from '../test/e2e/requirements.ts'
import { runInNamespace } from '../test/e2e/run-in-namespace.ts'

const manifest = join(import.meta.dirname, '../examples/fan-out.yaml')

async function main(): Promise<number> {
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) {
    console.error(
      `Cannot run the demo: this machine ${obstacle}. It needs Linux, root and iproute2.`,
    )
    return 2
  }
  try {
    buildControlPlane()
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error
    console.error(error.message)
    return 2
  }
  if (!process.env[FOLDER_VARIABLE]) {
    return await runInNamespace([process.execPath, import.meta.filename])
  }
  await demonstrate()
  return 0
}

async function demonstrate(): Promise<void> {
  say('A Kubernetes control plane starts (etcd, API server, scheduler, controllers)')
  await using cluster = await startCluster()
  const folder = mkdtempSync(join(tmpdir(), 'vk-demo-'))
  const providerConfig = join(folder, 'process.yaml')
  writeFileSync(providerConfig, process.getuid?.() === 0 ? 'allowRoot: true\n' : '{}\n')
  try {
    say('virtual-kubelet start --provider process --nodename laptop')
    await using _node = await cluster.startVirtualKubelet(
      [
        '--provider',
        'process',
        '--provider-config',
        providerConfig,
        '--client-ca-file',
        cluster.caFile,
      ],
      { nodeName: 'laptop' },
    )
    await show(cluster, ['get', 'nodes', '-o', 'wide'])
    await show(cluster, ['apply', '-f', manifest])
    await show(cluster, ['wait', '--for=condition=Complete', 'job/fan-out', '--timeout=120s'])
    await show(cluster, ['get', 'pods', '-o', 'wide'])
    await show(cluster, ['logs', '-l', 'job-name=fan-out', '--prefix', '--tail=2'])
    await show(cluster, ['get', 'job', 'fan-out'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function show(cluster: Cluster, args: readonly string[]): Promise<void> {
  console.log(
    `\n$ kubectl ${args.map((arg) => (arg === manifest ? 'examples/fan-out.yaml' : arg)).join(' ')}`,
  )
  const { stdout } = await cluster.kubectl([...args], { timeoutMs: 150_000 })
  process.stdout.write(stdout)
}

function say(line: string): void {
  console.log(`\n==> ${line}`)
}

process.exitCode = await main()
