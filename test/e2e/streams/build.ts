// SPDX-License-Identifier: Apache-2.0
//
// Compiles the client that drives streams with Kubernetes' own Go library. As a script it prints the
// folder of that program.
import { join } from 'node:path'
import { goBuild, isBuilt, printBuild } from '../go-build.ts'

const BINARY = 'streams'
const CLIENT = {
  name: BINARY,
  source: import.meta.dirname,
  args: ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '.'],
  binary: BINARY,
}

/** Compiles the client unless the cache has it; returns the path of the program. */
export function buildStreamsClient(): string {
  return join(goBuildClient(), BINARY)
}

/** Why it cannot run, or false: to build it takes Go, the network and minutes, which tests do not take. */
export function streamsSkipReason(): string | false {
  return isBuilt(CLIENT) ? false : 'needs the client that test/e2e/streams/build.ts builds with Go'
}

function goBuildClient(): string {
  return goBuild(CLIENT)
}

if (import.meta.main) printBuild(goBuildClient)
