// SPDX-License-Identifier: Apache-2.0
// For an engine on another machine: volumes of ConfigMaps, Secrets, the downward API and tokens are volumes of
// the engine, filled and renewed through the pod's sandbox, which has them mounted. What was brought is
// remembered for as long as the sandbox lives; otherwise the volume itself is looked at.
import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import { kindOf } from '../../../runtime/volumes/pod-volume-list.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { engineVolumePath } from '../sandbox/engine-volumes.ts'
import { swapPath } from '../sandbox/pause-image.ts'
import type { PodSandboxes } from '../sandbox/pod-sandboxes.ts'
import { execInEngine } from '../streams/engine-exec.ts'
import { tarArchive } from '../tar-archive.ts'
import { listTar, type TarListing } from '../tar-reading.ts'
import { treeEntries } from './tree-entries.ts'
import {
  dataLink,
  newDataLink,
  planUpdate,
  type Generation,
  type VolumeUpdate,
} from './volume-update.ts'

export interface RemoteVolumeParts {
  readonly engine: Engine
  readonly clock: Clock
  readonly sandboxes: Pick<PodSandboxes, 'get'>
  /** The sandbox's image has swap-program.ts in it. */
  readonly hasSwap: boolean
}

/** A volume that the core has laid out at `hostPath`. */
export interface LaidOut {
  readonly uid: string
  readonly volume: string
  readonly hostPath: string
}

interface Brought {
  readonly sandboxId: string
  readonly generation: string
}

/** Paths in the arguments of one call; the kernel has a limit for all of them. */
const maxRemovals = 500

/** The engine's volumes of all pods. */
export class RemoteVolumes {
  readonly #parts: RemoteVolumeParts
  readonly #brought = new Map<string, Brought>()
  readonly #underWay = new Map<string, Promise<void>>()
  /** Laid out before the pod's sandbox was known, which may be one of our last life. */
  readonly #waiting = new Map<string, LaidOut>()

  constructor(parts: RemoteVolumeParts) {
    this.#parts = parts
  }

  /**
   * Has the engine's volume hold what the core's does; while the pod has no sandbox, `bringWaiting` does.
   * Containers never see half of it. Rejects with why not; may be repeated.
   */
  async bring(laidOut: LaidOut, signal: AbortSignal): Promise<void> {
    const id = `${laidOut.uid}/${laidOut.volume}`
    const before = this.#underWay.get(id) ?? Promise.resolve()
    const turn = before
      .catch(() => {
        // Whoever asked for it has heard of it.
      })
      .then(() => this.#bring(laidOut, { id, signal }))
    this.#underWay.set(id, turn)
    try {
      await turn
    } catch (error) {
      signal.throwIfAborted()
      throw new VkError('Unavailable', `the engine does not take its files: ${messageOf(error)}`, {
        cause: error,
      })
    } finally {
      if (this.#underWay.get(id) === turn) this.#underWay.delete(id)
    }
  }

  /** Sees to it that the container finds its volumes when it starts. */
  async bringAll(
    { key, pod, mounts, volumeDirs }: Pick<ContainerStart, 'key' | 'pod' | 'mounts' | 'volumeDirs'>,
    signal: AbortSignal,
  ): Promise<void> {
    const mounted = new Set(mounts.map(({ name }) => name))
    const volumes = (pod.spec.volumes ?? []).filter(
      (volume) => mounted.has(volume.name) && kindOf(volume) === 'files',
    )
    await Promise.all(
      volumes.map(async ({ name }) => {
        const hostPath = volumeDirs.get(name)
        if (hostPath === undefined) return
        await this.bring({ uid: key.pod.uid, volume: name, hostPath }, signal)
      }),
    )
  }

  /** The pod has a sandbox: what waits for it is brought. */
  async bringWaiting(uid: string, signal: AbortSignal): Promise<void> {
    const own = [...this.#waiting.values()].filter((laidOut) => laidOut.uid === uid)
    await Promise.all(own.map((laidOut) => this.bring(laidOut, signal)))
  }

  /** The pod is gone. */
  forget(uid: string): void {
    for (const map of [this.#brought, this.#waiting]) {
      for (const id of map.keys()) if (id.startsWith(`${uid}/`)) map.delete(id)
    }
  }

  async #bring(
    laidOut: LaidOut,
    { id, signal }: { readonly id: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { uid, volume, hostPath } = laidOut
    const sandboxId = this.#parts.sandboxes.get(uid)?.id
    if (sandboxId === undefined) {
      this.#waiting.set(id, laidOut)
      return
    }
    const generation = await readlink(join(hostPath, dataLink))
    const known = this.#brought.get(id)
    if (known?.sandboxId === sandboxId && known.generation === generation) {
      this.#waiting.delete(id)
      return
    }
    const place = { sandboxId, path: engineVolumePath(uid, volume), signal }
    const there = await this.#list(place)
    const wanted = await readGeneration(hostPath, generation)
    await this.#carryOut(planUpdate(wanted, there), place)
    this.#brought.set(id, { sandboxId, generation })
    this.#waiting.delete(id)
  }

  async #list({ sandboxId, path, signal }: Place): Promise<readonly TarListing[]> {
    const request = { path: `/containers/${sandboxId}/archive`, query: { path } }
    const chunks: Buffer[] = []
    const answer = await this.#parts.engine.client.stream(request, signal)
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    // The first name is the directory's own.
    return listTar(Buffer.concat(chunks)).flatMap(({ path: name, ...more }) => {
      const [, ...below] = name.split('/')
      return below.length === 0 ? [] : [{ path: below.join('/'), ...more }]
    })
  }

  async #carryOut({ upload, swaps, remove }: VolumeUpdate, place: Place): Promise<void> {
    const { sandboxId, path, signal } = place
    const { engine, hasSwap } = this.#parts
    // Without the program the link is replaced as the engine does it, and what is old stays.
    const entries = upload.map((entry) =>
      !hasSwap && entry.path === newDataLink ? { ...entry, path: dataLink } : entry,
    )
    if (entries.length > 0) {
      const request = { method: 'PUT', path: `/containers/${sandboxId}/archive` } as const
      const archive = tarArchive(entries)
      await engine.client.text({ ...request, query: { path }, archive }, { signal })
    }
    if (!hasSwap) return
    if (swaps) await this.#swap([newDataLink, dataLink], place)
    for (let at = 0; at < remove.length; at += maxRemovals) {
      await this.#swap([dataLink, dataLink, ...remove.slice(at, at + maxRemovals)], place)
    }
  }

  async #swap(names: readonly string[], { sandboxId, path, signal }: Place): Promise<void> {
    const { engine, clock } = this.#parts
    const command = [swapPath, ...names.map((name) => `${path}/${name}`)]
    // It prints nothing, but Podman tells of no end where nothing is attached.
    const streams = { stdin: false, stdout: true, stderr: false, tty: false }
    const exec = { engine, clock, engineId: sandboxId }
    const { stdout, exited } = await execInEngine(exec, { command, ...streams }, { signal })
    stdout?.resume()
    const { exitCode } = await exited
    if (exitCode !== 0) throw new VkError('Internal', `"${dataLink}" cannot be set (${exitCode})`)
  }
}

interface Place {
  readonly sandboxId: string
  readonly path: string
  readonly signal: AbortSignal
}

async function readGeneration(dir: string, name: string): Promise<Generation> {
  const { mode, uid, gid } = await lstat(dir)
  const root = { path: './', mode: mode & 0o7777, uid, gid, isDirectory: true }
  return { name, entries: [root, ...(await treeEntries(join(dir, name), name))] }
}
