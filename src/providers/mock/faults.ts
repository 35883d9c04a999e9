// SPDX-License-Identifier: Apache-2.0
// Failures that a pod asks for, counted per pod: "fail the first two creates" must mean just that.
import { VkError } from '../../util/vk-error.ts'
import type { Behaviour } from './behaviour.ts'

type Fault = 'fail-create' | 'fail-delete' | 'lose-reply'

/** Fails calls as often as the pod's settings say. */
export class Faults {
  readonly #counts = new Map<string, Partial<Record<Fault, number>>>()

  failCreate(uid: string, behaviour: Behaviour): void {
    if (!this.#isDue(uid, 'fail-create', behaviour)) return
    const code = behaviour['fail-create-code'] ?? 'Unavailable'
    throw new VkError(code, `Cannot create pod: the mock was told to fail (${code})`)
  }

  failDelete(uid: string, behaviour: Behaviour): void {
    if (!this.#isDue(uid, 'fail-delete', behaviour)) return
    const code = behaviour['fail-delete-code'] ?? 'Unavailable'
    throw new VkError(code, `Cannot delete pod: the mock was told to fail (${code})`)
  }

  loseReply(uid: string, behaviour: Behaviour): void {
    if (!this.#isDue(uid, 'lose-reply', behaviour)) return
    throw new VkError('Unavailable', 'Cannot create pod: the mock was told to lose its reply')
  }

  forget(uid: string): void {
    this.#counts.delete(uid)
  }

  #isDue(uid: string, fault: Fault, behaviour: Behaviour): boolean {
    const wanted = behaviour[fault]
    if (wanted === undefined) return false
    const counts = this.#counts.get(uid) ?? {}
    const count = counts[fault] ?? 0
    if (count >= wanted) return false
    this.#counts.set(uid, { ...counts, [fault]: count + 1 })
    return true
  }
}
