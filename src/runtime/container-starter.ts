// SPDX-License-Identifier: Apache-2.0
// One start of one container: resolve it, note the attempt where that must be on disk first, make its
// directory, and hand it to the runtime.
import type { Container } from '../kube/types.gen.ts'
import type { CallContext, PodRequest, ProviderHost } from '../provider/provider.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { behaviourOf, messageOf } from '../util/vk-error.ts'
import type {
  ContainerKey,
  ContainerMount,
  ContainerRuntime,
  RuntimeContainer,
} from './container-runtime.ts'
import type { Failure } from './decide/pod-state.ts'
import { makeDir } from './disk.ts'
import { dnsOf } from './files/node-dns.ts'
import { kernelHostname } from './files/pod-hostname.ts'
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
  const { host, runtime, volumes } = deps
  const { request, spec, key } = order
  let isUnsure = false
  try {
    const facts = { podIPs: order.podIPs, hostIPs: host.nodeIPs }
    const dir = attemptDir(host.rootDir, key)
    const resolving = volumes.resolve(request, spec, { facts, attemptDir: dir })
    const [{ resolved, mounts }] = await Promise.all([
      untilAborted(resolving, context.signal),
      makeDir(dir),
    ])
    const canMount = runtime.volumes?.delivery === 'mount'
    const hostname = kernelHostname(request.pod, dnsOf(host).clusterDomain)
    const messageFile = canMount ? await terminationMount(spec, dir) : undefined
    await order.begin()
    context.signal.throwIfAborted()
    isUnsure = true
    const run = await runtime.startContainer(
      {
        key,
        pod: request.pod,
        spec,
        resolved,
        containerDir: containerDir(host.rootDir, key),
        attemptDir: dir,
        volumeDirs: volumes.dirs,
        mounts: messageFile ? withMount(mounts, messageFile) : mounts,
        ...(hostname !== undefined && { hostname }),
      },
      context,
    )
    return { kind: 'started', run }
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

/** What the pod itself has mounted at a place comes before what the core has there. */
function withMount(
  mounts: readonly ContainerMount[],
  more: ContainerMount,
): readonly ContainerMount[] {
  const isTaken = mounts.some(({ mountPath }) => mountPath === more.mountPath)
  return isTaken ? mounts : [...mounts, more]
}
