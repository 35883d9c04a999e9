// SPDX-License-Identifier: Apache-2.0
// A container with a terminal of its own: `script` holds the pseudo terminal between the program and the
// files and pipe that every container has. It lives and dies with the container and knows nothing of us,
// so the terminal survives our restarts.
import { quote } from './environment.ts'
import { readProcessTable } from './process-table.ts'
import type { Program } from './program.ts'

/** The same program inside a terminal. It keeps its exit code; input that ends is typed as Ctrl-D. */
export function inTerminal({ argv, workingDir }: Program, script: string): Program {
  const command = `exec ${argv.map(quote).join(' ')}`
  const options = ['--quiet', '--return', '--flush', '--echo', 'always', '--command', command]
  return { argv: [script, ...options, '/dev/null'], workingDir }
}

/**
 * Pid of the program whose terminal `holder` holds: its child with a session of its own. As long as that is
 * not there, the holder's own pid.
 */
export async function programInTerminal(holder: number): Promise<number> {
  const table = await readProcessTable()
  return (
    table.find(({ pid, parent, session }) => parent === holder && session === pid)?.pid ?? holder
  )
}
