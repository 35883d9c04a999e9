// SPDX-License-Identifier: Apache-2.0
// The sandboxes of this node's pods: one container each, which holds the namespaces that the others join. A
// sandbox that has ended (the engine was restarted, somebody removed it) is replaced by another one, and the
// core hears of it by its new id.
import type { Pod } from '../../../kube/types.gen.ts'
import type { CallContext, PodRef } from '../../../provider/provider.ts'
import type { SandboxOptions, SandboxState } from '../../../runtime/container-runtime.ts'
import { VkError } from '../../../util/vk-error.ts'
import {
  engineName,
  isOwn,
  ownerFilter,
  readLabels,
  type Owner,
} from '../container/container-labels.ts'
import { removeContainer } from '../container/remove-container.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { isConflict, isDependedOn, isNameInUse, isNotFound } from '../engine/engine-error.ts'
import type { ContainerInspect, ContainerSummary } from '../engine/engine-objects.ts'
import { ensureEngineVolumes, removeEngineVolumes } from './engine-volumes.ts'
import type { PodNetwork } from './pod-network.ts'
import type { PodCgroups } from './pod-cgroups.ts'
import { ensurePauseImage } from './pause-image.ts'
import { sandboxBody } from './sandbox-spec.ts'

export interface SandboxDeps {
  readonly engine: Engine
  readonly config: DockerConfig
  readonly owner: Owner
  readonly nodeIPs: readonly string[]
  readonly network: PodNetwork
  readonly cgroups: PodCgroups
}

export interface Sandbox {
  readonly ref: PodRef
  readonly id: string
  readonly podIPs: readonly string[]
  readonly hostname: string | undefined
  /** Of its program, on the engine's machine. */
  readonly pid: number
  /** Its network is the machine's. */
  readonly isOnHost: boolean
}

interface SandboxAttempt {
  readonly hostname: string | undefined
  readonly attempt: number
  readonly signal: AbortSignal
}

/** Sandboxes by pod. */
export class PodSandboxes {
  readonly #deps: SandboxDeps
  readonly #known = new Map<string, Sandbox>()
  #image: Promise<string> | undefined

  constructor(deps: SandboxDeps) {
    this.#deps = deps
  }

  /** The pod's sandbox, as last seen. */
  get(uid: string): Sandbox | undefined {
    return this.#known.get(uid)
  }

  all(): Iterable<Sandbox> {
    return this.#known.values()
  }

  /** The engine says that it is over; true when that is news and nobody here wanted it. */
  ended({ uid }: PodRef, id: string): boolean {
    return this.#known.get(uid)?.id === id && this.#known.delete(uid)
  }

  /** Makes it, or finds the one that is there. */
  async ensure(
    pod: Pod,
    { hostname }: SandboxOptions,
    { signal }: CallContext,
  ): Promise<SandboxState> {
    const { namespace, name, uid } = pod.metadata
    const ref = { namespace, name, uid }
    const isOnHost = pod.spec.hostNetwork === true
    const { cgroups, network, nodeIPs } = this.#deps
    const make = (): Promise<ContainerInspect> => this.#obtain(pod, { hostname, signal })
    cgroups.limit(pod)
    const inspected = await (isOnHost ? make() : network.use(make))
    cgroups.check(pod, inspected.State.Pid)
    const sandbox = {
      ref,
      id: inspected.Id,
      podIPs: isOnHost ? nodeIPs : addressesOf(inspected),
      hostname,
      pid: inspected.State.Pid,
      isOnHost,
    }
    this.#known.set(uid, sandbox)
    return { id: sandbox.id, podIPs: sandbox.podIPs }
  }

  /** Ends the pod's sandbox; the containers that were in it stay, ended as they are. */
  async stop(ref: PodRef, { signal }: CallContext): Promise<void> {
    this.#known.delete(ref.uid)
    const { running } = await this.#find(ref, signal)
    if (!running) return
    const path = `/containers/${running.Id}/kill`
    const kill = { method: 'POST', path, query: { signal: 'SIGKILL' } } as const
    await this.#client.text(kill, { signal }).catch((error: unknown) => {
      // It has just ended by itself.
      if (!isNotFound(error) && !isConflict(error)) throw error
    })
  }

  /** Removes the pod's sandboxes, and before them every container that is still in them. */
  async remove({ uid }: PodRef, { signal }: CallContext): Promise<void> {
    this.#known.delete(uid)
    const filters = {
      label: [...ownerFilter(this.#deps.owner), `io.virtual-kubelet.pod.uid=${uid}`],
    }
    const list = { path: '/containers/json', query: { all: 1, filters } }
    const listed = await this.#client.json<readonly ContainerSummary[]>(list, { signal })
    const all = listed.filter(
      ({ Labels }) => isOwn(this.#deps.owner, Labels) && podOf(Labels)?.uid === uid,
    )
    const isSandbox = ({ Labels }: ContainerSummary): boolean =>
      readLabels(Labels)?.kind === 'sandbox'
    // What others have joined goes after them: a container that is debugged, last the sandbox.
    const containers = all.filter((one) => !isSandbox(one))
    const joined = await this.#dropAll(containers, signal)
    const left = await this.#dropAll([...joined, ...all.filter(isSandbox)], signal)
    for (const { Id } of left) await removeContainer(this.#client, Id, signal)
    const { owner } = this.#deps
    await removeEngineVolumes(uid, { client: this.#client, owner }, signal)
    this.#deps.cgroups.remove(uid)
  }

  get #client(): Engine['client'] {
    return this.#deps.engine.client
  }

  /** Most pods are new, and for these nothing is looked up: the name of one that is there is taken. */
  async #obtain(
    pod: Pod,
    { hostname, signal }: { readonly hostname: string | undefined; readonly signal: AbortSignal },
  ): Promise<ContainerInspect> {
    try {
      return await this.#create(pod, { hostname, attempt: 0, signal })
    } catch (error) {
      if (!isNameInUse(error)) throw error
      const { running, next } = await this.#find(pod.metadata, signal)
      return running ?? (await this.#create(pod, { hostname, attempt: next, signal }))
    }
  }

  /**
   * The pod's sandbox that runs, else the number of the next one. One that has ended is not removed before
   * the pod is: Podman keeps what others are joined to.
   */
  async #find(
    ref: PodRef,
    signal: AbortSignal,
  ): Promise<{ readonly running?: ContainerInspect; readonly next: number }> {
    for (let attempt = 0; ; attempt += 1) {
      const path = `/containers/${sandboxName(ref, attempt)}/json`
      try {
        const found = await this.#client.json<ContainerInspect>({ path }, { signal })
        if (!isOwn(this.#deps.owner, found.Config.Labels) || !isOf(found, ref)) {
          throw new VkError(
            'Conflict',
            "a container that is not this node's has the sandbox's name",
          )
        }
        if (found.State.Running) return { running: found, next: attempt + 1 }
      } catch (error) {
        if (isNotFound(error)) return { next: attempt }
        throw error
      }
    }
  }

  async #create(
    pod: Pod,
    { hostname, attempt, signal }: SandboxAttempt,
  ): Promise<ContainerInspect> {
    const { config, owner } = this.#deps
    const image = await this.#pauseImage()
    const mounts = await ensureEngineVolumes(
      pod,
      { client: this.#client, owner, isLocal: this.#deps.engine.isLocal },
      signal,
    )
    const body = sandboxBody({
      pod,
      hostname,
      image,
      owner,
      config,
      mounts,
      cgroup: this.#deps.cgroups.parentOf(pod.metadata.uid),
    })
    const query = { name: sandboxName(pod.metadata, attempt) }
    const create = { method: 'POST', path: '/containers/create', query, body } as const
    try {
      const { Id } = await this.#client.json<{ Id: string }>(create, { signal })
      return await this.#start(Id, signal)
    } catch (error) {
      // Somebody removed the image: it is made anew next time.
      if (isNotFound(error)) this.#image = undefined
      throw error
    }
  }

  #pauseImage(): Promise<string> {
    const { engine, config } = this.#deps
    const { signal } = new AbortController()
    this.#image ??= ensurePauseImage(engine, { configured: config.pauseImage, signal }).catch(
      (error: unknown) => {
        this.#image = undefined
        throw error
      },
    )
    return this.#image
  }

  async #start(id: string, signal: AbortSignal): Promise<ContainerInspect> {
    try {
      await this.#client.text({ method: 'POST', path: `/containers/${id}/start` }, { signal })
      return await this.#client.json<ContainerInspect>(
        { path: `/containers/${id}/json` },
        { signal },
      )
    } catch (error) {
      await removeContainer(this.#client, id, new AbortController().signal).catch(() => {
        // What is left is found by its name at the next try.
      })
      throw error
    }
  }

  /** Removes what can be removed; resolves with what others still depend on. */
  async #dropAll(
    all: readonly ContainerSummary[],
    signal: AbortSignal,
  ): Promise<readonly ContainerSummary[]> {
    const left: ContainerSummary[] = []
    const drop = async (one: ContainerSummary): Promise<void> => {
      try {
        await removeContainer(this.#client, one.Id, signal)
      } catch (error) {
        if (!isDependedOn(error)) throw error
        left.push(one)
      }
    }
    await Promise.all(all.map(drop))
    return left
  }
}

function sandboxName(ref: PodRef, attempt: number): string {
  return engineName(ref, { name: 'POD', attempt })
}

function podOf(labels: ContainerSummary['Labels']): PodRef | undefined {
  const labelled = readLabels(labels)
  return labelled?.kind === 'container' ? labelled.key.pod : labelled?.pod
}

function isOf({ Config }: Pick<ContainerInspect, 'Config'>, { uid }: PodRef): boolean {
  const labelled = readLabels(Config.Labels)
  return labelled?.kind === 'sandbox' && labelled.pod.uid === uid
}

function addressesOf({ NetworkSettings }: ContainerInspect): readonly string[] {
  const networks = Object.values(NetworkSettings?.Networks ?? {})
  const all = [NetworkSettings, ...networks].flatMap((network) => [
    network?.IPAddress ?? '',
    network?.GlobalIPv6Address ?? '',
  ])
  return [...new Set(all.filter((address) => address !== ''))]
}
