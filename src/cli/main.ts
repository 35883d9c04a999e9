// SPDX-License-Identifier: Apache-2.0
// Entry point of the command. Everything it does is in program.ts; here is only the process: its
// arguments, its exit code, and a reader of its output that has seen enough (`| head`).
import { run } from './program.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await run(process.argv.slice(2))
