// SPDX-License-Identifier: Apache-2.0
// The facts of one pod: the record, brought up to date with every piece of news from the runtime, and
// its copy on the disk. Container logs follow from here too: tailed while a run lasts, finished after.
import { isDeepStrictEqual } from 'node:util'
import type { Container, Pod, ResourceRequirements } from '../kube/types.gen.ts'
import type { PodRef } from '../provider/provider.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import type { ContainerKey, RuntimeContainer, SandboxState } from './container-runtime.ts'
import {
  foldContainer,
  resetTermination,
  type ContainerRecord,
  type Doom,
  type Termination,
  type Verdicts,
} from './decide/container-record.ts'
import type { CrashBackoff } from './decide/crash-backoff.ts'
import { verdictsOfStatus } from './decide/container-health.ts'
import { findContainer, podContainers } from './decide/pod-containers.ts'
import { withGraceAnew } from './decide/grace-anew.ts'
import { gracePeriodMs } from './decide/plan-container.ts'
import type { Reset } from './decide/pod-state.ts'
import { recordFromStatus } from './decide/record-from-status.ts'
import { resetAll, resetForSandbox } from './decide/reset-containers.ts'
import type { MachineDeps } from './machine-deps.ts'
import { attemptDir } from './pod-dirs.ts'
import { PodRecordFile, type PodRecord } from './pod-record.ts'
import { PodRuns } from './pod-runs.ts'

/** Everything known of one pod. */
export class PodLedger {
  readonly runs: PodRuns = new PodRuns()
  readonly #deps: MachineDeps
  readonly #log: Logger
  readonly #file: PodRecordFile
  #record: PodRecord
  #saved: PodRecord | undefined
  /** By the API, since our start. */
  #isHandedOver = false

  constructor(
    deps: MachineDeps,
    initial: { ref: PodRef; record?: PodRecord | undefined; log: Logger },
  ) {
    const { ref, record, log } = initial
    const startTimeMs = deps.host.clock.nowMs()
    this.#deps = deps
    this.#log = log
    this.#file = new PodRecordFile(deps.host.rootDir, ref.uid)
    this.#record = record
      ? withGraceAnew(record, startTimeMs)
      : { ref, startTimeMs, podIPs: [], containers: {} }
    this.#saved = record
  }

  get record(): PodRecord {
    return this.#record
  }

  get hasEnded(): boolean {
    return this.#record.endedAtMs !== undefined
  }

  container(name: string): ContainerRecord | undefined {
    return this.#record.containers[name]
  }

  /** The run that the container's record is about, as the runtime has it. */
  currentRun(name: string): RuntimeContainer | undefined {
    const record = this.container(name)
    if (!record) return undefined
    // Before the runtime has heard of a restart, the run before is the newest there is.
    return this.runs.get(name, record.stage === 'begun' ? record.attempt - 1 : record.attempt)
  }

  running(): readonly ContainerKey[] {
    return Object.entries(this.#record.containers)
      .filter(([, { stage }]) => stage === 'started')
      .map(([name, { attempt }]) => ({ pod: this.#record.ref, name, attempt }))
  }

  /** Changes facts about the pod as a whole; without a change nothing is written later. */
  update(change: Partial<Omit<PodRecord, 'ref' | 'containers'>>): void {
    const next = { ...this.#record, ...change }
    if (JSON.stringify(next.podIPs) === JSON.stringify(this.#record.podIPs)) {
      next.podIPs = this.#record.podIPs
    }
    const keys = Object.keys(change) as (keyof typeof change)[]
    if (keys.some((key) => next[key] !== this.#record[key])) this.#record = next
  }

  /**
   * The pod as handed over; its status is not ours to keep. True when it says of what runs other things than
   * were told here before.
   */
  setPod(pod: Pod, startTimeMs: number | undefined): boolean {
    const { status: _, ...kept } = pod
    const isNew = this.#record.pod === undefined
    this.update({ pod: kept, ...(isNew && startTimeMs !== undefined && { startTimeMs }) })
    if (isNew) this.#remember(pod)
    for (const { spec } of podContainers(pod)) {
      const { name, image = '', resources = {} } = spec
      const record = this.container(name)
      if (record?.image === '') this.#set(name, { ...record, image, resources })
    }
    const isFirst = !this.#isHandedOver
    this.#isHandedOver = true
    const isNews = isFirst && this.#rememberVerdicts(pod)
    // As long as nobody knew the pod, its containers seemed to have no probes.
    return isNews || (isNew && this.running().length > 0)
  }

  addRun(run: RuntimeContainer): void {
    this.runs.add(run, this.#deps.epoch())
    this.#fold(run.key.name, false)
  }

  /** Takes in a full list; true when it changed anything. */
  setRuns(runs: readonly RuntimeContainer[], epoch: number): boolean {
    const before = this.#record
    this.runs.replace(runs, epoch)
    const names = new Set([...Object.keys(this.#record.containers), ...this.runs.names])
    for (const name of names) this.#fold(name, true)
    return this.#record !== before
  }

  /**
   * Notes that a run is about to be started. From the second run on the record must be on the disk
   * first: it alone knows the back-off step and the end of the run before.
   */
  async begin(
    { name, image = '', resources = {} }: Container,
    { attempt, backoff }: { readonly attempt: number; readonly backoff?: CrashBackoff },
  ): Promise<void> {
    const { pod, podResources = pod?.spec.resources } = this.record
    if (podResources) this.update({ podResources })
    const before = this.container(name)
    const last = lastTerminationOf(before)
    this.#set(name, {
      attempt,
      stage: 'begun',
      image,
      resources,
      ...(last && { lastTermination: last }),
      ...(backoff && { backoff }),
    })
    if (attempt > 0) await this.#saveNow()
  }

  /** Notes the end of a run that the runtime does not know. */
  end(name: string, termination: Termination): void {
    const record = this.container(name)
    if (record) this.#set(name, { ...record, stage: 'ended', termination })
  }

  /** The run is to be stopped while the pod goes on; on the disk before anything is done about it. */
  async condemn(name: string, doom: Doom): Promise<void> {
    const container = this.container(name)
    if (container?.stage !== 'started' || container.doom) return
    this.#set(name, { ...container, doom })
    await this.#saveNow()
  }

  /** All init and regular containers are to be started anew; on the disk before any is stopped. */
  async resetAll(reset: Reset): Promise<void> {
    const { pod } = this.#record
    if (!pod) return
    const nowMs = this.#deps.host.clock.nowMs()
    this.#setAll(resetAll(pod, this.#all, { reset, nowMs }))
    await this.#saveNow()
  }

  /** The pod's sandbox as the runtime has it now; true when it is another than before. */
  async noteSandbox({ id, podIPs }: SandboxState): Promise<boolean> {
    const { pod, sandboxId } = this.#record
    // A life that was killed before it wrote anything down has left the runs alone, which know it too.
    const known = sandboxId === undefined ? this.runs.sandboxIds : new Set([sandboxId])
    this.update({ podIPs, ...(id !== undefined && { sandboxId: id }) })
    const isOther = id !== undefined && known.size > 0 && !known.has(id)
    if (!pod || !isOther) return false
    const deadlineMs = this.#deps.host.clock.nowMs() + gracePeriodMs(pod)
    this.#setAll(resetForSandbox(pod, this.#all, { deadlineMs }))
    await this.#saveNow()
    return true
  }

  /** Runs of which nobody has looked yet what they say about their end. */
  endsWithoutMessage(): readonly { readonly key: ContainerKey; readonly end: Termination }[] {
    const { ref: pod, containers } = this.#record
    return Object.entries(containers).flatMap(([name, { attempt, termination: end, ...record }]) =>
      record.isMessagePending && end ? [{ key: { pod, name, attempt }, end }] : [],
    )
  }

  /** Notes what a run says about its end; empty for nothing. */
  setMessage({ name, attempt }: ContainerKey, message: string): void {
    const container = this.container(name)
    if (container?.attempt !== attempt || !container.termination) return
    const { isMessagePending: _, termination, ...kept } = container
    const end = message === '' ? termination : { ...termination, message }
    this.#set(name, { ...kept, termination: end })
  }

  /** What the present run has of CPU and memory from now on. */
  async noteResources(
    { name, attempt }: ContainerKey,
    resources: ResourceRequirements,
  ): Promise<void> {
    const container = this.container(name)
    if (container?.attempt !== attempt) return
    this.#set(name, { ...container, resources })
    await this.#saveNow()
  }

  /** What the pod as a whole has from now on. */
  async notePodResources(podResources: ResourceRequirements): Promise<void> {
    this.update({ podResources })
    await this.#saveNow()
  }

  /** What became of a hook of the present run. */
  noteHook(
    { name, attempt }: ContainerKey,
    outcome: Pick<ContainerRecord, 'postStart' | 'isPreStopDone'>,
  ): void {
    const container = this.container(name)
    if (container?.attempt === attempt) this.#set(name, { ...container, ...outcome })
  }

  /** What a probe has found out about a run that goes on; true when it is news. */
  noteVerdict({ name, attempt }: ContainerKey, verdicts: Verdicts): boolean {
    const container = this.container(name)
    if (container?.attempt !== attempt || container.stage !== 'started') return false
    const health = { ...container.health, ...verdicts }
    if (isDeepStrictEqual(health, container.health ?? {})) return false
    this.#set(name, { ...container, health })
    return true
  }

  /** Writes the record if it changed; false when it could not be written. */
  async save(): Promise<boolean> {
    const record = this.#record
    if (record === this.#saved) return true
    try {
      await this.#file.save(record)
      this.#saved = record
      return true
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'Pod record cannot be written yet')
      return false
    }
  }

  async flush(): Promise<void> {
    await this.#file.whenIdle()
  }

  /** What was told of probes before our start may never have reached the disk. */
  #rememberVerdicts({ status }: Pod): boolean {
    let isNews = false
    for (const key of this.running()) {
      const { containerId } = this.currentRun(key.name) ?? {}
      const spec = findContainer(this.#record.pod, key.name)?.spec
      if (containerId === undefined || !spec) continue
      const verdicts = verdictsOfStatus(status, { spec, containerId })
      isNews = this.noteVerdict(key, verdicts) || isNews
    }
    return isNews
  }

  /** What only the API knows any more. Init containers run again: whatever they made is lost as well. */
  #remember(pod: Pod): void {
    const nowMs = this.#deps.host.clock.nowMs()
    const {
      containerStatuses = [],
      initContainerStatuses = [],
      ephemeralContainerStatuses = [],
    } = pod.status ?? {}
    const all = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses]
    for (const { spec, role } of podContainers(pod)) {
      const known = all.find(({ name }) => name === spec.name)
      const record = known && recordFromStatus(known, nowMs)
      if (!record || this.container(spec.name)) continue
      this.#set(spec.name, role === 'ephemeral' ? record : { ...record, reset: 'sandbox' })
    }
  }

  async #saveNow(): Promise<void> {
    const record = this.#record
    await this.#file.save(record)
    this.#saved = record
  }

  #fold(name: string, isComplete: boolean): void {
    const record = this.container(name)
    const runs = this.runs.of(name)
    const nowMs = this.#deps.host.clock.nowMs()
    const folded = foldContainer({ record, runs, isComplete, nowMs })
    if (!folded) return
    const spec = findContainer(this.#record.pod, name)?.spec
    const image = folded.image === '' ? (spec?.image ?? '') : folded.image
    const next = image === folded.image ? folded : { ...folded, image }
    if (JSON.stringify(next) !== JSON.stringify(record)) this.#set(name, next)
    this.#followLog(name, next)
  }

  get #all(): ReadonlyMap<string, ContainerRecord> {
    return new Map(Object.entries(this.#record.containers))
  }

  #setAll(containers: ReadonlyMap<string, ContainerRecord>): void {
    this.#record = { ...this.#record, containers: Object.fromEntries(containers) }
  }

  #set(name: string, container: ContainerRecord): void {
    const containers = { ...this.#record.containers, [name]: container }
    this.#record = { ...this.#record, containers }
  }

  #followLog(name: string, { attempt, stage }: ContainerRecord): void {
    if (stage === 'begun' || this.#deps.runtime.logs) return
    const dir = attemptDir(this.#deps.host.rootDir, { pod: this.#record.ref, name, attempt })
    if (stage === 'started') this.#deps.logs.tail(dir)
    else this.#deps.logs.finish(dir)
  }
}

/** The end that becomes `lastState` once the next run is begun. */
function lastTerminationOf(before: ContainerRecord | undefined): Termination | undefined {
  if (before?.stage !== 'ended') return before?.lastTermination
  const { termination, reset } = before
  return termination && reset === 'all' ? resetTermination(termination) : termination
}
