// SPDX-License-Identifier: Apache-2.0
// All containers of one node that a record is left of. The end of one is told by its directory, which is
// watched, and by the exit of a wrapper that is our own child. Where the wrapper died, or nothing can be watched,
// a look once a second finds it.
import { mkdir } from 'node:fs/promises'
import type { ContainerStart } from '../../runtime/container-runtime.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import { endInput, makeInput } from './container-input.ts'
import { ContainerProcess } from './container-process.ts'
import {
  createLaunch,
  dropLaunch,
  forbidStart,
  groupOf,
  listLaunches,
  readNotes,
} from './exit-record.ts'
import type { Launch, LaunchNotes, LaunchRecord, SandboxRecord } from './exit-record.ts'
import { launchForked, SpawnerLost } from './forked-launch.ts'
import type { Sandbox } from './isolation/sandbox.ts'
import { scratchDir } from './isolation/prepare-sandbox.ts'
import { writeSandbox } from './isolation/sandboxed-program.ts'
import { removeTree } from './isolation/remove-tree.ts'
import type { LaunchPlan } from './launch-plan.ts'
import { launch } from './launcher.ts'
import { leaveGroup } from './leave-group.ts'
import type { RunTool } from './run-tool.ts'
import type { Spawner } from './spawner.ts'
import type { StartPlan } from './start-plan.ts'
import type { Surroundings } from './surroundings.ts'
import { watchDir } from './watched-dir.ts'
import type { WatchedDir } from './watched-dir.ts'

const lookEveryMs = 1000
/** Every how many looks a wrapper is asked whether it lives. */
const asksEvery = 10

export interface FleetOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly surroundings: Surroundings
  /** Undefined: each wrapper is a child of ours. */
  readonly spawner: Spawner | undefined
  readonly run: RunTool
}

/** How the end of a container is learned of. */
interface Watching extends Disposable {
  /** Its directory tells, as long as its wrapper lives. */
  isTold: boolean
}

type Started = NonNullable<LaunchNotes['started']>

/** What one launch needs besides its plan. */
export interface FleetLaunch {
  readonly id: string
  readonly start: ContainerStart
  readonly plan: StartPlan
}

/** The containers of a node, by id. */
export class ProcessFleet implements Disposable {
  readonly #dir: string
  readonly #options: FleetOptions
  readonly #containers = new Map<string, ContainerProcess>()
  readonly #listeners = new Set<(container: ContainerProcess) => void>()
  readonly #watched = new Map<ContainerProcess, Watching>()
  #timer: Disposable | undefined
  #looks = 0
  #isClosed = false

  private constructor(dir: string, options: FleetOptions) {
    this.#dir = dir
    this.#options = options
  }

  /** Reads `dir` and adopts what was started; sweeps what never was. */
  static async open(dir: string, options: FleetOptions): Promise<ProcessFleet> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const fleet = new ProcessFleet(dir, options)
    for (const found of await listLaunches(dir)) await fleet.#adopt(found)
    fleet.#sweepCgroups()
    return fleet
  }

  get(id: string): ContainerProcess | undefined {
    return this.#containers.get(id)
  }

  all(): readonly ContainerProcess[] {
    return [...this.#containers.values()]
  }

  idsOf(podUid: string): readonly string[] {
    return this.all()
      .map(({ launch }) => launch.record)
      .filter(({ key }) => key.pod.uid === podUid)
      .map(({ id }) => id)
  }

  /** Those of the pod that run. */
  runningOf(podUid: string): readonly ContainerProcess[] {
    return this.all().filter(
      ({ isRunning, launch }) => isRunning && launch.record.key.pod.uid === podUid,
    )
  }

  /** Calls back once for each container that ends. */
  onEnd(listener: (container: ContainerProcess) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Starts a container; rejects, leaving nothing, when its stage did not get as far as the program. */
  async launch(what: FleetLaunch): Promise<ContainerProcess> {
    try {
      return await this.#launch(what, this.#options.spawner)
    } catch (error) {
      if (!(error instanceof SpawnerLost)) throw error
      return await this.#launch(what, undefined)
    }
  }

  async #launch(
    { id, start, plan }: FleetLaunch,
    spawner: Spawner | undefined,
  ): Promise<ContainerProcess> {
    const { surroundings, clock } = this.#options
    const { cgroups } = surroundings
    const made = await createLaunch(this.#dir, this.#recordOf({ id, start, plan }))
    const watched = spawner?.isOfUse === true ? watchDir(made.dir) : undefined
    try {
      if (plan.podGroup) cgroups?.create(plan.podGroup.name, plan.podGroup.limits)
      const cgroupFiles = cgroups?.create(groupOf(made), plan.limits) ?? []
      const killFile = cgroups?.killFile(groupOf(made))
      const { tools } = surroundings
      if (plan.hasInput) {
        const input = { mkfifo: tools.mkfifo, user: plan.runsAs, run: this.#options.run }
        await makeInput(made.dir, input)
      }
      if (plan.isolation) await writeSandbox(made.dir, plan.isolation)
      const whole = { ...plan, dir: made.dir, cgroupFiles, killFile }
      if (!spawner || !watched) return await this.#launchAsChild(made, whole)
      const forked = { spawner, tools, clock, watched }
      const container = this.#register(made, await launchForked({ made, plan: whole }, forked))
      this.#watch(container, { watched, hasWrapper: true })
      await this.#look(container)
      return container
    } catch (error) {
      watched?.[Symbol.dispose]()
      await dropLaunch(made.dir)
      if (cgroups) await leaveGroup(groupOf(made), { cgroups, clock })
      throw error
    }
  }

  #recordOf({ id, start, plan }: FleetLaunch): LaunchRecord {
    return {
      version: 1,
      id,
      key: start.key,
      image: start.spec.image ?? '',
      imageId: plan.imageId,
      user: plan.runsAs,
      bootId: this.#options.surroundings.bootId,
      ...(plan.podGroup && { podGroup: plan.podGroup.name }),
      ...(start.spec.tty === true && { hasTerminal: true as const }),
      ...(plan.isolation && { sandbox: sandboxRecord(plan.isolation, start) }),
    }
  }

  async #launchAsChild(made: Launch, plan: LaunchPlan): Promise<ContainerProcess> {
    const wrapper = await launch(plan, this.#options.surroundings)
    const { started } = readNotes(made)
    if (started === undefined) throw new Error('the stage has left no note')
    const container = this.#register(made, started)
    wrapper.once('exit', () => void this.#wrapperEnded(container))
    if (wrapper.exitCode !== null || wrapper.signalCode !== null) {
      void this.#wrapperEnded(container)
    }
    return container
  }

  /** Ends a container where it still runs, and forgets it. */
  async remove(id: string): Promise<void> {
    const container = this.#containers.get(id)
    if (container === undefined) return
    await container.stop({ graceMs: 0, signal: 9 })
    if (this.#containers.get(id) === container) this.#containers.delete(id)
    this.#unwatch(container)
    // The keeper of an input outlives a wrapper that was killed.
    endInput(container.launch.dir)
    await removeScratch(container.launch.record)
    await dropLaunch(container.launch.dir)
    // Where what it had counted could not be noted, it is there still.
    this.#options.surroundings.cgroups?.remove(container.group)
  }

  /** Stops looking; the processes run on. */
  [Symbol.dispose](): void {
    this.#isClosed = true
    this.#timer?.[Symbol.dispose]()
    for (const watching of this.#watched.values()) watching[Symbol.dispose]()
    this.#watched.clear()
    this.#options.surroundings.cgroups?.release()
    this.#options.spawner?.[Symbol.dispose]()
    this.#listeners.clear()
  }

  async #adopt(found: Launch): Promise<void> {
    if (readNotes(found).started === undefined) await forbidStart(found)
    const { started } = readNotes(found)
    if (started === undefined) {
      await dropLaunch(found.dir)
      return
    }
    const container = this.#register(found, started)
    await container.refresh()
    const hasWrapper = await container.isWrapperAlive()
    if (container.isRunning) this.#watch(container, { hasWrapper })
    else void this.#killLeftovers(container)
  }

  #register(made: Launch, started: Started): ContainerProcess {
    const { clock, surroundings } = this.#options
    const { bootId, cgroups } = surroundings
    const container = new ContainerProcess(made, started, { clock, bootId, cgroups })
    this.#containers.set(made.record.id, container)
    void container.ended.then(() => this.#ended(container))
    return container
  }

  async #wrapperEnded(container: ContainerProcess): Promise<void> {
    if (this.#isClosed) return
    await this.#look(container)
    // A look that was under way may have come too early.
    if (container.isRunning) await this.#look(container)
    // The wrapper was killed, and the program runs on alone.
    if (container.isRunning) this.#watch(container, { hasWrapper: false })
  }

  #ended(container: ContainerProcess): void {
    this.#unwatch(container)
    if (this.#isClosed) return
    this.#options.spawner?.buryDead()
    void this.#killLeftovers(container)
    for (const listener of this.#listeners) listener(container)
  }

  // Processes that left the group outlive the wrapper's own kill; the control group has them still.
  async #killLeftovers(container: ContainerProcess): Promise<void> {
    try {
      await container.killAll()
    } catch (error) {
      const { id } = container.launch.record
      this.#options.log.error({ id, error: messageOf(error) }, 'Cannot end what a container left')
    }
  }

  #watch(
    container: ContainerProcess,
    {
      watched = watchDir(container.launch.dir),
      hasWrapper,
    }: { readonly watched?: WatchedDir | undefined; readonly hasWrapper: boolean },
  ): void {
    if (this.#isClosed || this.#watched.has(container) || !container.isRunning) {
      watched?.[Symbol.dispose]()
      return
    }
    if (watched) watched.onChange = (name) => void (isOfEnd(name) && this.#look(container))
    this.#watched.set(container, {
      isTold: watched !== undefined && hasWrapper,
      [Symbol.dispose]: () => watched?.[Symbol.dispose](),
    })
    this.#timer ??= this.#nextLook()
  }

  #unwatch(container: ContainerProcess): void {
    this.#watched.get(container)?.[Symbol.dispose]()
    this.#watched.delete(container)
  }

  #nextLook(): Disposable {
    return this.#options.clock.setTimer(lookEveryMs, () => {
      this.#timer = undefined
      if (this.#isClosed || this.#watched.size === 0) return
      this.#looks += 1
      let turn = this.#looks
      for (const [container, watching] of this.#watched) {
        turn += 1
        if (!watching.isTold || turn % asksEvery === 0) void this.#lookIfUntold(container, watching)
      }
      this.#timer = this.#nextLook()
    })
  }

  async #lookIfUntold(container: ContainerProcess, watching: Watching): Promise<void> {
    await this.#tryTo(container, async () => {
      if (watching.isTold) watching.isTold = await container.isWrapperAlive()
      if (!watching.isTold) await container.refresh()
    })
  }

  async #look(container: ContainerProcess): Promise<void> {
    await this.#tryTo(container, () => container.refresh())
  }

  /** Never rejects: a later look may go well. */
  async #tryTo(container: ContainerProcess, look: () => Promise<void>): Promise<void> {
    try {
      await look()
    } catch (error) {
      const { id } = container.launch.record
      this.#options.log.error({ id, error: messageOf(error) }, 'Cannot read the state of a process')
    }
  }

  // Groups in this node's folder are its own; one that no record names was left by a broken removal.
  #sweepCgroups(): void {
    const { cgroups } = this.#options.surroundings
    const known = new Set(
      this.all().flatMap(({ group, launch: { record } }) => [group, record.podGroup]),
    )
    for (const name of cgroups?.list() ?? []) {
      if (!known.has(name)) cgroups?.remove(name)
    }
  }
}

function sandboxRecord(sandbox: Sandbox, { attemptDir }: ContainerStart): SandboxRecord {
  const { hasOwnProcesses, hasKit, capabilities, filter, memory } = sandbox
  const scratch = scratchDir(attemptDir)
  return {
    hasOwnProcesses,
    hasKit,
    scratch,
    ...(capabilities && { capabilities }),
    ...(filter && { starter: filter.starter }),
    ...(memory && { holdsMemory: true as const }),
  }
}

async function removeScratch({ sandbox }: LaunchRecord): Promise<void> {
  if (sandbox) await removeTree(sandbox.scratch)
}

/** May the change be that the wrapper has noted the end? */
function isOfEnd(name: string | null): boolean {
  return name === null || name === 'exit'
}
