// SPDX-License-Identifier: Apache-2.0
//
// Compiles metrics-server, whose Kubernetes is another than the control plane's, from a module of its
// own. As a script it prints the folder of the program.
import { join } from 'node:path'
import { goBuild, printBuild } from '../go-build.ts'

const BINARY = 'metrics-server'
const PACKAGE = 'sigs.k8s.io/metrics-server/cmd/metrics-server'

/** Compiles metrics-server unless the cache has it; returns the path of the program. */
export function buildMetricsServer(): string {
  return join(goBuildMetricsServer(), BINARY)
}

function goBuildMetricsServer(): string {
  return goBuild({
    name: BINARY,
    source: import.meta.dirname,
    args: ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', PACKAGE],
    binary: BINARY,
  })
}

if (import.meta.main) printBuild(goBuildMetricsServer)
