// SPDX-License-Identifier: Apache-2.0
// httpGet: 200-399 is success. A redirect to another host ends the probe with success and a warning,
// because nobody asked how that other host is.
import type { HTTPGetAction } from '../../kube/types.gen.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { FailedGet, httpGet } from './http-get.ts'
import { httpRequestFor, type HttpRequest } from './http-request.ts'
import type { PodDial } from './pod-dial.ts'
import { maxOutputBytes, ProbeError } from './probe-order.ts'
import type { ProbeAnswer, ProbeOrder } from './probe-order.ts'

/** Rejects with a ProbeError when the probe cannot be made, or with the signal's reason. */
export async function probeHttp(
  action: HTTPGetAction,
  order: ProbeOrder,
  { signal, dial }: { readonly signal: AbortSignal; readonly dial: PodDial },
): Promise<ProbeAnswer> {
  const request = requestOf(action, order)
  try {
    return judge(await httpGet(request, { signal, dial, maxBodyBytes: maxOutputBytes }))
  } catch (error) {
    if (error instanceof FailedGet) return { result: 'failure', output: error.message }
    throw error
  }
}

function requestOf(action: HTTPGetAction, { spec, podIP }: ProbeOrder): HttpRequest {
  try {
    return httpRequestFor(action, { spec, podIP, purpose: 'probe' })
  } catch (error) {
    throw new ProbeError((error as Error).message)
  }
}

/** Of a failure the body is not told: it may hold what is nobody's business. */
function judge({ status, body }: HttpAnswer): ProbeAnswer {
  if (status >= 200 && status < 300) return { result: 'success', output: body }
  if (status >= 300 && status < 400) {
    return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` }
  }
  return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` }
}
