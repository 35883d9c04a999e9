// SPDX-License-Identifier: Apache-2.0
//
// Pods as the scenarios need them: manifests that land on a node under test, and waiting until the
// API says of a pod what a test expects.
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Event,
  Pod,
  PodSpec,
  StoredMeta,
} from '../../src/kube/types.gen.ts'
import { ApiStatusError } from './api-client.ts'
import type { Cluster, DeleteOptions } from './cluster.ts'
import { eventually } from './eventually.ts'
import { onScenarioProvider } from './scenario-provider.ts'

/** A pod to create. */
export interface PodManifest {
  readonly name: string
  readonly spec: Partial<PodSpec>
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
}

/** Lets a pod go where nobody else may: every node under test has this taint. */
export const TOLERATIONS = [{ key: 'virtual-kubelet.io/provider', operator: 'Exists' }] as const

/** A list as the API sends it. */
export interface List<T> {
  readonly items: readonly T[]
}

/** The object that the API accepts. Pods end quickly when they are deleted. */
export function podObject({ name, spec, ...metadata }: PodManifest): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...metadata },
    spec: { ...podSpec(spec) },
  }
}

/** The spec for a pod or for the template of a controller. */
export function podSpec(spec: Partial<PodSpec>): Partial<PodSpec> {
  return onScenarioProvider({
    tolerations: TOLERATIONS,
    terminationGracePeriodSeconds: 5,
    ...spec,
  })
}

/**
 * A container that runs a shell script on the host, or anything at all in a mock. In commands Kubernetes
 * makes one dollar of two, so a script has to write `$$$$` for the shell's pid.
 */
export function shell(script: string, more: Partial<Container> = {}): Container {
  return { name: 'main', image: 'host', command: ['sh', '-c', script], ...more }
}

/** The pods of a cluster's default namespace. */
export class Pods {
  readonly #cluster: () => Cluster

  constructor(cluster: () => Cluster) {
    this.#cluster = cluster
  }

  async create(...manifests: readonly PodManifest[]): Promise<void> {
    await Promise.all(
      manifests.map((manifest) => this.#cluster().api('POST', PODS, { body: podObject(manifest) })),
    )
  }

  async get(name: string): Promise<Pod> {
    return await this.#cluster().api<Pod>('GET', `${PODS}/${name}`)
  }

  /** The pod, or undefined when the API has none of this name. */
  async find(name: string): Promise<Pod | undefined> {
    try {
      return await this.get(name)
    } catch (error) {
      if (error instanceof ApiStatusError && error.status === 404) return undefined
      throw error
    }
  }

  async list(labelSelector = ''): Promise<readonly Pod[]> {
    const query = `?labelSelector=${encodeURIComponent(labelSelector)}`
    const { items } = await this.#cluster().api<List<Pod>>('GET', PODS + query)
    return items
  }

  /** Waits until the pod is as wanted, and returns it. */
  async until(
    name: string,
    isWanted: (pod: Pod) => unknown,
    { what, timeoutMs = 120_000 }: { readonly what: string; readonly timeoutMs?: number },
  ): Promise<Pod> {
    let last: Pod | undefined
    try {
      return await eventually(
        async () => {
          last = await this.get(name)
          return isWanted(last) ? last : undefined
        },
        { what: `pod ${name} to ${what}`, timeoutMs },
      )
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${why}; its status: ${JSON.stringify(last?.status)}`, { cause })
    }
  }

  /** Waits for a phase; a pod that ends in another one ends the waiting too. */
  async untilPhase(name: string, phase: string, timeoutMs = 120_000): Promise<Pod> {
    const final = ['Succeeded', 'Failed']
    const pod = await this.until(
      name,
      ({ status }) => status?.phase === phase || final.includes(status?.phase ?? ''),
      { what: `be ${phase}`, timeoutMs },
    )
    if (pod.status?.phase === phase) return pod
    const output = await this.logs(name).catch(String)
    const status = JSON.stringify(pod.status)
    throw new Error(`Pod ${name} is not ${phase}; its status: ${status}; its output: ${output}`)
  }

  async untilGone(name: string, timeoutMs = 120_000): Promise<void> {
    await eventually(async () => (await this.find(name)) === undefined, {
      what: `pod ${name} to be gone`,
      timeoutMs,
    })
  }

  /** What a container wrote. */
  async logs(name: string, options: LogOptions = {}): Promise<string> {
    const query = new URLSearchParams()
    for (const [key, value] of Object.entries(options)) query.set(key, String(value))
    return await this.#cluster().api<string>('GET', `${PODS}/${name}/log?${query.toString()}`)
  }

  async untilLogged(name: string, pattern: RegExp, timeoutMs = 120_000): Promise<RegExpExecArray> {
    return await eventually(async () => pattern.exec(await this.logs(name)), {
      what: `pod ${name} to log ${pattern}`,
      timeoutMs,
      intervalMs: 200,
    })
  }

  /** Events about the pod so far. */
  async events(name: string): Promise<readonly Event[]> {
    const query = `?fieldSelector=involvedObject.name%3D${name}`
    const path = `/api/v1/namespaces/default/events${query}`
    return (await this.#cluster().api<List<Event>>('GET', path)).items
  }

  /** Waits for an event with this reason, and with such a message where several have the reason. */
  async untilEvent(name: string, reason: string, message: RegExp = /(?:)/): Promise<Event> {
    const isWanted = (event: Event) => event.reason === reason && message.test(event.message ?? '')
    return await eventually(async () => (await this.events(name)).find(isWanted), {
      what: `an event ${reason} about ${name}`,
    })
  }

  /** Deletes without waiting for the end; a grace of 0 seconds is by force. */
  async delete(name: string, options: DeleteOptions = {}): Promise<void> {
    await this.#cluster().delete(`${PODS}/${name}`, options)
  }

  /** Deletes and waits until the pod is gone. */
  async end(name: string, options: DeleteOptions = {}, timeoutMs = 120_000): Promise<void> {
    await this.delete(name, options)
    await this.untilGone(name, timeoutMs)
  }

  /** Removes every pod and waits until the API has none. */
  async deleteAll(options: DeleteOptions = { gracePeriodSeconds: 1 }): Promise<void> {
    await this.#cluster().delete(PODS, options)
    await eventually(async () => (await this.list()).length === 0, { what: 'all pods to be gone' })
  }
}

const PODS = '/api/v1/namespaces/default/pods'

/** What to read of a container's output; the names are those of the API. */
export interface LogOptions {
  readonly container?: string
  readonly previous?: boolean
  readonly follow?: boolean
  readonly tailLines?: number
  readonly limitBytes?: number
  readonly sinceSeconds?: number
  readonly timestamps?: boolean
}

/** The state of a container, by default of the first. */
export function stateOf(pod: Pod, container?: string): ContainerState | undefined {
  return statusOf(pod, container)?.state
}

/** The status of a container, by default of the first. */
export function statusOf(pod: Pod, container?: string): ContainerStatus | undefined {
  const statuses = pod.status?.containerStatuses ?? []
  return container === undefined
    ? statuses[0]
    : statuses.find((status) => status.name === container)
}

/** Status of a condition of a pod or node; undefined when it has none of this type. */
export function conditionOf(
  object: {
    readonly metadata: StoredMeta
    readonly status?: { readonly conditions?: readonly Condition[] }
  },
  type: string,
): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type)
}

/** What conditions of pods and nodes have in common. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}
