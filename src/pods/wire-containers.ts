// SPDX-License-Identifier: Apache-2.0
// Container statuses as the API takes them: one for each container of the spec whatever the backend has
// said so far, in the API's order, times in whole seconds, and none that the API server would refuse.
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodStatus,
} from '../kube/types.gen.ts'
import { afterExit, canRestartAll } from '../runtime/decide/restart-policy.ts'
import { wireTime } from '../util/wire-time.ts'
import type { KnownPod, Problem } from './known-pod.ts'
import { asLost } from './lost-containers.ts'
import { inWholeSeconds } from './whole-seconds.ts'

/** Statuses of all containers of a pod. */
export interface Containers {
  readonly containers: readonly ContainerStatus[]
  readonly initContainers: readonly ContainerStatus[]
  readonly ephemeralContainers: readonly ContainerStatus[]
}

/** Why containers wait that the backend says nothing of. */
export interface WaitingReasons extends Pick<KnownPod, 'refused'> {
  readonly problem: Problem | undefined
}

/** The statuses that the backend has given, and for containers without one that they wait, and why. */
export function allContainers(
  api: Pod,
  observed: Containers | undefined,
  { problem, refused }: WaitingReasons,
): Containers {
  const { spec, status } = api
  const hasInit = (spec.initContainers?.length ?? 0) > 0
  const fill = (specs: readonly Container[] | undefined, from?: readonly ContainerStatus[]) =>
    (specs ?? []).map(
      (container) =>
        from?.find(({ name }) => name === container.name) ?? waiting(container, problem, hasInit),
    )
  const regular = fill(spec.containers, observed?.containers)
  return {
    containers: regular
      .map((next) => keepFinished(api, next, status?.containerStatuses))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    initContainers: fill(spec.initContainers, observed?.initContainers),
    ephemeralContainers: withRefused(api, observed?.ephemeralContainers ?? [], refused),
  }
}

/**
 * The pod as the backend runs it: without init containers where it started the others and names none,
 * which is what a backend that lacks them does with a pod that is judged leniently. To wait for them
 * would keep the pod Pending for ever.
 */
export function asRun(pod: Pod, known: Containers | undefined): Pod {
  if (!pod.spec.initContainers?.length || !known || known.initContainers.length > 0) return pod
  const hasStarted = known.containers.some(
    ({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated,
  )
  return hasStarted ? { ...pod, spec: { ...pod.spec, initContainers: [] } } : pod
}

/** What was last said of the containers; the API's word where the backend has forgotten the pod. */
export function lastKnown(api: Pod, observed: Containers | undefined): Containers {
  return (
    observed ?? {
      containers: api.status?.containerStatuses ?? [],
      initContainers: api.status?.initContainerStatuses ?? [],
      ephemeralContainers: api.status?.ephemeralContainerStatuses ?? [],
    }
  )
}

/** The statuses of a pod that has ended: what cannot be found any more, or never began, is marked as lost. */
export function finalContainers(
  api: Pod,
  source: Containers,
  { refused, nowMs }: Pick<KnownPod, 'refused'> & { readonly nowMs: number },
): Containers {
  return asLost(api, allContainers(api, source, { problem: undefined, refused }), wireTime(nowMs))
}

/** All termination messages of a pod, in bytes; each container has an equal part of it. */
const maxMessageBytes = 12 * 1024

/** The statuses as fields of the pod's status. */
export function statusesOf({
  containers,
  initContainers,
  ephemeralContainers,
}: Containers): PodStatus {
  const count = containers.length + initContainers.length + ephemeralContainers.length
  const maxBytes = Math.floor(maxMessageBytes / Math.max(count, 1))
  const onWire = (statuses: readonly ContainerStatus[]): readonly ContainerStatus[] =>
    inWholeSeconds(statuses.map((status) => withShortMessages(status, maxBytes)))
  return {
    containerStatuses: onWire(containers),
    initContainerStatuses: onWire(initContainers),
    ephemeralContainerStatuses: onWire(ephemeralContainers),
  }
}

function withShortMessages(status: ContainerStatus, maxBytes: number): ContainerStatus {
  const { state, lastState } = status
  if (!isLong(state, maxBytes) && !isLong(lastState, maxBytes)) return status
  return {
    ...status,
    ...(state && { state: shorten(state, maxBytes) }),
    ...(lastState && { lastState: shorten(lastState, maxBytes) }),
  }
}

function isLong(state: ContainerState | undefined, maxBytes: number): boolean {
  // A character takes up to three bytes as long as it is not two.
  const { length } = state?.terminated?.message ?? ''
  return length * 3 > maxBytes
}

function shorten(state: ContainerState, maxBytes: number): ContainerState {
  const { terminated } = state
  if (terminated?.message === undefined) return state
  const bytes = Buffer.from(terminated.message)
  if (bytes.length <= maxBytes) return state
  // A character that is cut in the middle is left out.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const message = decoder.decode(bytes.subarray(0, maxBytes), { stream: true })
  return { ...state, terminated: { ...terminated, message } }
}

const refusal = 'UnsupportedPodSpec'

/**
 * In the order of the spec: what the backend has, and what it was not given. Of a pod that ends, nobody
 * judges its containers again after a restart of ours: then what the API says already stays.
 */
function withRefused(
  { spec, status }: Pod,
  from: readonly ContainerStatus[],
  refused: KnownPod['refused'],
): readonly ContainerStatus[] {
  if (!spec.ephemeralContainers?.length) return from
  return spec.ephemeralContainers.flatMap((container) => {
    const isSame = ({ name }: { readonly name: string }): boolean => name === container.name
    const message = refused.find(isSame)?.message
    if (message !== undefined) return [waitingFor(container, { reason: refusal, message })]
    const known = from.find(isSame)
    if (known) return [known]
    const before = status?.ephemeralContainerStatuses?.find(isSame)
    return before?.state?.waiting?.reason === refusal ? [before] : []
  })
}

function waiting(
  container: Container,
  problem: Problem | undefined,
  hasInit: boolean,
): ContainerStatus {
  const quiet = { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' }
  return { ...waitingFor(container, problem ?? quiet), started: false }
}

/** Without `started`, which ephemeral containers do not have. */
function waitingFor(
  { name, image = '' }: Pick<Container, 'name' | 'image'>,
  reason: Partial<Problem>,
): ContainerStatus {
  return { name, image, imageID: '', ready: false, restartCount: 0, state: { waiting: reason } }
}

// The API server refuses to take a container back from `terminated` where the policy forbids another
// run. A backend that lost the record of such a container would otherwise block every later write.
function keepFinished(
  api: Pod,
  next: ContainerStatus,
  before: readonly ContainerStatus[] | undefined,
): ContainerStatus {
  if (!before || before.length === 0 || next.state?.terminated) return next
  if (canRestartAll(api.spec)) return next
  const previous = before.find(({ name }) => name === next.name)
  const ended = previous?.state?.terminated
  if (!previous || !ended) return next
  const container = api.spec.containers.find(({ name }) => name === next.name)
  const isOver = container && afterExit(api, container, ended.exitCode) === 'stop'
  return isOver ? previous : next
}
