// SPDX-License-Identifier: Apache-2.0
// Runs a small program of the host, such as mount, and waits for it: by the spawner where there is one, for
// a fork of ours costs more than all that the program does.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Spawner } from './spawner.ts'

/** Takes a path and arguments; rejects unless the program exits with 0. */
export type RunTool = (argv: readonly string[]) => Promise<void>

/** Undefined: each is a child of ours. */
export function toolRunner(spawner: Spawner | undefined): RunTool {
  return async (argv) => {
    if (spawner?.isOfUse === true) return await spawner.run(argv)
    const [file = '', ...args] = argv
    await promisify(execFile)(file, args, { env: {} })
  }
}
