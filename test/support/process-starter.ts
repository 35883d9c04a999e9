// SPDX-License-Identifier: Apache-2.0
// A process of its own that starts containers and then only waits, so that a test can kill it:
//   node process-starter.ts <dir> <json of Orders>
// Prints a line once all run, or kills itself in the midst of a start.
import { processWorld } from './process-runtime.ts'

interface Orders {
  readonly config: Readonly<Record<string, unknown>>
  readonly starts: readonly { readonly uid: string; readonly command: readonly string[] }[]
  /** Time from the first start to our own death. */
  readonly killAfterMs?: number
}

const [, , dir = '', text = ''] = process.argv
const { config, starts, killAfterMs } = JSON.parse(text) as Orders
const world = await processWorld(config, { dir })
if (killAfterMs !== undefined) {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), killAfterMs)
}
for (const start of starts) {
  await world.runtime.startContainer(world.start(start), world.context)
}
console.log('all run')
setInterval(() => {}, 60_000)
