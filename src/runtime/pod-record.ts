// SPDX-License-Identifier: Apache-2.0
// What must survive kill -9 and neither the API nor the runtime can tell: pods/<uid>/pod.json.
//
// When it is written. The first start of a container waits for no write: until the record is there, the
// runtime's list proves that it runs, and the API hands the pod over again. Before a restart the record
// is synced, because it alone knows the back-off step and how earlier runs ended, which the runtime is
// about to forget. All else (started, ending, ended) is written after the fact: a record that lags is
// brought up to date by the runtime's list (decide/container-record.ts).
import { readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Pod, ResourceRequirements } from '../kube/types.gen.ts'
import type { PodRef } from '../provider/provider.ts'
import type { Logger } from '../util/logger.ts'
import { replaceFile } from '../util/replace-file.ts'
import { messageOf } from '../util/vk-error.ts'
import type { ContainerRecord } from './decide/container-record.ts'
import type { Ending, Failure } from './decide/pod-state.ts'
import { diskError, ifMissing } from './disk.ts'
import { podDir, podsDir } from './pod-dirs.ts'

export interface PodRecord {
  readonly ref: PodRef
  /** The pod as last handed over, without its status. */
  readonly pod?: Pod
  readonly startTimeMs: number
  readonly podIPs: readonly string[]
  /** As the runtime named it last. */
  readonly sandboxId?: string
  /** CPU and memory that the pod as a whole has, where it asks for some. */
  readonly podResources?: ResourceRequirements
  readonly containers: Readonly<Record<string, ContainerRecord>>
  readonly ending?: Ending
  readonly failure?: Failure
  /** Final: nothing runs, nothing is started again. */
  readonly endedAtMs?: number
}

const formatVersion = 1
const fileName = 'pod.json'

const terminationSchema = v.looseObject({
  attempt: v.number(),
  exitCode: v.number(),
  reason: v.string(),
  finishedAtMs: v.number(),
  containerId: v.string(),
  image: v.string(),
  imageId: v.string(),
})

const containerSchema = v.looseObject({
  attempt: v.number(),
  stage: v.picklist(['begun', 'started', 'ended']),
  image: v.string(),
  termination: v.optional(terminationSchema),
  lastTermination: v.optional(terminationSchema),
  backoff: v.optional(v.looseObject({ delayMs: v.number(), updatedAtMs: v.number() })),
  doom: v.optional(
    v.looseObject({ cause: v.string(), message: v.string(), deadlineMs: v.number() }),
  ),
  reset: v.optional(v.picklist(['all', 'sandbox'])),
  health: v.optional(
    v.looseObject({
      started: v.optional(v.boolean()),
      ready: v.optional(v.boolean()),
      failed: v.optional(v.looseObject({ probe: v.picklist(['liveness', 'startup']) })),
    }),
  ),
})

const recordSchema = v.looseObject({
  version: v.literal(formatVersion),
  ref: v.object({ namespace: v.string(), name: v.string(), uid: v.string() }),
  pod: v.optional(
    v.looseObject({
      metadata: v.looseObject({ name: v.string(), namespace: v.string(), uid: v.string() }),
      spec: v.looseObject({ containers: v.array(v.looseObject({ name: v.string() })) }),
    }),
  ),
  startTimeMs: v.number(),
  podIPs: v.array(v.string()),
  sandboxId: v.optional(v.string()),
  containers: v.record(v.string(), containerSchema),
  ending: v.optional(
    v.looseObject({
      cause: v.picklist(['deleted', 'failed', 'evicted', 'finished']),
      deadlineMs: v.number(),
    }),
  ),
  failure: v.optional(v.looseObject({ reason: v.string(), message: v.string() })),
  endedAtMs: v.optional(v.number()),
})

/** Writes one pod's record; the newest wins, one write at a time. */
export class PodRecordFile {
  readonly #path: string
  #next: { readonly record: PodRecord; readonly done: PromiseWithResolvers<void> } | undefined
  #writing: Promise<void> | undefined

  constructor(rootDir: string, uid: string) {
    this.#path = join(podDir(rootDir, uid), fileName)
  }

  /** Resolves once this record, or a newer one, is on the disk. */
  save(record: PodRecord): Promise<void> {
    this.#next = { record, done: this.#next?.done ?? Promise.withResolvers<void>() }
    const { promise } = this.#next.done
    this.#writing ??= this.#write()
    return promise
  }

  /** Resolves when no write is under way; its failure was told to whoever asked for it. */
  async whenIdle(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#next) {
      const { record, done } = this.#next
      this.#next = undefined
      try {
        await replaceFile(this.#path, JSON.stringify({ version: formatVersion, ...record }))
        done.resolve()
      } catch (error) {
        done.reject(diskError("write the pod's record", error))
      }
    }
    this.#writing = undefined
  }
}

/** Every pod record below the root; what cannot be read is set aside with a line in the log. */
export async function readPodRecords(
  rootDir: string,
  { log, keepUids }: { readonly log: Logger; readonly keepUids: ReadonlySet<string> },
): Promise<readonly PodRecord[]> {
  const uids = await readdir(podsDir(rootDir)).catch(ifMissing(() => []))
  const records: PodRecord[] = []
  // One by one: some thousand small files take a fraction of a second, and no descriptors.
  for (const uid of uids) {
    const record = await readPodRecord(join(podsDir(rootDir), uid), { log, uid })
    if (record) records.push(record)
    // Without a record and without a container nothing of the pod ever ran: it was only prepared.
    else if (!keepUids.has(uid)) await removeUnused(join(podsDir(rootDir), uid))
  }
  return records
}

async function readPodRecord(
  dir: string,
  { log, uid }: { readonly log: Logger; readonly uid: string },
): Promise<PodRecord | undefined> {
  const path = join(dir, fileName)
  try {
    const text = await readFile(path, 'utf8').catch(ifMissing(() => undefined))
    if (text === undefined) return undefined
    const record = v.parse(recordSchema, JSON.parse(text))
    if (record.ref.uid !== uid) throw new Error(`it belongs to uid "${record.ref.uid}"`)
    // The schema holds what decisions rest on; the rest was written from this very type.
    return record as unknown as PodRecord
  } catch (error) {
    const aside = `${path}.corrupt`
    log.error(
      { path: aside, error: messageOf(error) },
      'Pod record cannot be read and is set aside',
    )
    await rename(path, aside).catch(() => {
      // A disk that refuses this too does not keep the other pods from being adopted.
    })
    return undefined
  }
}

async function removeUnused(dir: string): Promise<void> {
  const entries = await readdir(dir).catch(() => [fileName])
  if (entries.some((entry) => entry.startsWith(fileName))) return
  await rm(dir, { recursive: true, force: true })
}
