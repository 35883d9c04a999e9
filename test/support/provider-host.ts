// SPDX-License-Identifier: Apache-2.0
// What a provider is given when a unit test makes one: a standing clock, and nothing on disk.
import type { CallContext, PodRequest, ProviderHost } from '../../src/provider/provider.ts'
import type { Pod } from '../../src/kube/types.gen.ts'
import { requestFor } from '../../src/testing/provider-fixture.ts'
import { FakeClock } from '../../src/util/fake-clock.ts'
import { silentLogger } from '../../src/util/logger.ts'

/** A host of node `node-a` with this clock. */
export function buildHost(clock: FakeClock = new FakeClock()): ProviderHost {
  return {
    nodeName: 'node-a',
    clusterId: 'cluster',
    nodeIPs: ['192.168.0.2'],
    os: 'linux',
    rootDir: '/nonexistent',
    protectedDir: '/nonexistent',
    clock,
    log: silentLogger,
    recordEvent: () => {},
  }
}

/** A call that nobody gives up. */
export const patient: CallContext = { signal: new AbortController().signal, log: silentLogger }

/** A request for the pod with its containers as they are written. */
export function request(pod: Pod): PodRequest {
  return requestFor(pod)
}
