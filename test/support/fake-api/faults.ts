// SPDX-License-Identifier: Apache-2.0
// Faults that a test orders: the next matching requests are refused, cut off, held up, or carried
// out with their answer lost.
import type { ApiRequest } from './api-request.ts'

/** Which requests; all given fields must match. */
export interface RequestMatcher {
  readonly verb?: ApiRequest['verb']
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly when?: (request: ApiRequest) => boolean
}

export interface Fault {
  /** Answers with this HTTP status. */
  readonly status?: number
  readonly reason?: string
  readonly message?: string
  readonly retryAfterSeconds?: number
  /** Cuts the connection. */
  readonly destroy?: boolean
  /** Waits before going on; alone it only slows the request down. */
  readonly delayMs?: number
  /** Carries the request out first: with `destroy` this is a lost reply. */
  readonly afterApply?: boolean
  /** How many requests it hits; default 1. */
  readonly times?: number
}

interface Ordered {
  readonly matcher: RequestMatcher
  readonly fault: Fault
  left: number
}

/** The faults that are still to come. */
export class Faults {
  readonly #ordered: Ordered[] = []

  /** Orders a fault; disposing of the result takes it back. */
  add(matcher: RequestMatcher, fault: Fault): Disposable {
    const ordered = { matcher, fault, left: fault.times ?? 1 }
    this.#ordered.push(ordered)
    return { [Symbol.dispose]: () => void (ordered.left = 0) }
  }

  /** The fault for this request, used up by one. */
  take(request: ApiRequest): Fault | undefined {
    const hit = this.#ordered.find(({ left, matcher }) => left > 0 && matches(matcher, request))
    if (hit) hit.left -= 1
    return hit?.fault
  }
}

function matches(matcher: RequestMatcher, request: ApiRequest): boolean {
  const { when, ...fields } = matcher
  for (const [name, value] of Object.entries(fields)) {
    if (request[name as keyof typeof fields] !== value) return false
  }
  return when?.(request) ?? true
}
