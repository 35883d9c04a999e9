// SPDX-License-Identifier: Apache-2.0
// Pods for unit tests: as small as the test's subject allows, the rest filled in.
import type { Container, Pod, PodSpec } from '../../src/kube/types.gen.ts'

/** What a test says of its pod. */
export interface PodParts {
  readonly metadata?: Partial<Pod['metadata']>
  readonly spec?: Partial<PodSpec>
  readonly status?: Pod['status']
}

let uids = 0

/** A pod `ns/pod` with a uid of its own and one container `main`, unless `parts` say otherwise. */
export function buildPod({ metadata, spec, status }: PodParts = {}): Pod {
  return {
    metadata: { name: 'pod', namespace: 'ns', uid: `uid-${++uids}`, ...metadata },
    spec: { containers: [buildContainer()], ...spec },
    ...(status && { status }),
  }
}

/** A container `main`, unless `parts` say otherwise. */
export function buildContainer(parts: Partial<Container> = {}): Container {
  return { name: 'main', image: 'example', ...parts }
}
