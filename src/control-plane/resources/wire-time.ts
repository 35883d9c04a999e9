// SPDX-License-Identifier: Apache-2.0
// Times as they stand in objects: RFC 3339, UTC.
import type { StrategyContext } from './resource-definition.ts'

/** Whole seconds of the request's time. */
export function wireTime(context: Pick<StrategyContext, 'nowMs'> | undefined): string {
  return `${new Date(context?.nowMs ?? 0).toISOString().slice(0, 19)}Z`
}
