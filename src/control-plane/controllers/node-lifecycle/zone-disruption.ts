// SPDX-License-Identifier: Apache-2.0
// How fast nodes that are not ready may be given up, zone by zone: one node in ten seconds, slower or
// not at all when much of a zone is gone, and none when nothing at all is ready, because then it is
// more likely that the control plane is cut off.
import type { Node } from '../../../kube/types.gen.ts'
import { conditionOf } from '../workload/status-fields.ts'

const normalPeriodMs = 10_000
const partialPeriodMs = 100_000
const largeZone = 50
const unhealthyShare = 0.55

/** Milliseconds between two nodes of a zone; Infinity: none. */
export interface Disruption {
  readonly periodMsOf: (node: Node) => number
  /** No node anywhere is ready. */
  readonly isTotal: boolean
}

/** Looks at all nodes. */
export function disruptionOf(nodes: readonly Node[]): Disruption {
  const zones = new Map<string, { ready: number; notReady: number }>()
  for (const node of nodes) {
    if (node.metadata.labels?.['node.kubernetes.io/exclude-disruption'] !== undefined) continue
    const zone = zones.get(zoneOf(node)) ?? { ready: 0, notReady: 0 }
    if (conditionOf(node.status?.conditions, 'Ready')?.status === 'True') zone.ready += 1
    else zone.notReady += 1
    zones.set(zoneOf(node), zone)
  }
  const isTotal = [...zones.values()].every(({ ready }) => ready === 0)
  return {
    isTotal,
    periodMsOf: (node) => (isTotal ? Infinity : periodOf(zones.get(zoneOf(node)))),
  }
}

/** The failure domain of a node, from its labels. */
export function zoneOf({ metadata: { labels } }: Node): string {
  const region = labels?.['topology.kubernetes.io/region'] ?? ''
  const zone = labels?.['topology.kubernetes.io/zone'] ?? ''
  return `${region}/${zone}`
}

function periodOf(zone: { readonly ready: number; readonly notReady: number } | undefined): number {
  if (!zone) return normalPeriodMs
  const { ready, notReady } = zone
  const isPartial = ready > 0 && notReady > 2 && notReady / (ready + notReady) >= unhealthyShare
  if (!isPartial) return normalPeriodMs
  return ready + notReady > largeZone ? partialPeriodMs : Infinity
}
