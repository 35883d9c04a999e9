// SPDX-License-Identifier: Apache-2.0
// Whether a container that exited is started again, by the policy of its pod, its own policy and its
// own rules. Deletion and deadlines are not judged here: they forbid every restart.
import type { Container, ContainerRestartRule, Pod } from '../../kube/types.gen.ts'

/** What an exit leads to. `restartAll`: a rule asks for a restart of the whole pod in place. */
export type ExitOutcome = 'restart' | 'restartAll' | 'stop'

/** An init container that keeps running beside the regular ones. */
export function isSidecar(initContainer: Container): boolean {
  return initContainer.restartPolicy === 'Always'
}

/** What the exit of a regular container leads to. */
export function afterExit(pod: Pod, container: Container, exitCode: number): ExitOutcome {
  const rule = container.restartPolicyRules?.find((rule) => matches(rule, exitCode))
  if (rule) return rule.action === 'RestartAllContainers' ? 'restartAll' : 'restart'
  return byPolicy(container.restartPolicy ?? pod.spec.restartPolicy, exitCode)
}

/** What the exit of an init container leads to; one that succeeded is done, a sidecar never is. */
export function afterInitExit(pod: Pod, container: Container, exitCode: number): ExitOutcome {
  const outcome = afterExit(pod, container, exitCode)
  if (isSidecar(container)) return outcome === 'restartAll' ? outcome : 'restart'
  return outcome === 'restart' && exitCode === 0 ? 'stop' : outcome
}

/** Can an exit of any container have all of them started anew, whatever their policies? */
export function canRestartAll({ containers, initContainers = [] }: Pod['spec']): boolean {
  return [...initContainers, ...containers].some(({ restartPolicyRules = [] }) =>
    restartPolicyRules.some(({ action }) => action === 'RestartAllContainers'),
  )
}

function byPolicy(policy: string | undefined, exitCode: number): ExitOutcome {
  if (policy === 'Never') return 'stop'
  if (policy === 'OnFailure') return exitCode === 0 ? 'stop' : 'restart'
  return 'restart'
}

function matches(rule: ContainerRestartRule, exitCode: number): boolean {
  const isListed = rule.exitCodes?.values?.includes(exitCode) ?? false
  if (rule.exitCodes?.operator === 'In') return isListed
  return rule.exitCodes?.operator === 'NotIn' && !isListed
}
