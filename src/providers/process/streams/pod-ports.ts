// SPDX-License-Identifier: Apache-2.0
// Connects to a port of a pod. Pods share the host's network, so a port is a pod's only when one of its
// processes listens there; else every pod would be a door to all that listens on the host's loopback.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { PortConnection } from '../../../provider/streams.ts'
import { messageOf, VkError } from '../../../util/vk-error.ts'
import type { Cgroups } from '../cgroup.ts'
import type { ContainerProcess } from '../container-process.ts'
import { families, readProcessTable } from '../process-table.ts'
import { addressesOf, heldInodes, listeningSockets } from './listening-sockets.ts'

/** Which ports may be reached: the pod's own, or every one of the host's. */
export type ReachablePorts = 'pod' | 'host'

export interface PodPortOptions {
  readonly containers: readonly ContainerProcess[]
  readonly cgroups: Cgroups | undefined
  readonly reachable: ReachablePorts
  readonly signal: AbortSignal
}

/** Connects, or rejects with a VkError that says why not. */
export async function connectToPodPort(
  port: number,
  options: PodPortOptions,
): Promise<PortConnection> {
  const hosts =
    options.reachable === 'host' ? ['127.0.0.1', '::1'] : await podAddresses(port, options)
  let failure: unknown
  for (const host of hosts) {
    try {
      return await openConnection({ host, port }, options.signal)
    } catch (error) {
      failure ??= error
    }
  }
  throw new VkError(
    'Unavailable',
    `failed to connect to localhost:${port} inside the pod: ${messageOf(failure)}`,
    { cause: failure },
  )
}

async function podAddresses(
  port: number,
  { containers, cgroups }: PodPortOptions,
): Promise<readonly string[]> {
  const sockets = await listeningSockets(port)
  const pids = sockets.length === 0 ? [] : await pidsOf(containers, cgroups)
  const held = await heldInodes(new Set(sockets.map(({ inode }) => inode)), pids)
  const isOwn = ({ inode }: { readonly inode: string }): boolean => held.has(inode)
  const own = sockets.filter(isOwn)
  const hosts = addressesOf(
    own,
    sockets.filter((socket) => !isOwn(socket)),
  )
  if (hosts.length > 0) return hosts
  throw new VkError(
    'Unavailable',
    `failed to connect to localhost:${port} inside the pod: connection refused: no process of the pod listens there`,
  )
}

/** Control groups know all; without them those of the container's session. */
async function pidsOf(
  containers: readonly ContainerProcess[],
  cgroups: Cgroups | undefined,
): Promise<readonly number[]> {
  const members = containers.flatMap(({ group }) => cgroups?.members(group) ?? [])
  if (members.length > 0) return members
  const familyOf = families(await readProcessTable())
  return containers.flatMap((container) => familyOf(container.pid)).map(({ pid }) => pid)
}

async function openConnection(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true, signal })
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.setNoDelay(true)
  return socket
}
