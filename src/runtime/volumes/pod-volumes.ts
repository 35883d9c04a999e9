// SPDX-License-Identifier: Apache-2.0
// The service account volumes of one pod on the host's disk: written before the first container starts,
// rewritten when the resolver asks for a renewal. A renewal that fails leaves the old files.
import type { Container, Pod } from '../../kube/types.gen.ts'
import { isServiceAccountVolume } from '../../provider/feature-check.ts'
import type { PodRequest, ProviderHost, ResolvedContainer } from '../../provider/provider.ts'
import type { ContainerMount } from '../container-runtime.ts'
import { diskError } from '../disk.ts'
import { volumeDir } from '../pod-dirs.ts'
import { writeVolume } from './atomic-writer.ts'

/** Where a container finds its service account's files when the runtime cannot mount them. */
export const serviceAccountDirVariable = 'VK_SERVICEACCOUNT_DIR'

/** The pod's service account volumes as directories. */
export class PodVolumes {
  readonly #host: ProviderHost
  readonly #dirs = new Map<string, string>()
  readonly #refreshAtMs = new Map<string, number>()

  constructor(host: ProviderHost) {
    this.#host = host
  }

  /** Directories by volume name. */
  get dirs(): ReadonlyMap<string, string> {
    return this.#dirs
  }

  /** When `write` has something to do again. */
  get refreshAtMs(): number | undefined {
    return this.#refreshAtMs.size === 0 ? undefined : Math.min(...this.#refreshAtMs.values())
  }

  /** Are the volumes there, if perhaps due for a renewal? */
  isThere(pod: Pod): boolean {
    return namesOf(pod).every((name) => this.#dirs.has(name))
  }

  /** Volumes that are missing or due. */
  toWrite(pod: Pod): readonly string[] {
    return namesOf(pod).filter((name) => !this.#dirs.has(name) || this.#isDue(name))
  }

  /** Writes one volume; rejects with the resolver's error. */
  async write(request: PodRequest, name: string): Promise<void> {
    const { pod } = request
    const { files, refreshAtMs } = await request.resolveVolume(name)
    const dir = volumeDir(this.#host.rootDir, { uid: pod.metadata.uid, volume: name })
    await writeVolume(dir, { files, nowMs: this.#host.clock.nowMs() }).catch((error: unknown) => {
      throw diskError('write the files', error)
    })
    this.#dirs.set(name, dir)
    if (refreshAtMs === undefined) this.#refreshAtMs.delete(name)
    else this.#refreshAtMs.set(name, refreshAtMs)
  }

  /** Asks again for what is due after this long; the files stay as they are. */
  postpone(delayMs: number): void {
    const nextMs = this.#host.clock.nowMs() + delayMs
    for (const [name, atMs] of this.#refreshAtMs) {
      this.#refreshAtMs.set(name, Math.max(atMs, nextMs))
    }
  }

  /** Tells the container of its files by a variable, unless it names the variable itself. */
  withVariable(spec: Container, resolved: ResolvedContainer): ResolvedContainer {
    const mount = spec.volumeMounts?.find(({ name }) => this.#dirs.has(name))
    const value = mount && this.#dirs.get(mount.name)
    if (value === undefined) return resolved
    if (resolved.env.some(({ name }) => name === serviceAccountDirVariable)) return resolved
    const variable = { name: serviceAccountDirVariable, value, isSecret: false }
    return { ...resolved, env: [...resolved.env, variable] }
  }

  /** What the container is to find where. */
  mountsFor(spec: Container): readonly ContainerMount[] {
    return (spec.volumeMounts ?? []).flatMap(({ name, mountPath }): ContainerMount[] => {
      const hostPath = this.#dirs.get(name)
      return hostPath === undefined
        ? []
        : [{ name, hostPath, mountPath, isReadOnly: true, kind: 'dir' }]
    })
  }

  #isDue(name: string): boolean {
    const atMs = this.#refreshAtMs.get(name)
    return atMs !== undefined && atMs <= this.#host.clock.nowMs()
  }
}

function namesOf(pod: Pod): readonly string[] {
  const volumes = pod.spec.volumes ?? []
  return volumes.filter((volume) => isServiceAccountVolume(pod, volume)).map(({ name }) => name)
}
