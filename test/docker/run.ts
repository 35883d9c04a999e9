// SPDX-License-Identifier: Apache-2.0
//
// Runs the tests of the docker provider on Podman and on Docker's daemon, each started by the tests on a
// socket and storage of its own (install-engines.sh installs them), then the lifecycle scenarios of
// test/e2e with their pods on Podman. --engine=podman|docker chooses one; other arguments are files and flags
// for node. An engine that is missing is a failure here, never a skipped test.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { engineObstacle, type EngineKind } from './engine-daemon.ts'
import { ENGINES_VARIABLE } from './use-engine.ts'

const kinds: readonly EngineKind[] = ['podman', 'docker']

function main(args: readonly string[]): number {
  const chosen = args.find((arg) => arg.startsWith('--engine='))?.slice('--engine='.length)
  const engines = kinds.filter((kind) => chosen === undefined || chosen === kind)
  if (engines.length === 0) {
    console.error(`Cannot use --engine=${chosen}: it is podman or docker`)
    return 2
  }
  for (const kind of engines) {
    const obstacle = engineObstacle(kind)
    if (obstacle === undefined) continue
    console.error(`Cannot test on ${kind}: ${obstacle}`)
    return 1
  }
  process.env[ENGINES_VARIABLE] = engines.join(',')
  const rest = args.filter((arg) => !arg.startsWith('--engine='))
  const files = rest.filter((arg) => !arg.startsWith('-'))
  const flags = rest.filter((arg) => arg.startsWith('-'))
  if (files.length === 0) files.push(...globSync(join(import.meta.dirname, '*.test.ts')).sort())
  return node(['--test', '--test-concurrency=2', '--test-timeout=300000', ...flags, ...files])
}

function node(args: readonly string[]): number {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  return status ?? 1
}

process.exitCode = main(process.argv.slice(2))
