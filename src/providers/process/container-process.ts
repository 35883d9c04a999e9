// SPDX-License-Identifier: Apache-2.0
// One container that was started, by us or by a former life of ours: what state it is in, and how it is
// ended. The truth is in the launch's notes and in the process table; this class only looks.
import type { ContainerState, RuntimeContainer } from '../../runtime/container-runtime.ts'
import type { Clock } from '../../util/clock.ts'
import type { Cgroups } from './cgroup.ts'
import { findProgram } from './isolation/sandboxed-program.ts'
import type { SandboxedProgram } from './isolation/sandboxed-program.ts'
import { groupOf, noteOutOfMemory, readNotes } from './exit-record.ts'
import type { Launch, LaunchNotes } from './exit-record.ts'
import { leaveGroup } from './leave-group.ts'
import { isAlive, maySignalGroup, observeProcess, parseStat, readProc } from './process-identity.ts'
import type { ProcessIdentity, ProcessMark } from './process-identity.ts'
import { readProcessTable } from './process-table.ts'
import { programInTerminal } from './terminal-program.ts'

export interface ProcessSurroundings {
  readonly bootId: string
  readonly clock: Clock
  readonly cgroups: Cgroups | undefined
}

/** How to end a container. */
export interface StopOptions {
  readonly graceMs: number
  readonly signal: number
}

interface Stop {
  deadlineMs: number
  /** Aborted when the deadline moved. */
  moved: AbortController
  readonly done: Promise<void>
}

type Started = NonNullable<LaunchNotes['started']>

/** A started container. `refresh` looks at the world; `ended` resolves once the program is over. */
export class ContainerProcess {
  readonly launch: Launch
  readonly ended: Promise<void>
  readonly #started: Started
  readonly #surroundings: ProcessSurroundings
  readonly #markEnded: () => void
  readonly #companions = new Set<() => void>()
  #state: ContainerState
  #refreshing: Promise<void> | undefined
  #killing: Promise<void> | undefined
  #stop: Stop | undefined
  /** What was inside of the sandbox when it was last looked for. */
  #known: ProcessMark | undefined

  constructor(launch: Launch, started: Started, surroundings: ProcessSurroundings) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.launch = launch
    this.ended = promise
    this.#markEnded = resolve
    this.#started = started
    this.#surroundings = surroundings
    this.#state = { kind: 'running', startedAtMs: started.atMs }
  }

  get pid(): number {
    return this.#started.process.pid
  }

  /** The process of its sandbox on whose mounts the pod's memory is. */
  get memoryHolder(): ProcessMark | undefined {
    return this.launch.record.sandbox?.holdsMemory ? this.#started.process : undefined
  }

  /** Name of its control group. */
  get group(): string {
    return groupOf(this.launch)
  }

  get wrapperPid(): number {
    return this.#started.wrapper.pid
  }

  get startedAtMs(): number {
    return this.#started.atMs
  }

  get isRunning(): boolean {
    return this.#state.kind === 'running'
  }

  describe(): RuntimeContainer {
    const { key, id, image, imageId, user, bootId: sandboxId } = this.launch.record
    const containerId = `process://${id}`
    return { key, containerId, image, imageId, user, state: this.#state, sandboxId }
  }

  /** Is it in a sandbox, where its program has a pid other than `pid`? */
  get isSandboxed(): boolean {
    return this.launch.record.sandbox !== undefined
  }

  /** The program's own pid; undefined while a sandbox is being made, and when all is over. */
  async program(): Promise<SandboxedProgram | undefined> {
    const { dir, record } = this.launch
    if (!(await this.isProgramAlive())) return undefined
    if (!record.sandbox) return { inside: this.#started.process, programPid: this.pid }
    const { hasOwnProcesses } = record.sandbox
    const found = await findProgram(dir, { ancestor: this.pid, hasOwnProcesses })
    // Believed as its descendants, if the pid was the container's all the time.
    return (await this.isProgramAlive()) ? found : undefined
  }

  /** Is the pid still the program's? Looks at the process table and nowhere else. */
  isProgramAlive(): Promise<boolean> {
    return this.#isAlive(this.#started.process)
  }

  /** Is the wrapper's pid still the wrapper's? */
  isWrapperAlive(): Promise<boolean> {
    return this.#isAlive(this.#started.wrapper)
  }

  /** Calls `end` when the container ends, unless disposed before: what runs beside it ends with it. */
  endWith(end: () => void): Disposable {
    const companion = (): void => end()
    if (this.isRunning) this.#companions.add(companion)
    else end()
    return { [Symbol.dispose]: () => void this.#companions.delete(companion) }
  }

  /** Looks whether it has ended. Calls that come while one looks share its answer. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Resolves when no process is left. A later call can only shorten the grace of an earlier one. */
  stop({ graceMs, signal }: StopOptions): Promise<void> {
    const deadlineMs = this.#surroundings.clock.monotonicMs() + graceMs
    if (this.#stop === undefined) {
      const stop = { deadlineMs, moved: new AbortController() }
      const done = this.#end(stop, graceMs > 0 ? signal : undefined).catch((error: unknown) => {
        // The next call tries anew.
        this.#stop = undefined
        throw error
      })
      this.#stop = Object.assign(stop, { done })
    } else if (deadlineMs < this.#stop.deadlineMs) {
      this.#stop.deadlineMs = deadlineMs
      this.#stop.moved.abort()
    }
    return this.#stop.done
  }

  async #look(): Promise<void> {
    if (!this.isRunning) return
    const { exit } = readNotes(this.launch)
    if (exit !== undefined) return this.#settleExited(exit)
    const { process, wrapper } = this.#started
    if ((await this.#isAlive(process)) || (await this.#isAlive(wrapper))) return
    // The wrapper may have written its note between the two looks.
    const last = readNotes(this.launch).exit
    if (last !== undefined) return this.#settleExited(last)
    this.#settle({ kind: 'lost', startedAtMs: this.#started.atMs })
  }

  #settleExited({ code, atMs, isOutOfMemory }: NonNullable<LaunchNotes['exit']>): void {
    const isSignal = code > 128 && code <= 128 + 64
    const oomKills = this.#surroundings.cgroups?.oomKills(this.group) ?? 0
    this.#settle({
      kind: 'exited',
      startedAtMs: this.#started.atMs,
      finishedAtMs: Math.max(atMs, this.#started.atMs),
      exitCode: code,
      ...(isSignal && { signal: code - 128 }),
      ...((isOutOfMemory || oomKills > 0) && code !== 0 && { isOutOfMemory: true }),
    })
  }

  #settle(state: ContainerState): void {
    this.#state = state
    this.#markEnded()
    for (const end of this.#companions) end()
    this.#companions.clear()
  }

  async #isAlive(identity: ProcessIdentity): Promise<boolean> {
    const observed = await observeProcess(identity.pid)
    return isAlive(identity, { bootId: this.#surroundings.bootId, observed })
  }

  async #end(stop: Pick<Stop, 'deadlineMs' | 'moved'>, signal: number | undefined): Promise<void> {
    const { clock } = this.#surroundings
    if (this.isRunning && signal !== undefined) await this.#ask(signal, stop)
    while (this.isRunning) {
      const leftMs = stop.deadlineMs - clock.monotonicMs()
      if (leftMs <= 0) break
      stop.moved = new AbortController()
      const waiting = new AbortController()
      const wake = AbortSignal.any([stop.moved.signal, waiting.signal])
      const pause = clock.sleep(leftMs, { signal: wake }).catch(() => {
        // Woken: the deadline moved, or the container ended.
      })
      await Promise.race([pause, this.ended])
      waiting.abort()
    }
    await this.killAll()
  }

  /**
   * Sends the program a signal, and nobody else: whom of its children it ends, and when, is its own
   * business. Waits for a program whose sandbox is being made.
   */
  async #ask(signal: number, stop: Pick<Stop, 'deadlineMs'>): Promise<void> {
    const { clock } = this.#surroundings
    while (this.isRunning && clock.monotonicMs() < stop.deadlineMs) {
      const found = await this.program()
      if (found && (this.isSandboxed || leadsGroup(found.programPid))) {
        this.#known = found.inside
        const { hasTerminal } = this.launch.record
        const { programPid: pid } = found
        send(hasTerminal ? await programInTerminal(pid) : pid, signal)
        return
      }
      // Outside of sandboxes it is there from the start, or it has ended.
      if (!found && !this.isSandboxed) return
      await clock.sleep(20)
    }
  }

  /** Kills what is left, the program included; resolves when nothing is, nor its control group. */
  killAll(): Promise<void> {
    this.#killing ??= this.#killUntilGone().finally(() => {
      this.#killing = undefined
    })
    return this.#killing
  }

  async #killUntilGone(): Promise<void> {
    const { clock, cgroups } = this.#surroundings
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      await this.refresh()
      await this.#killProgram()
      const isGroupGone =
        !(await this.#killGroup(this.#started.process)) || (await this.#isGroupDead())
      const members = cgroups?.members(this.group) ?? []
      for (const pid of members) send(pid, 'SIGKILL')
      if (isGroupGone && members.length === 0 && !this.isRunning) break
      await clock.sleep(pauseMs)
    }
    if (cgroups) await this.#leave(cgroups)
  }

  /** Nobody is left in the control group; what it has counted outlives it for later lives of ours. */
  async #leave(cgroups: Cgroups): Promise<void> {
    const isNoted = cgroups.oomKills(this.group) === 0 || (await noteOutOfMemory(this.launch))
    if (isNoted) await leaveGroup(this.group, { cgroups, clock: this.#surroundings.clock })
  }

  /**
   * Among processes that are not its own, the program does not end with what bwrap has put inside; nor do
   * its children with a program that was told to end.
   */
  async #killProgram(): Promise<void> {
    if (this.launch.record.sandbox?.hasOwnProcesses !== false) return
    this.#known = (await this.program())?.inside ?? this.#known
    if (this.#known) await this.#killGroup({ ...this.#known, bootId: this.#started.process.bootId })
  }

  // Zombies take signals too; they stay until their parent, often init, has time for them.
  async #isGroupDead(): Promise<boolean> {
    if (this.isRunning) return false
    if (!send(-this.pid, 0)) return true
    const table = await readProcessTable()
    return !table.some((entry) => entry.group === this.pid && !entry.isZombie)
  }

  /** Kills a process group, and its leader alone while it has none; false when nobody is there. */
  async #killGroup(leader: ProcessIdentity): Promise<boolean> {
    const observed = await observeProcess(leader.pid)
    const now = { bootId: this.#surroundings.bootId, observed }
    if (!maySignalGroup(leader, now)) return false
    if (send(-leader.pid, 'SIGKILL')) return true
    return isAlive(leader, now) && send(leader.pid, 'SIGKILL')
  }
}

/** A stage may still ignore signals that mean something to its program. Where nobody can tell, it does not. */
function leadsGroup(pid: number): boolean {
  const stat = parseStat(readProc(`${pid}/stat`))
  return stat === undefined || stat.group === pid
}

// False: there is no such process (or it is not ours, which a checked identity rules out).
function send(target: number, signal: number | 'SIGKILL'): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}
