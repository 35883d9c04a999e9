// SPDX-License-Identifier: Apache-2.0
// Entry point of the command. Everything it does is in program.ts; here is only the process: its
// arguments, its exit code.
import { run } from './program.ts'

process.exitCode = await run(process.argv.slice(2))
