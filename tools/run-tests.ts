// SPDX-License-Identifier: Apache-2.0
// `npm test`: three runs at the same time, which together keep two cores busy although each waits a lot.
// The tests beside the sources run in two halves; the tests of the command as a whole share a pool of
// processes with the scenarios on the embedded control plane. What runs beside the first prints its
// output afterwards, in one piece.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { setPriority } from 'node:os'
import { buffer } from 'node:stream/consumers'
import { useCompileCache } from './compile-cache.ts'

/** The halves run one test after the other and are the longest way: the pool fills what they leave. */
const poolNice = 4

interface Run {
  readonly script: string
  readonly args: readonly string[]
  readonly nice?: number
  readonly isBeside?: boolean
}

/** Runs a script of package.json to its end; returns its exit code. */
async function run({ script, args, nice = 0, isBeside = false }: Run): Promise<number> {
  const output = isBeside ? 'pipe' : 'inherit'
  const child = spawn('npm', ['run', '--silent', script, '--', ...args], {
    stdio: ['ignore', output, output],
  })
  if (child.pid !== undefined && nice > 0) setPriority(child.pid, nice)
  const streams = [child.stdout, child.stderr]
  const said = Promise.all(streams.map(async (stream) => stream && (await buffer(stream))))
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const part of await said) if (part) process.stdout.write(part)
  return code ?? 1
}

useCompileCache()
const beside = 'src/**/*.test.ts'
const codes = await Promise.all([
  run({ script: 'test:unit', args: ['--test-shard=1/2', beside] }),
  run({ script: 'test:unit', args: ['--test-shard=2/2', beside], isBeside: true }),
  run({
    script: 'test:scenarios',
    args: globSync('test/{,e2e/}*.test.ts'),
    nice: poolNice,
    isBeside: true,
  }),
])
process.exitCode = Math.max(...codes)
