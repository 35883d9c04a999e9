// SPDX-License-Identifier: Apache-2.0
//
// Compiles upstream's end-to-end suite to a program that needs no Go when it runs.
// As a script it prints the folder of that program.
import { join } from 'node:path'
import { goBuild, printBuild } from '../go-build.ts'

const BINARY = 'upstream-e2e'

/** Compiles upstream's suite unless the cache has it; returns the path of the program. */
export function buildUpstreamSuite(): string {
  return join(goBuildSuite(), BINARY)
}

function goBuildSuite(): string {
  return goBuild({
    name: BINARY,
    source: import.meta.dirname,
    args: ['test', '-c', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '.'],
    binary: BINARY,
  })
}

if (import.meta.main) printBuild(goBuildSuite)
