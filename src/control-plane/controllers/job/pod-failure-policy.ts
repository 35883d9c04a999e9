// SPDX-License-Identifier: Apache-2.0
// What a Job's podFailurePolicy makes of one failed pod: the first rule that matches decides.
import type {
  ContainerStatus,
  Job,
  Pod,
  PodCondition,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
} from '../../../kube/types.gen.ts'

export interface FailureVerdict {
  /** The rule's action; undefined when no rule matches. */
  readonly action?: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count'
  /** Whether the failure counts towards the back-off limits. */
  readonly isCounted: boolean
  /** Why the whole Job fails; only for FailJob. */
  readonly message?: string
}

const counted: FailureVerdict = { isCounted: true }

export function judgeFailedPod({ spec }: Job, pod: Pod): FailureVerdict {
  const { rules } = spec.podFailurePolicy ?? { rules: [] }
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`
  for (const [index, { action, onExitCodes, onPodConditions }] of rules.entries()) {
    const rule = `matching ${action} rule at index ${index}`
    if (onExitCodes) {
      const container = containerThatMatches(pod, onExitCodes)
      if (!container) continue
      const code = container.state?.terminated?.exitCode
      const what = `Container ${container.name} for pod ${name} failed with exit code ${code} ${rule}`
      return verdictOf(action, what)
    }
    const condition = conditionThatMatches(pod, onPodConditions ?? [])
    if (condition) return verdictOf(action, `Pod ${name} has condition ${condition.type} ${rule}`)
  }
  return counted
}

function verdictOf(action: string, message: string): FailureVerdict {
  switch (action) {
    case 'Ignore':
      return { action, isCounted: false }
    case 'FailJob':
      return { action, isCounted: true, message }
    case 'FailIndex':
    case 'Count':
      return { action, isCounted: true }
    default:
      return counted
  }
}

function containerThatMatches(
  { status }: Pod,
  requirement: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  return all.find(({ name, state }) => {
    const { exitCode = 0 } = state?.terminated ?? {}
    if (exitCode === 0) return false
    if (requirement.containerName !== undefined && requirement.containerName !== name) return false
    const isListed = requirement.values.includes(exitCode)
    return requirement.operator === 'In' ? isListed : !isListed
  })
}

function conditionThatMatches(
  { status }: Pod,
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
): PodCondition | undefined {
  return status?.conditions?.find((condition) =>
    patterns.some(
      (pattern) =>
        pattern.type === condition.type && (pattern.status ?? 'True') === condition.status,
    ),
  )
}
