// SPDX-License-Identifier: Apache-2.0
// The conformance kit for authors of providers: one call registers tests (node:test) that drive a
// provider as the core does, with real time and on its real backend. Each test opens the provider in a
// directory of its own, and fails when anything is left behind at its end.
import { test } from 'node:test'
import { attachChecks } from './attach-checks.ts'
import type { Check } from './check.ts'
import type { ConformanceOptions } from './conformance-options.ts'
import { execChecks } from './exec-checks.ts'
import { faultChecks } from './fault-checks.ts'
import { lifecycleChecks } from './lifecycle-checks.ts'
import { portChecks } from './port-checks.ts'
import { ProviderFixture } from './provider-fixture.ts'
import { streamChecks } from './stream-checks.ts'

/**
 * Registers the conformance tests of a provider; call it at the top of a test file.
 *
 * @example
 * providerConformance({
 *   name: 'mine',
 *   open: (host) => providerModule.create({}, host),
 *   workloads: {
 *     running: () => ({ container: { command: ['sleep', '3600'] } }),
 *     exiting: ({ exitCode }) => ({ container: { command: ['sh', '-c', `exit ${exitCode}`] } }),
 *   },
 * })
 */
export function providerConformance(options: ConformanceOptions): void {
  const { skip = false } = options
  for (const check of conformanceChecks) {
    test(`${options.name}: ${check.title}`, { skip }, async (t) => {
      const reason = await runCheck(check, options)
      if (reason !== undefined) t.skip(reason)
    })
  }
}

/** Every check, in the order in which they are best understood when they fail. */
export const conformanceChecks: readonly Check[] = [
  ...lifecycleChecks,
  ...streamChecks,
  ...execChecks,
  ...attachChecks,
  ...portChecks,
  ...faultChecks,
]

/** Runs one check on a freshly opened provider; resolves to the reason when there was nothing to check. */
export async function runCheck(
  check: Check,
  options: ConformanceOptions,
): Promise<string | undefined> {
  await using fixture = await ProviderFixture.open(options)
  const reason = skipReason(check, { fixture, options })
  if (reason === undefined) await check.run(fixture, options)
  return reason
}

function skipReason(
  { needs = [], needsMethod, needsWorkload }: Check,
  { fixture, options }: { readonly fixture: ProviderFixture; readonly options: ConformanceOptions },
): string | undefined {
  const missing = needs.find((feature) => !fixture.provider.features[feature])
  if (missing !== undefined) return `the provider does not support ${missing}`
  if (needsMethod !== undefined && !fixture.provider[needsMethod]) {
    return `the provider has no method ${needsMethod}`
  }
  if (needsWorkload === undefined || options.workloads[needsWorkload]) return undefined
  return `no workload "${needsWorkload}" was given`
}
