// SPDX-License-Identifier: Apache-2.0
//
// Compiles the Go project's own command with its mock provider. As a script it prints the folder of the
// program.
import { join } from 'node:path'
import { goBuild, printBuild } from '../../test/e2e/go-build.ts'

const PACKAGE = 'github.com/virtual-kubelet/virtual-kubelet/cmd/virtual-kubelet'

/** Compiles it unless the cache has it; returns the path of the program. */
export function buildUpstreamMock(): string {
  return join(build(), 'upstream-mock')
}

function build(): string {
  return goBuild({
    name: 'upstream-mock',
    source: import.meta.dirname,
    args: [
      'build',
      '-tags=mock_provider',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      '-s -w',
      PACKAGE,
    ],
    binary: 'upstream-mock',
  })
}

if (import.meta.main) printBuild(build)
