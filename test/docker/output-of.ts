// SPDX-License-Identifier: Apache-2.0
//
// What a container has written, as the provider gives it.
import type { Pod } from '../../src/kube/types.gen.ts'
import { refOf, type ProviderFixture } from '../../src/testing/provider-fixture.ts'

/** A container's stored output. */
export async function outputOf(
  { provider, context }: ProviderFixture,
  pod: Pod,
  container = 'c0',
): Promise<string> {
  const query = { previous: false, follow: false }
  const chunks: Uint8Array[] = []
  for await (const { entries } of provider.logs(refOf(pod), container, query, context)) {
    chunks.push(...entries.map(({ bytes }) => bytes))
  }
  return Buffer.concat(chunks).toString()
}
