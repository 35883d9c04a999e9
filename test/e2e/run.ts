// SPDX-License-Identifier: Apache-2.0
//
// Runs end-to-end tests on one of two control planes and passes their exit code on.
// --control-plane=real (default) builds Kubernetes and runs in a network namespace; =embedded runs ours,
// without root or Go. Other arguments are test files (default: all) and flags for `node`; --quick takes
// smaller numbers where a scenario would take long. Where something is missing, the tests run as well,
// and each says why it is skipped.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { useCompileCache } from '../../tools/compile-cache.ts'
import { reporterFlags } from '../../tools/failure-reporter.ts'
import { buildControlPlane } from './control-plane/build.ts'
import { KUBECTL_VARIABLE } from './find-kubectl.ts'
import { GoBuildError } from './go-build.ts'
import { namespaceObstacle } from './network-namespace.ts'
import { isInNamespace } from './requirements.ts'
import { runCommand, runInNamespace, runWithFolder } from './run-in-namespace.ts'
import { QUICK_VARIABLE } from './scenario-size.ts'
import { buildStreamsClient } from './streams/build.ts'
import { PLANE_VARIABLE } from './test-control-plane.ts'
import { buildUpstreamSuite } from './upstream/build.ts'

interface Settings {
  readonly plane: string
  readonly isQuick: boolean
  /** For node. */
  readonly rest: readonly string[]
}

async function main(args: readonly string[]): Promise<number> {
  const { plane, isQuick, rest } = settingsOf(args)
  if (plane !== 'real' && plane !== 'embedded') {
    console.error(`Cannot use --control-plane=${plane}: it is 'real' or 'embedded'`)
    return 2
  }
  useCompileCache()
  process.env[PLANE_VARIABLE] = plane
  if (isQuick) process.env[QUICK_VARIABLE] = '1'
  return plane === 'real' ? await runReal(rest) : await runEmbedded(rest)
}

function settingsOf(args: readonly string[]): Settings {
  const known = (arg: string) => /^--(control-plane(=|$)|quick$)/.test(arg)
  const { values } = parseArgs({
    args: args.filter(known),
    options: { 'control-plane': { type: 'string' }, quick: { type: 'boolean' } },
  })
  return {
    plane: values['control-plane'] ?? 'real',
    isQuick: values.quick ?? false,
    rest: args.filter((arg) => !known(arg)),
  }
}

async function runReal(rest: readonly string[]): Promise<number> {
  const command = testCommand(rest, 1)
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) {
    console.error(`End-to-end tests are skipped: this machine ${obstacle}`)
    return await runCommand(command)
  }
  try {
    process.env[KUBECTL_VARIABLE] ??= join(buildControlPlane(), 'kubectl')
    buildUpstreamSuite()
    buildStreamsClient()
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error
    console.error(error.message)
    return 2
  }
  // Whoever started this in a namespace has something in it that the tests need.
  return isInNamespace() ? await runWithFolder(command, {}) : await runInNamespace(command)
}

async function runEmbedded(rest: readonly string[]): Promise<number> {
  // They wait for most of their time, and each file has a cluster and addresses of its own.
  return await runWithFolder(testCommand(rest, 6), {})
}

function testCommand(args: readonly string[], concurrency: number): readonly string[] {
  const flags = args.filter((arg) => arg.startsWith('-'))
  const files = args.filter((arg) => !arg.startsWith('-'))
  if (!flags.some((flag) => flag.startsWith('--test-reporter'))) {
    const first = process.stdout.isTTY ? 'spec' : 'tap'
    const both = reporterFlags(first)
    flags.push(...(both.length > 0 ? both : [`--test-reporter=${first}`]))
  }
  if (files.length === 0) files.push(...globSync(join(import.meta.dirname, '*.test.ts')).sort())
  const defaults = ['--test', `--test-concurrency=${concurrency}`, '--test-timeout=600000']
  return [process.execPath, ...defaults, ...flags, ...files]
}

process.exitCode = await main(process.argv.slice(2))
