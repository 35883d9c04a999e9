// SPDX-License-Identifier: Apache-2.0
// `npm test`: several runs at the same time, which together keep two cores busy although each waits a lot.
// The tests beside the sources run in two halves; beside them those of the command as a whole, and the
// scenarios on the embedded control plane in a few parts. Each run is one process, which loads and warms up
// only once what its tests have in common. What runs beside the first prints its output when it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setPriority } from 'node:os'
import { useCompileCache } from './compile-cache.ts'

/** The halves run one test after the other and are the longest way: the others fill what they leave. */
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
  const child = spawn(process.execPath, args, {
    cwd: join(import.meta.dirname, '..'),
    stdio: ['ignore', output, output],
  })
  if (child.pid !== undefined && nice > 0) setPriority(child.pid, nice)
  const streams = [child.stdout, child.stderr]
  const said = Promise.all(streams.map(async (stream) => stream && (await buffer(stream))))
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const part of await said) if (part) process.stdout.write(part)
  return code ?? 1
}

function unitTests(part: string, files: string): readonly string[] {
  return ['tools/unit-tests.ts', `--test-shard=${part}`, files]
}

function scenarios(part: string): readonly string[] {
  const flags = ['--quick', '--test-isolation=none', `--test-shard=${part}`]
  return ['test/e2e/run.ts', '--control-plane=embedded', ...flags, 'test/e2e/*.test.ts']
}

/** For those that start whole clusters: they have more to wait for than a unit test. */
const patience = '--test-timeout=600000'
const beside = 'src/**/*.test.ts'
const commands = 'test/*.test.ts'

useCompileCache()
const codes = await Promise.all([
  run({ args: unitTests('1/2', beside), isBeside: false }),
  run({ args: unitTests('2/2', beside) }),
  run({ args: [...unitTests('1/2', commands), patience], nice: besideNice }),
  run({ args: [...unitTests('2/2', commands), patience], nice: besideNice }),
  ...Array.from({ length: scenarioParts }, async (_, index) => {
    return await run({ args: scenarios(`${index + 1}/${scenarioParts}`), nice: besideNice })
  }),
])
process.exitCode = Math.max(...codes)
