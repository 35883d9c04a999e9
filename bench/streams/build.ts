// SPDX-License-Identifier: Apache-2.0
//
// Compiles what measures streams, which is also the Go project's server to compare with. As a script it
// prints the folder of the program.
import { join } from 'node:path'
import { goBuild, printBuild } from '../../test/e2e/go-build.ts'

const BINARY = 'bench-streams'

/** Compiles it unless the cache has it; returns the path of the program. */
export function buildStreamsBench(): string {
  return join(build(), BINARY)
}

function build(): string {
  return goBuild({
    name: BINARY,
    source: import.meta.dirname,
    args: ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '.'],
    binary: BINARY,
  })
}

if (import.meta.main) printBuild(build)
