// SPDX-License-Identifier: Apache-2.0
// `npm test`: several runs at the same time, which together keep two cores busy although each waits a lot.
// Each is one process, which loads and warms up only once what its tests have in common: of the tests
// beside the sources, those that start processes, and all others, whose heap grows; beside them those of
// the command as a whole, and the scenarios on the embedded control plane, in parts of which each begins
// when one before has ended. All but the first print their output when they end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setPriority } from 'node:os'
import { useCompileCache } from './compile-cache.ts'

const root = join(import.meta.dirname, '..')
/** Tests of the sources come first: the others fill what they leave, since they wait half of the time. */
const besideNice = 4
/** More parts than run at once, so that a long one does not outlast all others. */
const scenarioParts = 10
const scenariosAtOnce = 4

interface Run {
  /** A program of this project and its arguments. */
  readonly args: readonly string[]
  readonly nice?: number
  readonly isBeside?: boolean
}

/** Runs it to its end; returns its exit code. */
async function run({ args, nice = 0, isBeside = true }: Run): Promise<number> {
  const output = isBeside ? 'pipe' : 'inherit'
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', output, output] })
  if (child.pid !== undefined && nice > 0) setPriority(child.pid, nice)
  const streams = [child.stdout, child.stderr]
  const said = Promise.all(streams.map(async (stream) => stream && (await buffer(stream))))
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const part of await said) if (part) process.stdout.write(part)
  return code ?? 1
}

function commands(part: string): readonly string[] {
  // They start whole clusters, and have more to wait for than a unit test.
  const flags = [`--test-shard=${part}`, '--test-timeout=600000']
  return ['tools/unit-tests.ts', ...flags, 'test/*.test.ts']
}

function scenarios(part: string): readonly string[] {
  const flags = ['--quick', '--test-isolation=none', `--test-shard=${part}`]
  return ['test/e2e/run.ts', '--control-plane=embedded', ...flags, 'test/e2e/*.test.ts']
}

/** Runs the parts of the scenarios, a few at a time; returns their exit codes. */
async function runScenarios(): Promise<readonly number[]> {
  const parts = Array.from({ length: scenarioParts }, (_, index) => `${index + 1}/${scenarioParts}`)
  const codes: number[] = []
  const runNext = async (): Promise<void> => {
    for (let part = parts.shift(); part !== undefined; part = parts.shift())
      codes.push(await run({ args: scenarios(part), nice: besideNice }))
  }
  await Promise.all(Array.from({ length: scenariosAtOnce }, runNext))
  return codes
}

/** To start a process takes the longer the more memory who starts it has. */
const starters = /^src\/(?:cli|providers\/process)\//
const { starting = [], other = [] } = Object.groupBy(
  globSync('src/**/*.test.ts', { cwd: root }).sort(),
  (file) => (starters.test(file) ? 'starting' : 'other'),
)

useCompileCache()
const codes = await Promise.all([
  run({ args: ['tools/unit-tests.ts', '--test-shard=1/2', ...starting], isBeside: false }),
  run({ args: ['tools/unit-tests.ts', '--test-shard=2/2', ...starting] }),
  run({ args: ['tools/unit-tests.ts', ...other] }),
  run({ args: commands('1/2'), nice: besideNice }),
  run({ args: commands('2/2'), nice: besideNice }),
  runScenarios(),
])
process.exitCode = Math.max(...codes.flat())
