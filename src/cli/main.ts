// SPDX-License-Identifier: Apache-2.0
// Entry point of the command. Everything it does is in program.ts; here is only the process: its
// arguments, its exit code, and a reader of its output that has seen enough (`| head`).
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { isReaderGone } from './reader-gone.ts'

// From source, half of a start is the compiler's work. Its results are kept inside the clone: whoever could
// change them there could change the source as well.
if (import.meta.filename.endsWith('.ts')) {
  enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/compile'))
  // `npm run vk` runs us in the folder of the clone; the paths that people give are seen from where they are.
  const { npm_lifecycle_event: script, INIT_CWD: here } = process.env
  if (script === 'vk' && here !== undefined && existsSync(here)) process.chdir(here)
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (!isReaderGone(error)) throw error
  process.exit(0)
})

// A log whose reader is gone is no reason to stop running pods.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (!isReaderGone(error)) throw error
})

const { run } = await import('./program.ts')
const exitCode = await run(process.argv.slice(2))
// What has taken its leave ends now, whatever still waits: containers in their grace are the next one's.
process.stdout.write('', () => process.exit(exitCode))
