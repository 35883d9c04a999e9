// SPDX-License-Identifier: Apache-2.0
// The parts of one node, made and connected: what each is told to do when another has news. Nothing
// here decides anything, and nothing starts.
import { Informer } from '../kube/informer.ts'
import { nodes } from '../kube/resources.ts'
import type { Node } from '../kube/types.gen.ts'
import { HealthCheck } from './health-check.ts'
import { NodeDescriber } from './node-description.ts'
import { NodeKeeper } from './node-keeper.ts'
import type { NodeKeeperOptions } from './node-keeper.ts'
import { NodeLease } from './node-lease.ts'
import { defaultIntervals } from './node-options.ts'
import type { NodeDependencies, NodeIntervals, NodeOptions } from './node-options.ts'
import { StatusLoop } from './node-status-loop.ts'
import { NodeWriter } from './node-writer.ts'
import { refuseTwin } from './twin-guard.ts'

/** What only the controller knows. */
export type NodeHooks = Pick<
  NodeKeeperOptions,
  'desired' | 'mayCreate' | 'onChange' | 'onReported'
> & {
  readonly isNodeIdentity: () => boolean
  /** False after the first registration: the lease is then our own. */
  readonly mayHaveTwin: () => boolean
}

/** Everything that a node consists of. */
export interface NodeParts {
  readonly intervals: NodeIntervals
  readonly health: HealthCheck
  readonly describer: NodeDescriber
  readonly writer: NodeWriter
  readonly keeper: NodeKeeper
  readonly lease: NodeLease
  readonly loop: StatusLoop
  readonly informer: Informer<Node>
}

/** Makes the parts of a node. */
export function makeNodeParts(
  deps: NodeDependencies,
  { options, hooks }: { readonly options: NodeOptions; readonly hooks: NodeHooks },
): NodeParts {
  const { client, clock, log, metrics } = deps
  const { name, random = Math.random } = options
  const intervals = { ...defaultIntervals, ...options.intervals }
  const { callTimeoutMs, statusMs: intervalMs, statusReportMs: reportMs } = intervals
  const shared = { clock, log, random }
  const writer = makeWriter(deps, { options, hooks, random, callTimeoutMs })
  const keeper = new NodeKeeper({ ...shared, ...hooks, writer, reportMs })
  const loop = new StatusLoop((signal) => keeper.pass(signal), { ...shared, intervalMs })
  const lease = new NodeLease(client, {
    ...shared,
    nodeName: name,
    nodeUid: () => keeper.uid,
    metrics,
    renewMs: intervals.leaseRenewMs,
    durationSeconds: intervals.leaseDurationSeconds,
    callTimeoutMs,
    onGone: () => {
      keeper.doubt()
      loop.wake()
    },
  })
  const informer = new Informer(client, nodes, {
    fieldSelector: `metadata.name=${name}`,
    clock,
    log,
    ...(metrics ? { metrics } : {}),
  })
  informer.onChange((change) => {
    if (keeper.observe(change)) loop.wake()
  })
  const questions = makeQuestions(deps, { intervals, random, onChange: () => loop.wake() })
  return { intervals, writer, keeper, loop, lease, informer, ...questions }
}

interface WriterParts {
  readonly options: NodeOptions
  readonly hooks: NodeHooks
  readonly random: () => number
  readonly callTimeoutMs: number
}

function makeWriter(
  { client, clock, log }: NodeDependencies,
  { options, hooks, random, callTimeoutMs }: WriterParts,
): NodeWriter {
  const { name, instanceId } = options
  return new NodeWriter(client, {
    clock,
    log,
    random,
    name,
    isNodeIdentity: hooks.isNodeIdentity,
    callTimeoutMs,
    beforeAdoption: async (node, signal) => {
      if (!hooks.mayHaveTwin()) return
      const guard = { clock, log, callTimeoutMs, instanceId }
      await refuseTwin(client, { node, signal, options: guard })
    },
  })
}

interface QuestionParts {
  readonly intervals: NodeIntervals
  readonly random: () => number
  readonly onChange: () => void
}

// What asks the backend.
function makeQuestions(
  { provider, clock, log }: NodeDependencies,
  { intervals, random, onChange }: QuestionParts,
): Pick<NodeParts, 'health' | 'describer'> {
  const { pingMs, pingTimeoutMs: timeoutMs, statusMs, statusReportMs } = intervals
  const shared = { clock, log, timeoutMs, onChange }
  return {
    health: new HealthCheck((context) => provider.ping(context), {
      ...shared,
      intervalMs: pingMs,
    }),
    describer: new NodeDescriber(provider, {
      ...shared,
      random,
      pollMs: statusMs,
      watchedPollMs: statusReportMs,
    }),
  }
}
