// SPDX-License-Identifier: Apache-2.0
// Which namespaces a container has of its own and which it shares: with the host where the pod says so, else
// with the other containers of its pod. What runs already holds them; whoever comes joins.
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { ProcessMark } from '../process-identity.ts'

/** A sandbox of the same pod that runs. */
export interface Peer {
  /** Of its container. */
  readonly name: string
  /** A process in all its namespaces. */
  readonly inside: ProcessMark
  /** The process in whose mount namespace the pod's memory is; undefined: it has none. */
  readonly memoryHolder: ProcessMark | undefined
}

/** What a container gets of namespaces. */
export interface Namespaces {
  readonly hostname: string | undefined
  readonly hasOwnProcesses: boolean
  readonly hasOwnIpc: boolean
  readonly hasOwnNetwork: boolean
  /** A process in whose process namespace it runs; undefined: its own, or the host's. */
  readonly processesOf: ProcessMark | undefined
  /** A process whose ipc and network namespaces it joins. */
  readonly joins:
    | { readonly inside: ProcessMark; readonly kinds: readonly ('ipc' | 'net')[] }
    | undefined
}

/** All of its own but the network. */
export const ownNamespaces: Namespaces = {
  hostname: 'pod',
  hasOwnProcesses: true,
  hasOwnIpc: true,
  hasOwnNetwork: false,
  processesOf: undefined,
  joins: undefined,
}

export interface PodSharing {
  readonly peers: readonly Peer[]
  /** Holds the process namespace of a pod that shares one. */
  readonly holder: ProcessMark | undefined
  readonly network: 'host' | 'none'
  /** May namespaces of others be joined? Only root can without more and more user namespaces. */
  readonly canJoin: boolean
}

/** Decides it. Throws a VkError when the container to look into does not run. */
export function namespacesOf(
  { pod, spec, hostname }: Pick<ContainerStart, 'pod' | 'spec' | 'hostname'>,
  { peers, holder, network, canJoin }: PodSharing,
): Namespaces {
  const { hostPID, hostIPC, hostNetwork } = pod.spec
  const wantsIpc = hostIPC !== true
  const wantsNetwork = network === 'none' && hostNetwork !== true
  const [peer] = canJoin ? peers : []
  const kinds = [
    ...(wantsIpc ? (['ipc'] as const) : []),
    ...(wantsNetwork ? (['net'] as const) : []),
  ]
  const target = hostPID === true ? undefined : targetOf(spec, peers)
  const processesOf = hostPID === true ? undefined : (target ?? holder)
  return {
    hostname,
    hasOwnProcesses: hostPID !== true && processesOf === undefined,
    hasOwnIpc: wantsIpc && peer === undefined,
    hasOwnNetwork: wantsNetwork && peer === undefined,
    processesOf,
    joins: peer && kinds.length > 0 ? { inside: peer.inside, kinds } : undefined,
  }
}

/** Ephemeral containers name the container whose processes they are to see. */
function targetOf(spec: ContainerStart['spec'], peers: readonly Peer[]): ProcessMark | undefined {
  const { targetContainerName } = spec as { readonly targetContainerName?: string }
  if (!targetContainerName) return undefined
  const peer = peers.find(({ name }) => name === targetContainerName)
  if (peer) return peer.inside
  throw new VkError('Unavailable', `the target container "${targetContainerName}" does not run`, {
    podReason: 'CreateContainerError',
  })
}
