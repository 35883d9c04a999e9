// SPDX-License-Identifier: Apache-2.0
// A launch by the spawner. Nobody answers: what stage and wrapper note in the launch's directory is the answer,
// and is read as it comes.
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../util/clock.ts'
import { forbidStart, readNotes } from './exit-record.ts'
import type { Launch, LaunchNotes } from './exit-record.ts'
import { finalStep } from './final-step.ts'
import type { HostTools } from './host-tools.ts'
import type { LaunchPlan } from './launch-plan.ts'
import { startFailure, wrapperWords } from './launcher.ts'
import { openNamelessFile } from './nameless-file.ts'
import { isAlive, observeProcess } from './process-identity.ts'
import { readShortFile } from './short-file.ts'
import type { LaunchOrder, Spawner } from './spawner.ts'
import type { WatchedDir } from './watched-dir.ts'

/** Without a word for so long the spawner is taken for dead. */
const patienceMs = 60_000
/** A change whose news got lost is seen after that. */
const lookEveryMs = 1000

/** Nothing has run, and never will by this launch: another way may do. */
export class SpawnerLost extends Error {}

export interface ForkedLaunch {
  readonly spawner: Pick<Spawner, 'session' | 'launch'>
  readonly tools: HostTools
  readonly clock: Clock
  /** On the launch's directory. */
  readonly watched: WatchedDir
}

type Started = NonNullable<LaunchNotes['started']>

/**
 * Resolves when the stage has started, rejects with what it said otherwise, or with SpawnerLost. Our
 * descriptor stays open until there is a `started` or `exit`: only then no fork can come and find there what
 * another launch has put into its place.
 */
export async function launchForked(
  { made, plan }: { readonly made: Launch; readonly plan: LaunchPlan },
  { spawner, tools, clock, watched }: ForkedLaunch,
): Promise<Started> {
  const { session } = spawner
  const { argv, input } = finalStep(plan, { tools, session, needsOwnShell: false })
  const words = wrapperWords(plan, { mv: tools.mv, final: argv })
  const descriptor = openNamelessFile(input)
  try {
    using order = spawner.launch(descriptor, words)
    const started = await whenNoted(made, { order, clock, watched, plan })
    if (started === undefined) throw new SpawnerLost('the spawner has ended')
    order.isDone = true
    return started
  } finally {
    closeSync(descriptor)
  }
}

interface Waiting extends Pick<ForkedLaunch, 'clock' | 'watched'> {
  readonly order: LaunchOrder
  readonly plan: LaunchPlan
}

/** Undefined: it has not started, and cannot any more. */
async function whenNoted(
  made: Launch,
  { order, clock, watched, plan }: Waiting,
): Promise<Started | undefined> {
  const isSandboxed = made.record.sandbox !== undefined
  const deadlineMs = clock.monotonicMs() + patienceMs
  const awaited = new Set([isSandboxed ? 'said' : 'started', 'exit', null])
  let wake = (): void => {}
  order.onLost = () => wake()
  watched.onChange = (name) => {
    if (awaited.has(name)) wake()
  }
  for (;;) {
    const { promise: news, resolve } = Promise.withResolvers<void>()
    wake = resolve
    using _ = clock.setTimer(lookEveryMs, resolve)
    const { started, exit, said } = notesOf(made)
    if (started && (!isSandboxed || said.endsWith('started\n'))) return started
    if (exit) {
      if (!started && said === '') return undefined
      order.isDone = true
      throw startFailure(said, plan)
    }
    const isLost = order.isLost || clock.monotonicMs() > deadlineMs
    if (isLost && !started && (await isForbidden(made))) return undefined
    if (started && !(await runsStill(started)) && notesOf(made).exit === undefined) {
      // Both were killed, and so nobody is left to say or note anything.
      order.isDone = true
      throw startFailure(said, plan)
    }
    await news
  }
}

/** Does the stage, or whoever notes how it ends? What nobody can see now may run. */
async function runsStill({ process, wrapper }: Started): Promise<boolean> {
  try {
    for (const one of [process, wrapper]) {
      const observed = await observeProcess(one.pid)
      if (isAlive(one, { bootId: one.bootId, observed })) return true
    }
    return false
  } catch {
    return true
  }
}

async function isForbidden(made: Launch): Promise<boolean> {
  try {
    return await forbidStart(made)
  } catch (error) {
    // Without its directory the stage gets no further either.
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** What cannot be read now may be read later; to give up would close the descriptor too early. */
function notesOf(made: Launch): LaunchNotes & { readonly said: string } {
  try {
    const notes = readNotes(made)
    // After the notes, so that of an end all is known that was said before. Empty until the stage has begun.
    return { ...notes, said: readShortFile(join(made.dir, 'said'))?.text ?? '' }
  } catch {
    // Such as too many open files.
    return { said: '' }
  }
}
