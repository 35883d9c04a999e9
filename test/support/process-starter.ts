// SPDX-License-Identifier: Apache-2.0
// A process of its own that starts containers and then only waits, so that a test can kill it:
//   node process-starter.ts <dir> <json of {config, starts: [{uid, command, ...}]}>
// Prints a line once all run.
import { processWorld } from './process-runtime.ts'

interface Orders {
  readonly config: Readonly<Record<string, unknown>>
  readonly starts: readonly { readonly uid: string; readonly command: readonly string[] }[]
}

const [, , dir = '', text = ''] = process.argv
const { config, starts } = JSON.parse(text) as Orders
const world = await processWorld(config, { dir })
for (const start of starts) {
  await world.runtime.startContainer(world.start(start), world.context)
}
console.log('all run')
setInterval(() => {}, 60_000)
