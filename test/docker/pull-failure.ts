// SPDX-License-Identifier: Apache-2.0
//
// What a pod says of an image that it could not have. The failure itself is shown for a few seconds, of which a busy
// engine can take the most; that the pull is held back because of it lasts longer each time.
import type { Pod } from '../../src/kube/types.gen.ts'
import type { ObservedPod } from '../../src/provider/provider.ts'
import type { ProviderFixture } from '../../src/testing/provider-fixture.ts'

/** Waits until the pod's only container could not have its image; resolves with the engine's words. */
export async function untilPullFails(fixture: ProviderFixture, pod: Pod): Promise<string> {
  const observed = await fixture.until(
    pod,
    'cannot have its image',
    (now) => failureOf(now) !== undefined,
  )
  return failureOf(observed) ?? ''
}

function failureOf({ containers }: ObservedPod): string | undefined {
  const { reason, message = '' } = containers[0]?.state?.waiting ?? {}
  if (reason === 'ErrImagePull') return message
  if (reason !== 'ImagePullBackOff') return undefined
  return message.replace(/^Back-off pulling image "[^"]*": ErrImagePull: /, '')
}
