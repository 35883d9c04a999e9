// SPDX-License-Identifier: Apache-2.0
//
// Runs end-to-end tests: builds the control plane, makes a network namespace, runs node:test inside
// it and passes its exit code on. Arguments are test files (default: all) and flags for `node`.
// Where no namespace can be made, the tests run as well, and each says why it is skipped.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { buildControlPlane } from './control-plane/build.ts'
import { GoBuildError } from './go-build.ts'
import { namespaceObstacle } from './network-namespace.ts'
import { runCommand, runInNamespace } from './run-in-namespace.ts'

async function main(args: readonly string[]): Promise<number> {
  const command = [process.execPath, ...testArgs(args)]
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) {
    console.error(`End-to-end tests are skipped: this machine ${obstacle}`)
    return await runCommand(command)
  }
  try {
    buildControlPlane()
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error
    console.error(error.message)
    return 2
  }
  return await runInNamespace(command)
}

function testArgs(args: readonly string[]): string[] {
  const flags = args.filter((arg) => arg.startsWith('-'))
  const files = args.filter((arg) => !arg.startsWith('-'))
  if (!flags.some((flag) => flag.startsWith('--test-reporter'))) {
    flags.push(`--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`)
  }
  if (files.length === 0) files.push(...globSync(join(import.meta.dirname, '*.test.ts')).sort())
  return ['--test', '--test-concurrency=1', '--test-timeout=600000', ...flags, ...files]
}

process.exitCode = await main(process.argv.slice(2))
