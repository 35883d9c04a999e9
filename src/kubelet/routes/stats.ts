// SPDX-License-Identifier: Apache-2.0
// /stats/summary as JSON and /metrics/resource as Prometheus text: usage of the node and its pods.
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { CallContext } from '../../provider/provider.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { Route, RouteCall } from '../router.ts'
import { renderResourceMetrics } from '../stats/resource-metrics.ts'
import { cpuAndMemorySummaryOf, summaryOf } from '../stats/summary.ts'
import type { UsageSource } from '../stats/node-usage.ts'
import { sendBody, sendText } from '../text-response.ts'

export interface StatsRoutesOptions {
  readonly nodeName: string
  readonly usage: UsageSource
  readonly log: Logger
}

const maxFormBytes = 8192

/** `/stats/summary` and `/metrics/resource`. */
export function statsRoutes(options: StatsRoutesOptions): readonly Route[] {
  return [
    {
      methods: ['GET', 'POST'],
      path: '/stats/summary',
      handle: (call) => sendSummary(call, options),
    },
    {
      methods: ['GET'],
      path: '/metrics/resource',
      handle: (call) => sendResourceMetrics(call, options),
    },
  ]
}

async function sendSummary(call: RouteCall, options: StatsRoutesOptions): Promise<void> {
  const { nodeName, usage } = options
  const context = contextOf(call, options)
  try {
    const form = call.request.method === 'POST' ? await readForm(call.request) : call.query
    const only = [
      ...form.getAll('only_cpu_and_memory'),
      ...call.query.getAll('only_cpu_and_memory'),
    ]
    const isShort = only[0] === 'true'
    const [node, pods] = await Promise.all([
      usage.node(context),
      usage.pods(context, isShort ? 'cpuAndMemory' : 'all'),
    ])
    const summary = isShort ? cpuAndMemorySummaryOf : summaryOf
    const body = JSON.stringify(summary({ nodeName, node, pods }))
    sendBody(call.response, body, { contentType: 'application/json' })
  } catch (error) {
    if (call.signal.aborted) throw error
    options.log.warn({ error: messageOf(error) }, 'Cannot read the stats of node and pods')
    sendText(call.response, { status: 500, text: `Internal Error: ${messageOf(error)}` })
  }
}

/** A failure is told by a metric of its own; what could be read is sent all the same. */
async function sendResourceMetrics(call: RouteCall, options: StatsRoutesOptions): Promise<void> {
  const { log, usage } = options
  const context = contextOf(call, options)
  const warn = (error: unknown): undefined => {
    log.warn({ error: messageOf(error) }, 'Cannot read figures for /metrics/resource')
  }
  const [node, pods] = await Promise.all([
    usage.node(context).catch(warn),
    usage.pods(context, 'cpuAndMemory').catch(warn),
  ])
  sendBody(call.response, renderResourceMetrics({ node, pods }), {
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
  })
}

function contextOf({ signal }: RouteCall, { log }: StatsRoutesOptions): CallContext {
  return { signal, log }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  if (!isForm || !(length <= maxFormBytes)) return new URLSearchParams()
  return new URLSearchParams(await text(request))
}
