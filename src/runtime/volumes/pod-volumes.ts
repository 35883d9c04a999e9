// SPDX-License-Identifier: Apache-2.0
// The volumes of one pod on the host's disk: set up before the first container starts, their files
// rewritten when a token is due or an object has changed. What fails then leaves the old files. After a
// restart of ours everything is set up again, which finds what is there and changes nothing.
import { isServiceAccountVolume } from '../../provider/feature-check.ts'
import type { Features } from '../../provider/features.ts'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type {
  CallContext,
  PodFacts,
  PodRequest,
  ProviderHost,
  ResolvedContainer,
} from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import type { ContainerMount, ContainerRuntime, VolumeSupport } from '../container-runtime.ts'
import { volumeDir } from '../pod-dirs.ts'
import { containerMounts, type ReadyVolume } from './container-mounts.ts'
import { volumesToSetUp } from './pod-volume-list.ts'
import { readVolumeFile } from './read-volume-file.ts'
import { setUpVolume } from './set-up-volume.ts'
import { variablesOf, withVariables } from './volume-variables.ts'

export interface PodVolumesDeps {
  readonly runtime: Pick<ContainerRuntime, 'features' | 'volumes'>
  readonly host: ProviderHost
}

/** What a container starts with: its words, and where its volumes are. */
export interface ContainerWithVolumes {
  readonly resolved: ResolvedContainer
  readonly mounts: readonly ContainerMount[]
}

const byVariable: VolumeSupport = { delivery: 'variable' }

/** The pod's volumes as places on the host. */
export class PodVolumes {
  readonly #host: ProviderHost
  readonly #features: Features
  readonly #support: VolumeSupport
  readonly #ready = new Map<string, ReadyVolume>()
  readonly #refreshAtMs = new Map<string, number>()
  readonly #stale = new Set<string>()
  readonly #withoutClaim = new Set<string>()
  readonly #writing = new Set<Promise<unknown>>()

  constructor({ runtime, host }: PodVolumesDeps) {
    this.#host = host
    this.#features = runtime.features
    this.#support = runtime.volumes ?? byVariable
  }

  /** Directories by volume name. */
  get dirs(): ReadonlyMap<string, string> {
    return new Map([...this.#ready].map(([name, { hostPath }]) => [name, hostPath]))
  }

  /** When `write` has something to do again. */
  get refreshAtMs(): number | undefined {
    return this.#refreshAtMs.size === 0 ? undefined : Math.min(...this.#refreshAtMs.values())
  }

  /** Volumes whose claim cannot be used yet: it is not known where they are. */
  get withoutClaim(): ReadonlySet<string> {
    return this.#withoutClaim
  }

  /** Are the volumes there, if perhaps due for a renewal? */
  isThere(pod: Pod): boolean {
    return this.missing(pod).length === 0
  }

  /** Names of the volumes that are not there yet, sorted. */
  missing(pod: Pod): readonly string[] {
    const names = volumesToSetUp(pod, this.#features).map(({ name }) => name)
    return names.filter((name) => !this.#ready.has(name)).sort()
  }

  /** Volumes that are missing or due. */
  toWrite(pod: Pod): readonly string[] {
    return volumesToSetUp(pod, this.#features)
      .map(({ name }) => name)
      .filter((name) => !this.#ready.has(name) || this.#stale.has(name) || this.#isDue(name))
  }

  /** An object or the pod has changed: all files are to be asked for again. */
  changed(): void {
    for (const [name, { kind }] of this.#ready) if (kind === 'files') this.#stale.add(name)
  }

  /** Sets one volume up, or renews its files; rejects with what is to be told of. */
  async write(
    request: PodRequest,
    name: string,
    { facts, context }: { readonly facts: PodFacts; readonly context: CallContext },
  ): Promise<void> {
    const { pod } = request
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name)
    if (!volume) return
    // What changes from now on is not in what is read now.
    this.#stale.delete(name)
    this.#withoutClaim.delete(name)
    const dir = volumeDir(this.#host.rootDir, { uid: pod.metadata.uid, volume: name })
    const places = { dir, host: this.#host, support: this.#support, facts, context }
    try {
      const { refreshAtMs, ...ready } = await setUpVolume(request, volume, {
        ...places,
        onClaimFailure: () => void this.#withoutClaim.add(name),
        writing: (work) => this.#noteWriting(work),
      })
      this.#ready.set(name, ready)
      if (refreshAtMs === undefined) this.#refreshAtMs.delete(name)
      else this.#refreshAtMs.set(name, refreshAtMs)
    } catch (error) {
      if (this.#ready.has(name)) this.#stale.add(name)
      throw error
    }
  }

  /** Resolves once nothing is written to the pod's own directories; aborted writes end soon, and no other begins. */
  async whenWritten(): Promise<void> {
    await Promise.allSettled(this.#writing)
  }

  /** Asks again for what is due after this long; the files stay as they are. */
  postpone(delayMs: number): void {
    const nextMs = this.#host.clock.nowMs() + delayMs
    for (const [name, atMs] of this.#refreshAtMs) {
      this.#refreshAtMs.set(name, Math.max(atMs, nextMs))
    }
  }

  /** Reads what the container is started with; rejects with its waiting reason. */
  async resolve(
    request: PodRequest,
    spec: Container,
    given: { readonly facts: PodFacts; readonly attemptDir: string },
  ): Promise<ContainerWithVolumes> {
    const { pod } = request
    const { attemptDir } = given
    const facts: PodFacts = { ...given.facts, readVolumeFile: this.#readFile.bind(this) }
    const needsEnv = spec.volumeMounts?.some(({ subPathExpr }) => subPathExpr) ?? false
    const early = needsEnv ? await request.resolveContainer(spec.name, facts) : undefined
    const mounts = await containerMounts(spec, {
      volumes: this.#ready,
      isLeftOut: (name) => !volumesToSetUp(pod, this.#features).some((one) => one.name === name),
      env: early?.env ?? [],
      delivery: this.#support.delivery,
      canBeRecursivelyReadOnly: Boolean(this.#features['volume.recursiveReadOnly']),
      attemptDir,
    })
    const variables = this.#variables(pod, mounts)
    if (early && variables.size === 0) return { resolved: early, mounts }
    const resolved = await request.resolveContainer(
      spec.name,
      variables.size === 0 ? facts : { ...facts, variables },
    )
    return { resolved: withVariables(resolved, variables), mounts }
  }

  async #readFile(volume: string, path: string): Promise<string | undefined> {
    const ready = this.#ready.get(volume)
    if (!ready) return undefined
    // The directory that stands for it on the host is empty: the runtime mounts another over it.
    if (ready.tmpfs) throw new VkError('Unsupported', 'Cannot read a volume in memory')
    return await readVolumeFile(ready.hostPath, path)
  }

  #variables(pod: Pod, mounts: readonly ContainerMount[]): ReadonlyMap<string, string> {
    const isAccount = (name: string): boolean =>
      pod.spec.volumes?.some((one) => one.name === name && isServiceAccountVolume(pod, one)) ??
      false
    if (this.#support.delivery === 'variable') return variablesOf(mounts, isAccount)
    return new Map()
  }

  async #noteWriting<T>(work: Promise<T>): Promise<T> {
    this.#writing.add(work)
    try {
      return await work
    } finally {
      this.#writing.delete(work)
    }
  }

  #isDue(name: string): boolean {
    const atMs = this.#refreshAtMs.get(name)
    return atMs !== undefined && atMs <= this.#host.clock.nowMs()
  }
}
