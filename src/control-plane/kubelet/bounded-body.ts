// SPDX-License-Identifier: Apache-2.0
// Answers of kubelets that are read as a whole. A node may send what it likes, and as much as it likes:
// only so much of it is kept.
import type { Readable } from 'node:stream'

/** The first bytes of a stream, at most `maxBytes`; what follows them is not waited for. */
export async function firstBytes(stream: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= maxBytes) break
  }
  return Buffer.concat(chunks).subarray(0, maxBytes)
}
