// SPDX-License-Identifier: Apache-2.0
// A process of its own that starts containers and then only waits, so that a test can kill it:
//   node process-starter.ts <dir> <json of Orders>
// Prints a line once all run and a command in the first of them, where one is named, has said something, or kills itself in the midst of a start.
import { once } from 'node:events'
import { processWorld } from './process-runtime.ts'

interface Orders {
  readonly config: Readonly<Record<string, unknown>>
  readonly starts: readonly { readonly uid: string; readonly command: readonly string[] }[]
  /** Run in the first one, as a hook is. */
  readonly command?: readonly string[]
  /** Time from the first start to our own death. */
  readonly killAfterMs?: number
}

const [, , dir = '', text = ''] = process.argv
const { config, starts, command, killAfterMs } = JSON.parse(text) as Orders
const world = await processWorld(config, { dir })
if (killAfterMs !== undefined) {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), killAfterMs)
}
for (const start of starts) {
  await world.runtime.startContainer(world.start(start), world.context)
}
const [first] = starts
if (command && first) {
  const { key, spec } = world.start(first)
  const choice = { stdin: false, stdout: true, stderr: false, tty: false }
  const options = { ...choice, command, spec, endsWithCaller: true }
  const { stdout } = await world.runtime.exec(key, options, world.context)
  if (stdout) await once(stdout, 'data')
}
console.log('all run')
setInterval(() => {}, 60_000)
