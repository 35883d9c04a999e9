// SPDX-License-Identifier: Apache-2.0
// Resources and subresources that are more than a stored object or a part of one, and who answers them.
import type { Clock } from '../../util/clock.ts'
import type { AccessControl } from '../auth/access-control.ts'
import { sendPodLog } from '../kubelet/pod-logs.ts'
import type { KubeletContext } from '../kubelet/pod-logs.ts'
import { upgradeRequired } from '../kubelet/pod-streams.ts'
import type { MetricsCollector } from '../metrics/metrics-collector.ts'
import type { SpecialHandler, SpecialHandlers } from './request-router.ts'
import { answerBinding } from './special/pod-binding.ts'
import { answerEviction } from './special/pod-eviction.ts'
import { proxyToNode, proxyToPod } from './special/proxy.ts'
import { answerReview, reviewResources } from './special/reviews.ts'
import { answerNodeMetrics, answerPodMetrics } from './special/resource-metrics.ts'
import { answerTokens } from './special/service-account-token.ts'
import { answerScale } from './special/scale.ts'

export interface SpecialContext extends KubeletContext {
  readonly access: AccessControl
  readonly clock: Clock
  readonly metrics: MetricsCollector
}

export function specialHandlers(context: SpecialContext): SpecialHandlers {
  const refuseWithoutUpgrade = async (): Promise<void> => {
    throw upgradeRequired()
  }
  const answerReviews: SpecialHandler = async (_, request) => await answerReview(request, context)
  return new Map<string, SpecialHandler>([
    ['pods/binding', answerBinding],
    ['bindings', answerBinding],
    ['pods/eviction', answerEviction],
    ['pods/log', (_, { exchange, target }) => sendPodLog(context, exchange, target)],
    ['pods/exec', refuseWithoutUpgrade],
    ['pods/attach', refuseWithoutUpgrade],
    ['pods/portforward', refuseWithoutUpgrade],
    ['pods/proxy', (_, { exchange, target }) => proxyToPod(context, exchange, target)],
    ['nodes/proxy', (_, { exchange, target }) => proxyToNode(context, exchange, target)],
    [
      'nodes.metrics.k8s.io',
      (verbs, request) => answerNodeMetrics(verbs, request, context.metrics),
    ],
    ['pods.metrics.k8s.io', (verbs, request) => answerPodMetrics(verbs, request, context.metrics)],
    ['serviceaccounts/token', (verbs, request) => answerTokens(verbs, request, context.access)],
    ['deployments.apps/scale', answerScale],
    ['replicasets.apps/scale', answerScale],
    ['statefulsets.apps/scale', answerScale],
    ...reviewResources.map((name) => [name, answerReviews] as const),
  ])
}
