// SPDX-License-Identifier: Apache-2.0
// A kubelet API on a real port, with an API server behind it that the test controls.
import type { Metrics } from '../../src/observe/metrics.ts'
import type { HealthCheck, KubeletNode } from '../../src/kubelet/kubelet-node.ts'
import { KubeletSecurity } from '../../src/kubelet/security.ts'
import type { KubeletSecurityOptions } from '../../src/kubelet/security.ts'
import { KubeletServer } from '../../src/kubelet/server.ts'
import type { KubeletServerOptions } from '../../src/kubelet/server.ts'
import { systemClock } from '../../src/util/clock.ts'
import type { Clock } from '../../src/util/clock.ts'
import { silentLogger } from '../../src/util/logger.ts'
import type { Logger } from '../../src/util/logger.ts'
import { TestAuthority } from './kubelet-certificates.ts'
import type { TestKeyPair } from './kubelet-certificates.ts'
import { ask } from './kubelet-request.ts'
import type { KubeletReply, KubeletRequest } from './kubelet-request.ts'
import { ReviewingClient, stubNode } from './kubelet-stubs.ts'

export interface KubeletFixtureOptions {
  readonly node?: KubeletNode
  readonly security?: Partial<KubeletSecurityOptions>
  readonly server?: Partial<KubeletServerOptions>
  readonly metrics?: Metrics
  readonly healthChecks?: readonly HealthCheck[]
  readonly clock?: Clock
  readonly log?: Logger
}

export interface KubeletFixture extends AsyncDisposable {
  readonly client: ReviewingClient
  readonly security: KubeletSecurity
  readonly server: KubeletServer
  readonly port: number
  ask(request: Omit<KubeletRequest, 'port'>): Promise<KubeletReply>
}

let serving: Promise<TestKeyPair> | undefined

/** One serving certificate for all tests of the run; making one takes time. */
export async function servingPair(): Promise<TestKeyPair> {
  serving ??= TestAuthority.create('serving').then((authority) =>
    authority.issue({ commonNames: ['node-1'], ipAddresses: ['127.0.0.1'], usage: 'server' }),
  )
  return await serving
}

/** Starts one; unless told otherwise everybody may do everything. */
export async function startKubelet(options: KubeletFixtureOptions = {}): Promise<KubeletFixture> {
  const { clock = systemClock, log = silentLogger, node = stubNode([]) } = options
  const client = new ReviewingClient()
  const security = await KubeletSecurity.open(
    { client, clock, log },
    {
      nodeName: node.nodeName,
      certificate: await servingPair(),
      authentication: { anonymousAuth: true },
      authorizationMode: 'AlwaysAllow',
      ...options.security,
    },
  )
  const { healthChecks, metrics } = options
  const server = await KubeletServer.start(
    {
      node,
      security,
      clock,
      log,
      ...(metrics && { metrics }),
      ...(healthChecks && { healthChecks }),
    },
    { address: '127.0.0.1', port: 0, rootDir: '/', ...options.server },
  )
  return {
    client,
    security,
    server,
    port: server.port,
    ask: (request) => ask({ ...request, port: server.port }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      security[Symbol.dispose]()
    },
  }
}
