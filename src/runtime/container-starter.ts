// SPDX-License-Identifier: Apache-2.0
// One start of one container: resolve it, note the attempt where that must be on disk first, make its
// directory, and hand it to the runtime.
import { normalize } from 'node:path'
import type { Container } from '../kube/types.gen.ts'
import type { CallContext, PodRequest, ProviderHost } from '../provider/provider.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { behaviourOf, messageOf } from '../util/vk-error.ts'
import { checkWords } from './check-words.ts'
import type {
  ContainerKey,
  ContainerMount,
  ContainerRuntime,
  ContainerStart,
  RuntimeContainer,
} from './container-runtime.ts'
import type { Failure } from './decide/pod-state.ts'
import { makeDir } from './disk.ts'
import { PodFiles } from './files/pod-files.ts'
import { attemptDir, containerDir } from './pod-dirs.ts'
import { terminationMount } from './termination-message.ts'
import type { PodVolumes } from './volumes/pod-volumes.ts'

export interface StartOrder {
  readonly request: PodRequest
  readonly spec: Container
  readonly key: ContainerKey
  readonly podIPs: readonly string[]
  /** Called when the start can no longer fail for want of an answer; resolves when all is noted. */
  begin(): Promise<void>
}

export type StartResult =
  | { readonly kind: 'started'; readonly run: RuntimeContainer }
  | {
      readonly kind: 'failed'
      readonly failure: Failure
      /** The attempt counts as a run that ended at once. */
      readonly isUsedUp: boolean
      /** The runtime was asked: whether anything runs is not known. */
      readonly isUnsure: boolean
    }

export interface StarterDeps {
  readonly runtime: ContainerRuntime
  readonly host: ProviderHost
  readonly volumes: PodVolumes
}

const usedUpReason = 'RunContainerError'

/** Starts the container. Never rejects. */
export async function startOne(
  order: StartOrder,
  { deps, context }: { readonly deps: StarterDeps; readonly context: CallContext },
): Promise<StartResult> {
  let isUnsure = false
  try {
    const start = await prepared(order, { deps, signal: context.signal })
    await order.begin()
    context.signal.throwIfAborted()
    isUnsure = true
    return { kind: 'started', run: await deps.runtime.startContainer(start, context) }
  } catch (error) {
    const reason = behaviourOf(error).podReason
    return {
      kind: 'failed',
      failure: { reason, message: messageOf(error) },
      isUsedUp: isUnsure && reason === usedUpReason,
      isUnsure,
    }
  }
}

/** All that the runtime is to know, with the directory of the attempt made. */
async function prepared(
  order: StartOrder,
  { deps, signal }: { readonly deps: StarterDeps; readonly signal: AbortSignal },
): Promise<ContainerStart> {
  const { host, volumes } = deps
  const { request, spec, key } = order
  const facts = { podIPs: order.podIPs, hostIPs: host.nodeIPs }
  const dir = attemptDir(host.rootDir, key)
  const resolving = volumes.resolve(request, spec, { facts, attemptDir: dir })
  const [{ resolved, mounts }] = await Promise.all([untilAborted(resolving, signal), makeDir(dir)])
  checkWords(spec, resolved)
  const files = new PodFiles(deps, key.pod)
  const hostname = files.hostname(request.pod)
  const own = await ownMounts(order, { dir, deps, files })
  return {
    key,
    pod: request.pod,
    spec,
    resolved,
    containerDir: containerDir(host.rootDir, key),
    attemptDir: dir,
    pullSecrets: async () => (await request.resolvePullSecrets?.()) ?? [],
    volumeDirs: volumes.dirs,
    mounts: withMounts(mounts, own),
    ...(hostname !== undefined && { hostname }),
  }
}

/** What the core itself has a container find. */
async function ownMounts(
  { request, spec, podIPs }: StartOrder,
  { dir, deps, files }: { dir: string; deps: StarterDeps; files: PodFiles },
): Promise<readonly ContainerMount[]> {
  if (deps.runtime.volumes?.delivery !== 'mount') return []
  return [...(await files.mounts(request.pod, spec, podIPs)), await terminationMount(spec, dir)]
}

/** What the pod itself has mounted at a place comes before what the core has there. */
function withMounts(
  mounts: readonly ContainerMount[],
  own: readonly ContainerMount[],
): readonly ContainerMount[] {
  const taken = new Set(mounts.map(({ mountPath }) => normalize(`${mountPath}/`)))
  return [...mounts, ...own.filter(({ mountPath }) => !taken.has(normalize(`${mountPath}/`)))]
}
