// SPDX-License-Identifier: Apache-2.0
// What a container shows when its hook after the start has failed: the kubelet's words, without those of the
// hook itself, which may hold secrets.
import type { Container } from '../../kube/types.gen.ts'
import type { Termination } from './container-record.ts'
import type { Wait } from './pod-state.ts'

/** A kubelet shows it until it looks at the pod again, which the end of the container has it do. */
const shownMs = 1000

/** When a hook is looked back on. */
export interface HookMoment {
  /** The pod as messages call it. */
  readonly pod: string
  readonly termination: Termination | undefined
  readonly nowMs: number
}

/** The hook's failure as the reason why the container waits; undefined once another reason is to be shown. */
export function hookFailure(
  { name, lifecycle }: Container,
  { pod, termination, nowMs }: HookMoment,
): Wait | undefined {
  const { exec, httpGet, sleep } = lifecycle?.postStart ?? {}
  const untilMs = (termination?.finishedAtMs ?? 0) + shownMs
  if (nowMs >= untilMs) return undefined
  const what = exec
    ? `Exec lifecycle hook ([${(exec.command ?? []).join(' ')}])`
    : httpGet
      ? `HTTP lifecycle hook (${httpGet.path ?? ''})`
      : `Sleep lifecycle hook (${sleep?.seconds ?? 0})`
  const message = `${what} for Container "${name}" in Pod "${pod}" failed`
  return { reason: 'PostStartHookError', message, untilMs }
}
