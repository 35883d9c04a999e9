// SPDX-License-Identifier: Apache-2.0
// A gRPC service that is healthy, as small as probes need one.
import { createServer, type Http2Server } from 'node:http2'

const serving = Buffer.from([0, 0, 0, 0, 2, 8, 1])

/** Answers every call so; it does not listen yet. */
export function grpcHealth(): Http2Server {
  const service = createServer()
  service.on('stream', (stream) => {
    stream.resume().on('error', () => {})
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(serving)
  })
  return service
}
