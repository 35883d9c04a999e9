// SPDX-License-Identifier: Apache-2.0
// How much of the node's disk each pod takes: its volumes there, and the files of its containers (output,
// and what a runtime keeps beside it). Trees are walked a few at a time, and one that took long is not walked
// again for many times as long: huge trees cost a small share of the disk's time, whoever asks.
import type { Pod } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { containerDir, volumeDir } from '../pod-dirs.ts'
import { podContainers } from '../decide/pod-containers.ts'
import { measureUsage, type VolumeUsage } from '../volumes/volume-usage.ts'

/** What a pod takes; what is not there yet, or cannot be read, is left out. */
export interface PodStorage {
  readonly atMs: number
  /** By name: volumes whose files lie on the node's own disk. */
  readonly volumes: ReadonlyMap<string, VolumeUsage>
  /** By name of the container: the output of its runs that are kept. */
  readonly logs: ReadonlyMap<string, VolumeUsage>
}

export interface StorageMeterOptions {
  readonly clock: Clock
  readonly rootDir: string
}

export interface Freshness {
  /** A measurement that is not older will do. */
  readonly maxAgeMs: number
  readonly signal: AbortSignal
}

/** Walks under way at the same time. */
const lanes = 2
/** After a walk, this many times as long passes before the next of the same pod. */
const restFactor = 20

interface Entry {
  storage: PodStorage | undefined
  /** When it was begun to measure that, on the stopwatch: a clock that is set back makes no figure fresh. */
  beganMs: number
  durationMs: number
  walking: Promise<PodStorage> | undefined
}

/** Measures pods until it is disposed of; remembers each until it is forgotten. */
export class StorageMeter implements Disposable {
  readonly #options: StorageMeterOptions
  readonly #entries = new Map<string, Entry>()
  readonly #waiting: (() => void)[] = []
  readonly #lifetime = new AbortController()
  #free = lanes

  constructor(options: StorageMeterOptions) {
    this.#options = options
  }

  /** The pod's storage; rejects only when the signal aborts, or at the end. Callers at the same time share one walk. */
  async storageOf(pod: Pod, { maxAgeMs, signal }: Freshness): Promise<PodStorage> {
    const { clock } = this.#options
    const { uid } = pod.metadata
    const entry = this.#entries.get(uid) ?? newEntry()
    this.#entries.set(uid, entry)
    const { storage } = entry
    const ageMs = storage ? clock.monotonicMs() - entry.beganMs : Infinity
    if (storage && ageMs <= Math.max(maxAgeMs, entry.durationMs * restFactor)) return storage
    // Whoever asks may go away; the walk serves the next one.
    entry.walking ??= this.#walk(pod, entry).finally(() => (entry.walking = undefined))
    return await untilAborted(entry.walking, signal)
  }

  /** Forgets a pod that is gone. */
  forget(uid: string): void {
    this.#entries.delete(uid)
  }

  [Symbol.dispose](): void {
    this.#lifetime.abort()
  }

  async #walk(pod: Pod, entry: Entry): Promise<PodStorage> {
    const { clock } = this.#options
    const { signal } = this.#lifetime
    await this.#enterLane()
    const startMs = clock.monotonicMs()
    try {
      const storage = {
        atMs: clock.nowMs(),
        volumes: await measureAll(this.#volumeDirs(pod), signal),
        logs: await measureAll(this.#logDirs(pod), signal),
      }
      entry.storage = storage
      entry.beganMs = startMs
      entry.durationMs = clock.monotonicMs() - startMs
      return storage
    } finally {
      this.#leaveLane()
    }
  }

  #volumeDirs({ metadata: { uid }, spec }: Pod): readonly NamedDir[] {
    return (spec.volumes ?? [])
      .filter(({ emptyDir, configMap, secret, projected, downwardAPI }) =>
        emptyDir ? !emptyDir.medium : (configMap ?? secret ?? projected ?? downwardAPI),
      )
      .map(({ name }) => [name, volumeDir(this.#options.rootDir, { uid, volume: name })])
  }

  #logDirs(pod: Pod): readonly NamedDir[] {
    return podContainers(pod).map(({ spec: { name } }) => [
      name,
      containerDir(this.#options.rootDir, { pod: pod.metadata, name }),
    ])
  }

  async #enterLane(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    await new Promise<void>((enter) => this.#waiting.push(enter))
  }

  #leaveLane(): void {
    const enter = this.#waiting.shift()
    if (enter) enter()
    else this.#free += 1
  }
}

type NamedDir = readonly [name: string, dir: string]

function newEntry(): Entry {
  return { storage: undefined, beganMs: 0, durationMs: 0, walking: undefined }
}

async function measureAll(
  dirs: readonly NamedDir[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, VolumeUsage>> {
  const usages = new Map<string, VolumeUsage>()
  for (const [name, dir] of dirs) {
    // Not made yet, or gone with its pod.
    const usage = await measureUsage(dir, signal).catch(() => undefined)
    signal.throwIfAborted()
    if (usage) usages.set(name, usage)
  }
  return usages
}
