// SPDX-License-Identifier: Apache-2.0
// Ends a command and whatever it has started: first asks, then kills what is left of its session.
import type { Clock } from '../../../util/clock.ts'
import { readProcessTable } from '../process-table.ts'

const graceMs = 2000

/** Hangs up on the session that `leader` leads. `isOver` stops it: the pid may then belong to others. Never rejects. */
export async function endSession(
  leader: number,
  { clock, isOver }: { readonly clock: Clock; readonly isOver: () => boolean },
): Promise<void> {
  if (isOver()) return
  signalGroup(leader, 'SIGHUP')
  signalGroup(leader, 'SIGTERM')
  await clock.sleep(graceMs)
  if (isOver()) return
  // Where nobody can look, such as without descriptors left, the leader's own group is what is known.
  const table = await readProcessTable().catch(() => [])
  const members = table.filter(({ session, pid }) => session === leader && pid !== leader)
  if (isOver()) return
  signalGroup(leader, 'SIGKILL')
  for (const { pid } of members) signal(pid, 'SIGKILL')
}

function signalGroup(leader: number, name: NodeJS.Signals): void {
  signal(-leader, name)
}

function signal(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name)
  } catch {
    // Gone already, which is what was wanted.
  }
}
