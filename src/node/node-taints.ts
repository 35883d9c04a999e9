// SPDX-License-Identifier: Apache-2.0
// The taints that keep ordinary pods off a virtual node: which ones it gets, and what is not one.
import type { Taint } from '../kube/types.gen.ts'
import { UserError } from '../util/vk-error.ts'
import { isQualifiedName, labelObstacle } from './node-labels.ts'

/** Key of the taint that a virtual node has unless told otherwise. */
export const defaultTaintKey = 'virtual-kubelet.io/provider'

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

export interface TaintChoice {
  readonly providerName: string
  /** No taint of the provider; those of `more` stay. */
  readonly isDisabled?: boolean
  readonly key?: string
  /** Default: the provider's name. */
  readonly value?: string | undefined
  readonly effect?: string
  /** From `--register-with-taints`. */
  readonly more?: readonly Taint[]
}

/** The taints of a node; throws a UserError when one of them is none. */
export function chooseTaints(choice: TaintChoice): readonly Taint[] {
  const { providerName, isDisabled = false, key = defaultTaintKey, effect = 'NoSchedule' } = choice
  const own = { key, value: choice.value ?? providerName, effect }
  const byId = new Map<string, Taint>()
  for (const taint of [...(isDisabled ? [] : [own]), ...(choice.more ?? [])]) {
    checkTaint(taint)
    byId.set(taintId(taint), withoutEmptyValue(taint))
  }
  return [...byId.values()]
}

/** What tells one taint of a node from another. */
export function taintId(taint: Pick<Taint, 'key' | 'effect'>): string {
  return `${taint.key}:${taint.effect}`
}

function checkTaint({ key, value = '', effect }: Taint): void {
  const refuse = (why: string): never => {
    throw new UserError(`Cannot set node taint "${key}=${value}:${effect}": ${why}`, {
      hint: 'Write key=value:Effect, for example example.com/batch=yes:NoSchedule.',
    })
  }
  if (!isQualifiedName(key)) refuse('its key is none')
  if (!effects.includes(effect)) refuse(`its effect must be one of ${effects.join(', ')}`)
  if (value !== '' && labelObstacle('taint', value) !== undefined) {
    refuse('its value must be at most 63 letters, digits, - _ and .')
  }
}

// The API leaves out an empty value; ours must compare equal with what comes back.
function withoutEmptyValue({ key, value, effect }: Taint): Taint {
  return value ? { key, value, effect } : { key, effect }
}
