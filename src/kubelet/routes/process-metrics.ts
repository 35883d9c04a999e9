// SPDX-License-Identifier: Apache-2.0
// /metrics: what the process counts about itself.
import type { Metrics } from '../../observe/metrics.ts'
import type { Route } from '../router.ts'
import { sendBody } from '../text-response.ts'

/** `/metrics` from the process's registry. */
export function processMetricsRoute({ registry }: Metrics): Route {
  return {
    methods: ['GET'],
    path: '/metrics',
    async handle({ response }) {
      sendBody(response, await registry.metrics(), { contentType: registry.contentType })
    },
  }
}
