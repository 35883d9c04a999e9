// SPDX-License-Identifier: Apache-2.0
// grpc: Check of the standard health service over plaintext; success is SERVING. Loaded with the first
// probe of its kind, because few pods have one.
import { createClient, Code, ConnectError, type Client } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import type { GRPCAction } from '../../kube/types.gen.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { goDuration } from '../decide/go-duration.ts'
import { healthService, statusName } from './grpc-health-service.ts'
import { Http2Session } from './http2-session.ts'
import type { PodDial } from './pod-dial.ts'
import { maxOutputBytes, ProbeError, ProbeTimeout } from './probe-order.ts'
import type { ProbeAnswer, ProbeOrder } from './probe-order.ts'
import { joinHostPort } from './resolve-port.ts'

/** Rejects with a ProbeError when the probe cannot be made, or with the signal's reason. */
export async function probeGrpc(
  { port, service = '' }: GRPCAction,
  { podIP, timeoutMs }: ProbeOrder,
  { signal, dial }: { readonly signal: AbortSignal; readonly dial: PodDial },
): Promise<ProbeAnswer> {
  if (podIP === '') throw new ProbeError('the pod has no address')
  const address = joinHostPort(podIP, port)
  const within = `within ${goDuration(timeoutMs)}`
  const baseUrl = `http://${address}`
  using cleanup = new DisposableStack()
  let isConnected = false
  try {
    const connection = await dial({ host: podIP, port }, signal)
    const session = cleanup.use(new Http2Session(baseUrl, connection))
    await untilAborted(session.connected, signal)
    isConnected = true
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager: session,
      acceptCompression: [],
      readMaxBytes: maxOutputBytes,
    })
    return await check(createClient(healthService, transport), { service, signal })
  } catch (error) {
    const isTimeout = signal.aborted && signal.reason instanceof ProbeTimeout
    if (error instanceof ProbeError || (signal.aborted && !isTimeout)) throw error
    if (!isConnected) {
      return failure(
        `timeout: failed to connect service "${address}" ${within}: context deadline exceeded`,
      )
    }
    if (isTimeout) return failure(`timeout: health rpc did not complete ${within}`)
    return failure(rpcFailure(ConnectError.from(error), within))
  }
}

async function check(
  client: Client<typeof healthService>,
  { service, signal }: { readonly service: string; readonly signal: AbortSignal },
): Promise<ProbeAnswer> {
  const call = client['check'] as unknown as (
    request: { readonly service: string },
    options: { readonly signal: AbortSignal; readonly headers: Readonly<Record<string, string>> },
  ) => Promise<{ readonly status?: number }>
  const { status } = await call(
    { service },
    { signal, headers: { 'User-Agent': 'kube-probe/1.36' } },
  )
  const name = statusName(status)
  if (name === 'SERVING') return { result: 'success', output: 'service healthy' }
  return failure(`service unhealthy (responded with "${name}")`)
}

function rpcFailure({ code, rawMessage }: ConnectError, within: string): string {
  if (code === Code.Unimplemented) {
    const what = 'this server does not implement the grpc health protocol (grpc.health.v1.Health)'
    return `error: ${what}: ${rawMessage}`
  }
  if (code === Code.DeadlineExceeded) return `timeout: health rpc did not complete ${within}`
  return `error: health rpc probe failed: rpc error: code = ${Code[code]} desc = ${rawMessage}`
}

function failure(output: string): ProbeAnswer {
  return { result: 'failure', output }
}
