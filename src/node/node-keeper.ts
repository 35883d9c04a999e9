// SPDX-License-Identifier: Apache-2.0
// What we know of one Node object and what is done about it: each pass compares the newest known state
// with what is desired, and registers, patches or leaves it alone. States come from our own answers and
// from the watch, in any order; the newest wins, and a deleted Node does not come back by a late reply.
import { isNotFound } from '../kube/api-error.ts'
import type { Change } from '../kube/informer.ts'
import type { Node } from '../kube/types.gen.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { behaviourOf, messageOf, UserError } from '../util/vk-error.ts'
import type { DesiredNode } from './node-object.ts'
import type { NodeWriter } from './node-writer.ts'

export interface NodeKeeperOptions {
  readonly writer: NodeWriter
  /** What the Node should be now. */
  readonly desired: () => DesiredNode
  /** False while going down: a Node that is gone stays gone. */
  readonly mayCreate: () => boolean
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** Between two writes of an unchanged status. */
  readonly reportMs: number
  /** The Node has a new state in the API. */
  readonly onChange: (node: Node, change: { readonly isNewUid: boolean }) => void
  /** The API server has this status from us, or had it already. */
  readonly onReported: (desired: DesiredNode) => void
}

const driftGapMs = 10_000
const registerRetries = { baseMs: 100, factor: 2, capMs: 7000, jitter: 0.2 }

/** Keeps one Node object right. Passes must not overlap. */
export class NodeKeeper {
  readonly #options: NodeKeeperOptions
  #node: Node | undefined
  #uid: string | undefined
  #deletedUid: string | undefined
  #nextReportMs = 0
  #lastDriftMs = Number.NEGATIVE_INFINITY
  #isInDoubt = false
  #hasLeft = false

  constructor(options: NodeKeeperOptions) {
    this.#options = options
  }

  /** The newest known state; undefined while there is no Node. */
  get node(): Node | undefined {
    return this.#node
  }

  /** uid of the Node, or of the one there was last. */
  get uid(): string | undefined {
    return this.#uid
  }

  /** Something hints that the known state is wrong: the next pass asks the API server. */
  doubt(): void {
    this.#isInDoubt = true
  }

  /** Tries to register until it works; rejects for what no waiting can mend. */
  async register(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#options
    for (let failures = 1; ; failures++) {
      try {
        await this.#registerOnce(signal)
        return
      } catch (error) {
        if (signal.aborted || error instanceof UserError || !behaviourOf(error).isTransient) {
          throw error
        }
        const level = failures === 1 || failures % 10 === 0 ? 'warn' : 'debug'
        log[level]({ error: messageOf(error) }, 'Cannot register the node yet')
        await clock.sleep(backoffMs(failures, registerRetries, random), { signal })
      }
    }
  }

  /** Makes the Node what it should be, whatever happened to it. */
  async pass(signal: AbortSignal): Promise<void> {
    if (this.#hasLeft) return
    const { mayCreate, log } = this.#options
    if (this.#node !== undefined) {
      try {
        await this.#write(signal)
        return
      } catch (error) {
        if (!isNotFound(error)) throw error
        this.#forget()
      }
    }
    if (!mayCreate()) return
    log.warn({}, 'The node is gone from the API, registering it again')
    await this.#registerOnce(signal)
    await this.#write(signal)
  }

  /** Takes in what the watch tells; true when a pass is needed. */
  observe(change: Change<Node>): boolean {
    const { object } = change
    if (change.type === 'deleted') {
      // One that is not the one we know: an older one, or the watch knows more than we do.
      if (object.metadata.uid === this.#node?.metadata.uid) this.#forget()
      else this.doubt()
      return true
    }
    return this.#accept(object) && this.#isDriftUrgent(object)
  }

  // What somebody has undone is put right at once, but whoever undoes it again and again gets an answer
  // only with the regular pass: two controllers must not chase each other.
  #isDriftUrgent(node: Node): boolean {
    const { writer, desired, clock } = this.#options
    if (!writer.isWriteNeeded(node, desired())) return false
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#lastDriftMs < driftGapMs) return false
    this.#lastDriftMs = nowMs
    return true
  }

  /** Deletes the Node, and nothing is written any more; false when it may not be deleted. */
  async leave(signal: AbortSignal): Promise<boolean> {
    const node = this.#node
    this.#hasLeft = true
    const isGone = node === undefined || (await this.#options.writer.deleteNode(node, signal))
    this.#hasLeft = isGone
    return isGone
  }

  async #registerOnce(signal: AbortSignal): Promise<void> {
    const { writer, desired } = this.#options
    this.#accept(await writer.register(desired(), signal))
    this.#scheduleReport({ isAfterChange: true })
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { writer, clock, onReported } = this.#options
    const desired = this.#options.desired()
    const { node, wrote } = await writer.write(desired, {
      known: this.#isInDoubt ? undefined : this.#node,
      isHeartbeatDue: clock.monotonicMs() >= this.#nextReportMs,
      signal,
    })
    this.#isInDoubt = false
    if (wrote !== 'none') this.#scheduleReport({ isAfterChange: wrote === 'change' })
    onReported(desired)
    this.#accept(node)
  }

  // Nodes that changed together (the API server was away) do not report together ever after.
  #scheduleReport({ isAfterChange }: { readonly isAfterChange: boolean }): void {
    const { clock, random, reportMs } = this.#options
    const delayMs = isAfterChange ? reportMs * (0.5 + random()) : reportMs
    this.#nextReportMs = clock.monotonicMs() + delayMs
  }

  #accept(node: Node): boolean {
    const { uid } = node.metadata
    if (uid === this.#deletedUid) return false
    if (this.#node !== undefined && !isNewer(node, this.#node)) return false
    const isNewUid = uid !== this.#uid
    this.#node = node
    this.#uid = uid
    this.#options.onChange(node, { isNewUid })
    return true
  }

  #forget(): void {
    this.#deletedUid = this.#node?.metadata.uid
    this.#node = undefined
  }
}

function isNewer(a: Node, b: Node): boolean {
  const [versionA = '', versionB = ''] = [a.metadata.resourceVersion, b.metadata.resourceVersion]
  if (versionA.length !== versionB.length) return versionA.length > versionB.length
  return versionA > versionB
}
