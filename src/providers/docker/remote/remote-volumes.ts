// SPDX-License-Identifier: Apache-2.0
// For an engine on another machine: volumes of ConfigMaps, Secrets, the downward API and tokens are volumes of
// the engine, filled and renewed through the pod's sandbox, which has them mounted. What was brought is
// remembered for as long as the sandbox lives; otherwise the volume itself is looked at.
import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import { kindOf } from '../../../runtime/volumes/pod-volume-list.ts'
import type { ProcessExit } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import { withDeadline } from '../../../util/deadline.ts'
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

/** What is known of one volume of a pod that is here. */
interface KnownVolume {
  /** Whoever wants it brought waits until this one is. */
  turn: Promise<void>
  brought?: { readonly sandboxId: string; readonly generation: string }
  /** Laid out before the pod's sandbox was known, which may be one of our last life. */
  waiting?: LaidOut
}

/** Paths in the arguments of one call; the kernel has a limit for all of them. */
const maxRemovals = 500
/** For each thing that the engine is asked for. */
const timeoutMs = 30_000

/** The engine's volumes of all pods. */
export class RemoteVolumes {
  readonly #parts: RemoteVolumeParts
  /** By pod and name. What is under way when its pod goes writes into what nobody has any more. */
  readonly #pods = new Map<string, Map<string, KnownVolume>>()

  constructor(parts: RemoteVolumeParts) {
    this.#parts = parts
  }

  /**
   * Has the engine's volume hold what the core's does; while the pod has no sandbox, `bringWaiting` does.
   * Containers never see half of it. Rejects with why not, after a while also where the engine says nothing;
   * may be repeated.
   */
  async bring(laidOut: LaidOut, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const known = this.#known(laidOut)
    const turn = known.turn
      .catch(() => {
        // Whoever asked for it has heard of it.
      })
      .then(() => this.#bring(laidOut, { known, signal }))
    known.turn = turn
    try {
      await turn
    } catch (error) {
      signal.throwIfAborted()
      throw new VkError('Unavailable', `the engine does not take its files: ${messageOf(error)}`, {
        cause: error,
      })
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
    const own = [...(this.#pods.get(uid)?.values() ?? [])].flatMap(({ waiting }) => waiting ?? [])
    await Promise.all(own.map((laidOut) => this.bring(laidOut, signal)))
  }

  /** The pod is gone. */
  forget(uid: string): void {
    this.#pods.delete(uid)
  }

  #known({ uid, volume }: LaidOut): KnownVolume {
    const ofPod = this.#pods.get(uid) ?? new Map<string, KnownVolume>()
    this.#pods.set(uid, ofPod)
    const known = ofPod.get(volume) ?? { turn: Promise.resolve() }
    ofPod.set(volume, known)
    return known
  }

  async #bring(
    laidOut: LaidOut,
    { known, signal }: { readonly known: KnownVolume; readonly signal: AbortSignal },
  ): Promise<void> {
    signal.throwIfAborted()
    const { uid, volume, hostPath } = laidOut
    const sandboxId = this.#parts.sandboxes.get(uid)?.id
    if (sandboxId === undefined) {
      known.waiting = laidOut
      return
    }
    const generation = await readlink(join(hostPath, dataLink))
    const { brought } = known
    if (brought?.sandboxId !== sandboxId || brought.generation !== generation) {
      const place = { sandboxId, path: engineVolumePath(uid, volume), signal }
      const there = await this.#list(place)
      const wanted = await readGeneration(hostPath, generation)
      await this.#carryOut(planUpdate(wanted, there), place)
      known.brought = { sandboxId, generation }
    }
    delete known.waiting
  }

  async #list({ sandboxId, path, signal }: Place): Promise<readonly TarListing[]> {
    const request = { path: `/containers/${sandboxId}/archive`, query: { path } }
    const archive = await this.#parts.engine.client.bytes(request, { signal, timeoutMs })
    // The first name is the directory's own.
    return listTar(archive).flatMap(({ path: name, ...more }) => {
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
      await engine.client.text({ ...request, query: { path }, archive }, { signal, timeoutMs })
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
    const run = async (own: AbortSignal): Promise<ProcessExit> => {
      const context = { signal: own }
      const { stdout, exited } = await execInEngine(exec, { command, ...streams }, context)
      stdout?.resume()
      return await exited
    }
    const message = `"${dataLink}" was not set within ${timeoutMs / 1000} s`
    const { exitCode } = await withDeadline(run, { clock, timeoutMs, signal, message })
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
