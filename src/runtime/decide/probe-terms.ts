// SPDX-License-Identifier: Apache-2.0
// The figures of a probe with Kubernetes' defaults filled in. Pods that the API server has seen carry them
// all; what was found on a disk or made by a test may not.
import type { Container, Probe } from '../../kube/types.gen.ts'

/** The three things that a container is asked, in the order in which it is asked them. */
export const probeKinds = ['startup', 'liveness', 'readiness'] as const

export type ProbeKind = (typeof probeKinds)[number]

/** What a probe has found. One that could not be carried out has found nothing. */
export type ProbeResult = 'success' | 'failure'

export interface ProbeTerms {
  readonly periodMs: number
  readonly timeoutMs: number
  readonly initialDelayMs: number
  /** So many equal results in a row make a verdict. */
  readonly failureThreshold: number
  readonly successThreshold: number
}

/** The probe of that kind, if the container has one. */
export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  if (kind === 'startup') return container.startupProbe
  return kind === 'liveness' ? container.livenessProbe : container.readinessProbe
}

/** When and how often; a zero counts as left out, as it does for the API server. */
export function probeTerms(probe: Probe): ProbeTerms {
  return {
    periodMs: (probe.periodSeconds || 10) * 1000,
    timeoutMs: (probe.timeoutSeconds || 1) * 1000,
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    failureThreshold: probe.failureThreshold || 3,
    successThreshold: probe.successThreshold || 1,
  }
}
