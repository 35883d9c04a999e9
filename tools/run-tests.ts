// SPDX-License-Identifier: Apache-2.0
// `npm test`: the unit tests and the scenarios on the embedded control plane, at the same time. The first
// keep one core busy, the second mostly wait. What the scenarios print comes after, in one piece.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'

/** Runs a script of package.json; its output goes on as it comes, or is collected. */
function start(script: string, output: 'inherit' | 'pipe') {
  const child = spawn('npm', ['run', '--silent', script], { stdio: ['ignore', output, output] })
  const exited = once(child, 'exit') as Promise<[number | null]>
  return { child, exited }
}

const scenarios = start('test:scenarios', 'pipe')
const { stdout, stderr } = scenarios.child
const said = Promise.all([stdout, stderr].map(async (stream) => stream && (await buffer(stream))))
const units = start('test:unit', 'inherit')

const [unitCode] = await units.exited
const [scenarioCode] = await scenarios.exited
for (const part of await said) if (part) process.stdout.write(part)
process.exitCode = unitCode === 0 && scenarioCode === 0 ? 0 : 1
