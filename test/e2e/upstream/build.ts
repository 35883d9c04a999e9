// SPDX-License-Identifier: Apache-2.0
//
// Compiles upstream's end-to-end suite to a program that needs no Go when it runs.
// As a script it prints the folder of that program.
import { join } from 'node:path'
import { goBuild, isBuilt, printBuild } from '../go-build.ts'

const BINARY = 'upstream-e2e'
const SUITE = {
  name: BINARY,
  source: import.meta.dirname,
  args: ['test', '-c', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '.'],
  binary: BINARY,
}

/** Compiles upstream's suite unless the cache has it; returns the path of the program. */
export function buildUpstreamSuite(): string {
  return join(goBuildSuite(), BINARY)
}

/** Why it cannot run, or false: to build it takes Go, the network and minutes, which tests do not take. */
export function upstreamSkipReason(): string | false {
  return isBuilt(SUITE)
    ? false
    : "needs upstream's suite, built by test/e2e/upstream/build.ts with Go"
}

function goBuildSuite(): string {
  return goBuild(SUITE)
}

if (import.meta.main) printBuild(goBuildSuite)
