// SPDX-License-Identifier: Apache-2.0
//
// Compiles kwok, the simulator of nodes that others measure themselves by. As a script it prints the
// folder of the program.
import { join } from 'node:path'
import { goBuild, printBuild } from '../../test/e2e/go-build.ts'

/** Compiles kwok unless the cache has it; returns the path of the program. */
export function buildKwok(): string {
  return join(build(), 'kwok')
}

function build(): string {
  return goBuild({
    name: 'kwok',
    source: import.meta.dirname,
    args: [
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      '-s -w',
      'sigs.k8s.io/kwok/cmd/kwok',
    ],
    binary: 'kwok',
  })
}

if (import.meta.main) printBuild(build)
