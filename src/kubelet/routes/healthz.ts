// SPDX-License-Identifier: Apache-2.0
// /healthz and /readyz with one route per check below them.
import { healthReport, singleHealthReport } from '../health.ts'
import type { HealthCheck } from '../kubelet-node.ts'
import type { Route } from '../router.ts'
import { sendText } from '../text-response.ts'

/** `/<title>` for all checks, `/<title>/<check>` for each. */
export function healthRoutes(title: string, checks: readonly HealthCheck[]): readonly Route[] {
  return [
    {
      methods: ['GET'],
      path: `/${title}`,
      handle: ({ response, query }) => sendText(response, healthReport(checks, { title, query })),
    },
    ...checks.map((check): Route => ({
      methods: ['GET'],
      path: `/${title}/${check.name}`,
      handle: ({ response }) => sendText(response, singleHealthReport(check)),
    })),
  ]
}
