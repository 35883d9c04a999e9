// SPDX-License-Identifier: Apache-2.0
// DeleteOptions of a request: from its body, or from its query where there is none.
import type { DeleteOptions } from '../api/delete-object.ts'
import { badRequest, invalid } from '../objects/api-status.ts'
import { forbiddenField, notSupported } from '../objects/field-error.ts'
import type { ApiExchange } from './api-exchange.ts'
import { isDryRun, parseBody } from './request-body.ts'

type Wishes = Omit<DeleteOptions, 'user'>

const policies: readonly string[] = ['Foreground', 'Background', 'Orphan']

/** Throws 400 or 422 for options that make no sense. */
export async function readDeleteOptions(exchange: ApiExchange): Promise<Wishes> {
  const body = await exchange.body()
  const { query } = exchange.info
  const given =
    body.length === 0
      ? fromQuery(query)
      : (parseBody(exchange, body) as Readonly<Record<string, unknown>>)
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw badRequest('the body of a DELETE must be a DeleteOptions object')
  }
  return checkedDeleteOptions(given, isDryRun(query))
}

function fromQuery(query: URLSearchParams): Readonly<Record<string, unknown>> {
  const seconds = query.get('gracePeriodSeconds')
  const orphan = query.get('orphanDependents')
  return {
    ...(seconds !== null && { gracePeriodSeconds: Number(seconds) }),
    ...(query.has('propagationPolicy') && { propagationPolicy: query.get('propagationPolicy') }),
    ...(orphan !== null && { orphanDependents: orphan === 'true' }),
  }
}

/** The same for options that come inside of something else, such as an Eviction. */
export function checkedDeleteOptions(
  given: Readonly<Record<string, unknown>>,
  isDryRunByQuery: boolean,
): Wishes {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun } = given
  if (gracePeriodSeconds != null && !isSeconds(gracePeriodSeconds)) {
    throw badRequest('gracePeriodSeconds of DeleteOptions must be a whole number')
  }
  if (propagationPolicy != null && orphanDependents != null) {
    const why = 'orphanDependents and deletionPropagation cannot be both set'
    throw invalidOptions(forbiddenField('propagationPolicy', why))
  }
  if (propagationPolicy != null && !(policies as readonly unknown[]).includes(propagationPolicy)) {
    throw invalidOptions(notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil']))
  }
  const dryRuns = Array.isArray(dryRun) ? (dryRun as readonly unknown[]) : []
  // One that is misspelt must not delete.
  if (dryRuns.some((value) => value !== 'All')) {
    throw invalidOptions(notSupported('dryRun', dryRuns, ['All']))
  }
  const policy =
    propagationPolicy ??
    (orphanDependents == null ? undefined : orphanDependents ? 'Orphan' : 'Background')
  return {
    ...(gracePeriodSeconds != null && { gracePeriodSeconds: gracePeriodSeconds as number }),
    ...(policy != null && { propagationPolicy: policy as 'Orphan' | 'Background' | 'Foreground' }),
    ...(preconditions != null && { preconditions: givenOnly(preconditions) }),
    isDryRun: isDryRunByQuery || dryRuns.length > 0,
  }
}

/** Within what a time can hold: the deletion is planned for then. */
function isSeconds(value: unknown): boolean {
  return Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31
}

/** Null is as good as absent. */
function givenOnly(preconditions: object): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(preconditions).filter(([, value]) => value !== null))
}

function invalidOptions(error: Parameters<typeof invalid>[2][number]) {
  return invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [error])
}
