// SPDX-License-Identifier: Apache-2.0
// `npm test`: the unit tests in two halves at the same time, one for each core, then the scenarios on the
// embedded control plane. What runs beside something else prints its output afterwards, in one piece.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'

/** Runs a script of package.json to its end; returns its exit code. */
async function run(
  script: string,
  { args = [], isBeside = false }: { args?: readonly string[]; isBeside?: boolean } = {},
): Promise<number> {
  const output = isBeside ? 'pipe' : 'inherit'
  const child = spawn('npm', ['run', '--silent', script, '--', ...args], {
    stdio: ['ignore', output, output],
  })
  const streams = [child.stdout, child.stderr]
  const said = Promise.all(streams.map(async (stream) => stream && (await buffer(stream))))
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const part of await said) if (part) process.stdout.write(part)
  return code ?? 1
}

const codes = await Promise.all([
  run('test:unit', { args: ['--test-shard=1/2'] }),
  run('test:unit', { args: ['--test-shard=2/2'], isBeside: true }),
])
codes.push(await run('test:scenarios'))
process.exitCode = Math.max(...codes)
