// SPDX-License-Identifier: Apache-2.0
//
// A cluster to try things by hand: starts a control plane in a network namespace, then a shell (or
// the command given as arguments) that has kubectl, KUBECONFIG and NODE_IP, an address for a node.
// The cluster ends with the shell.
import { dirname } from 'node:path'
import { startCluster } from './cluster.ts'
import { buildControlPlane } from './control-plane/build.ts'
import { isInNamespace } from './requirements.ts'
import { runCommand, runInNamespace } from './run-in-namespace.ts'

async function main(args: string[]): Promise<number> {
  const programs = buildControlPlane()
  if (!isInNamespace()) {
    return await runInNamespace([process.execPath, import.meta.filename, ...args])
  }
  await using cluster = await startCluster()
  const command = args.length > 0 ? args : [process.env['SHELL'] || '/bin/sh']
  console.error(`Kubernetes is at ${cluster.server}; its logs are in ${cluster.files.folder}/logs`)
  return await runCommand(command, {
    KUBECONFIG: cluster.kubeconfig,
    NODE_IP: cluster.addAddress(),
    PATH: [programs, dirname(process.execPath), process.env['PATH']].join(':'),
  })
}

process.exitCode = await main(process.argv.slice(2))
