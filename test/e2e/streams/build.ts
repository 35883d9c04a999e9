// SPDX-License-Identifier: Apache-2.0
//
// Compiles the client that drives streams with Kubernetes' own Go library. As a script it prints the
// folder of that program.
import { join } from 'node:path'
import { goBuild, printBuild } from '../go-build.ts'

const BINARY = 'streams'

/** Compiles the client unless the cache has it; returns the path of the program. */
export function buildStreamsClient(): string {
  return join(goBuildClient(), BINARY)
}

function goBuildClient(): string {
  return goBuild({
    name: BINARY,
    source: import.meta.dirname,
    args: ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '.'],
    binary: BINARY,
  })
}

if (import.meta.main) printBuild(goBuildClient)
