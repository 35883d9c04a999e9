// SPDX-License-Identifier: Apache-2.0
// `npm test`: several runs at the same time, which together keep two cores busy although each waits a lot.
// Each is one process, which loads and warms up only once what its tests have in common: of the tests
// beside the sources, those that start processes, and all others, whose heap grows; beside them those of
// the command as a whole, and the scenarios on the embedded control plane in a few parts. What runs beside
// the first prints its output when it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setPriority } from 'node:os'
import { useCompileCache } from './compile-cache.ts'

const root = join(import.meta.dirname, '..')
/** The first two run one test after the other and are the longest way: the others fill what they leave. */
const besideNice = 4
const scenarioParts = 5

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

/** To start a process takes the longer the more memory who starts it has. */
const starters = /^src\/(?:cli|providers\/process)\//
const { starting = [], other = [] } = Object.groupBy(
  globSync('src/**/*.test.ts', { cwd: root }).sort(),
  (file) => (starters.test(file) ? 'starting' : 'other'),
)

useCompileCache()
const codes = await Promise.all([
  run({ args: ['tools/unit-tests.ts', ...starting], isBeside: false }),
  run({ args: ['tools/unit-tests.ts', ...other] }),
  run({ args: commands('1/2'), nice: besideNice }),
  run({ args: commands('2/2'), nice: besideNice }),
  ...Array.from({ length: scenarioParts }, async (_, index) => {
    return await run({ args: scenarios(`${index + 1}/${scenarioParts}`), nice: besideNice })
  }),
])
process.exitCode = Math.max(...codes)
