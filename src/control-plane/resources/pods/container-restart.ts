// SPDX-License-Identifier: Apache-2.0
// Whether a container that has ended may start again, by its own rules or the pod's policy.
import type { Container, PodSpec } from '../../../kube/types.gen.ts'
import { listOf } from '../read-json.ts'

/** Whether this exit lets the container start again. */
export function mayContainerRestart(
  container: Container,
  spec: PodSpec,
  exitCode: number,
): boolean {
  const hasRule = listOf(container.restartPolicyRules).some((one) => {
    const values = listOf(one.exitCodes?.values)
    const isIn = values.includes(exitCode)
    return one.exitCodes?.operator === 'NotIn' ? !isIn : isIn
  })
  if (hasRule) return true
  switch (container.restartPolicy ?? spec.restartPolicy) {
    case 'Never':
      return false
    case 'OnFailure':
      return exitCode !== 0
    default:
      return true
  }
}

/** Whether some exit of some container makes all of them start again. */
export function mayRestartAll(spec: PodSpec): boolean {
  return [...listOf(spec.containers), ...listOf(spec.initContainers)].some((container) =>
    listOf(container.restartPolicyRules).some(({ action }) => action === 'RestartAllContainers'),
  )
}
