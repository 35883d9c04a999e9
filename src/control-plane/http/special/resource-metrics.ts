// SPDX-License-Identifier: Apache-2.0
// metrics.k8s.io: what `kubectl top` and autoscalers read, made of the kubelets' own numbers.
import { objectFilter } from '../../api/object-filter.ts'
import { definitionOf } from '../../api/definition-of.ts'
import type { MetricsCollector, SamplePair } from '../../metrics/metrics-collector.ts'
import { usageBetween } from '../../metrics/usage.ts'
import type { Usage } from '../../metrics/usage.ts'
import { notFound } from '../../objects/api-status.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import type { Pod } from '../../../kube/types.gen.ts'
import type { ResourceRequest, VerbContext } from '../read-verbs.ts'
import { wireTime } from '../../../util/wire-time.ts'

const apiVersion = 'metrics.k8s.io/v1beta1'

export async function answerNodeMetrics(
  context: VerbContext,
  request: ResourceRequest,
  collector: MetricsCollector,
): Promise<void> {
  const samples = await collector.samples()
  send(context, request, { source: 'nodes', kind: 'NodeMetrics' }, (node) => {
    const pair = samples.get(node.metadata.name ?? '')
    const used = usageBetween(pair?.earlier.node, pair?.later.node)
    return used && { ...timesOf(used), usage: used.usage }
  })
}

export async function answerPodMetrics(
  context: VerbContext,
  request: ResourceRequest,
  collector: MetricsCollector,
): Promise<void> {
  const samples = await collector.samples()
  send(context, request, { source: 'pods', kind: 'PodMetrics' }, (object) => {
    const pod = object as unknown as Pod
    const pair = samples.get(pod.spec.nodeName ?? '')
    return pair && podUsage(pod, pair)
  })
}

function podUsage({ metadata, spec }: Pod, { earlier, later }: SamplePair): object | undefined {
  const sidecars = (spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always')
  const used = [...spec.containers, ...sidecars].flatMap(({ name }) => {
    const key = `${metadata.namespace}/${metadata.name}/${name}`
    const usage = usageBetween(earlier.containers.get(key), later.containers.get(key))
    return usage ? [{ name, usage }] : []
  })
  const [first] = used
  if (!first) return undefined
  const containers = used.map(({ name, usage }) => ({ name, usage: usage.usage }))
  return { ...timesOf(first.usage), containers }
}

function timesOf({ timeMs, windowMs }: Usage): object {
  return {
    timestamp: wireTime(timeMs),
    window: `${(windowMs / 1000).toFixed(3)}s`,
  }
}

/** Answers with the metrics of the objects that are asked for and have some. */
function send(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
  { source, kind }: { readonly source: 'nodes' | 'pods'; readonly kind: string },
  measure: (object: KubeObject) => object | undefined,
): void {
  const definition = definitionOf({ apiVersion: 'v1', plural: source })
  const metricsOf = (object: KubeObject): object[] => {
    const measured = measure(object)
    if (!measured) return []
    const { name, namespace, labels } = object.metadata
    const creationTimestamp = wireTime(core.clock.nowMs())
    const metadata = { name, ...(namespace && { namespace }), labels, creationTimestamp }
    return [{ kind, apiVersion, metadata, ...measured }]
  }
  if (target.name !== '') {
    const { namespace, name } = target
    const found = core.store.get({ resource: definition.storage, namespace, name })
    const [only] = found ? metricsOf(found.object) : []
    if (!only) throw notFound({ group: resource.group, plural: source }, name)
    exchange.sendJson(200, only)
    return
  }
  const { matches } = objectFilter(definition, target.namespace, exchange.info.query)
  const { items } = core.store.list(definition.storage, target.namespace || undefined)
  const list = items
    .filter(({ object }) => matches(object))
    .flatMap(({ object }) => metricsOf(object))
  exchange.sendJson(200, { kind: `${kind}List`, apiVersion, metadata: {}, items: list })
}
