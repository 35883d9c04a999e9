// SPDX-License-Identifier: Apache-2.0
// From a request to its route. With a gate nothing but a malformed URL is answered before the caller
// is known and allowed: whether a route exists is nobody else's business.
import type { Exchange, RequestHandler } from './listener.ts'
import type { RequestGate } from './request-gate.ts'
import { RouteTable } from './router.ts'
import type { Match, Route } from './router.ts'
import { sendText } from './text-response.ts'

/** Answers requests by these routes; without a gate everybody may call them. */
export function dispatchTo(routes: readonly Route[], gate?: RequestGate): RequestHandler {
  const table = new RouteTable(routes)
  return async (exchange) => {
    const { request, response } = exchange
    const match = table.match(request.method, request.url ?? '')
    if (match.kind === 'badUrl') return sendText(response, { status: 400, text: 'Bad Request' })
    const result = await gate?.check(request, match.subresources)
    if (result?.isOpen === false) return sendText(response, result.answer)
    if (result) exchange.noteCaller()
    return await follow(match, { exchange, caller: result?.user.username ?? '' })
  }
}

async function follow(
  match: Exclude<Match, { readonly kind: 'badUrl' }>,
  { exchange, caller }: { readonly exchange: Exchange; readonly caller: string },
): Promise<void> {
  const { response } = exchange
  switch (match.kind) {
    case 'route': {
      const { params, query, route } = match
      return await route.handle({ ...exchange, params, query, caller })
    }
    case 'otherMethod': {
      const headers = { allow: match.allow.join(', ') }
      return sendText(response, { status: 405, text: 'Method Not Allowed', headers })
    }
    case 'unknown':
      return sendText(response, { status: 404, text: '404 page not found' })
  }
}
