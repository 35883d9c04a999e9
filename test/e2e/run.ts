// SPDX-License-Identifier: Apache-2.0
//
// Runs end-to-end tests: builds the control plane, makes a network namespace, runs node:test inside
// it and passes its exit code on. Arguments are test files (default: all) and flags for `node`.
// Where no namespace can be made, the tests run as well, and each says why it is skipped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildControlPlane } from './control-plane/build.ts'
import { GoBuildError } from './go-build.ts'
import { createNetworkNamespace, namespaceObstacle } from './network-namespace.ts'
import { FOLDER_VARIABLE } from './requirements.ts'

async function main(args: readonly string[]): Promise<number> {
  const command = [process.execPath, ...testArgs(args)]
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) {
    console.error(`End-to-end tests are skipped: this machine ${obstacle}`)
    return await run(command)
  }
  try {
    buildControlPlane()
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error
    console.error(error.message)
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), 'vk-e2e-'))
  using namespace = createNetworkNamespace()
  const code = await run([...namespace.enter, ...command], { [FOLDER_VARIABLE]: folder })
  if (code === 0) rmSync(folder, { recursive: true, force: true })
  else console.error(`Logs of the failed run are in ${folder}`)
  return code
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

async function run(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, forward)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

process.exitCode = await main(process.argv.slice(2))
