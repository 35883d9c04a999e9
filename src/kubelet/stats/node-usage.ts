// SPDX-License-Identifier: Apache-2.0
// Where the stats routes get their figures: the backend's own of the node, else this machine's.
import type { CallContext } from '../../provider/provider.ts'
import type { NodeStats, PodStats, StatsWish } from '../../provider/stats.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import type { HostStats } from './host-stats.ts'

/** Figures of one node and its pods. */
export interface UsageSource {
  node(context: CallContext): Promise<NodeStats>
  pods(context: CallContext, wish?: StatsWish): Promise<readonly PodStats[]>
}

/** The figures of the node's backend; of this machine where the backend has none for the node. */
export function usageOf({ provider }: KubeletNode, host: HostStats): UsageSource {
  return {
    node: async (context) =>
      await (provider.nodeStats
        ? untilAborted(provider.nodeStats(context), context.signal)
        : host.read()),
    pods: async (context, wish) =>
      await untilAborted(provider.podStats(context, wish), context.signal),
  }
}
