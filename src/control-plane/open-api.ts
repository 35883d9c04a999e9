// SPDX-License-Identifier: Apache-2.0
// Puts the API server together: who may call, what the verbs work with, the port.
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { createAdmissionPlugins } from './admission/admission-plugins.ts'
import type { ApiCore } from './api/api-core.ts'
import { ListSnapshots } from './api/list-snapshots.ts'
import { serviceAllocations } from './api/service-allocations.ts'
import { createAccessControl } from './auth/access-control.ts'
import type { AccessControl } from './auth/access-control.ts'
import { defaultIssuer } from './auth/authenticator.ts'
import { createBuiltInObjects } from './built-in-objects.ts'
import type { ServiceAccountKeys } from './certificates/service-account-keys.ts'
import { ApiListener } from './http/api-listener.ts'
import { ApiServer } from './http/api-server.ts'
import { kubernetesVersion } from './http/plain-paths.ts'
import { specialHandlers } from './http/special-handlers.ts'
import { KubeletClient } from './kubelet/kubelet-client.ts'
import { MetricsCollector } from './metrics/metrics-collector.ts'
import { resourceDefinitions } from './resources/registry.ts'
import { createOpenApiDocuments } from './schema/openapi/open-api-documents.ts'
import type { Store } from './storage/store.ts'

/** Certificate and key, PEM. */
interface KeyPair {
  readonly certificate: string
  readonly key: string
}

export interface ApiOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly address: string
  /** Where clients are told to find it. */
  readonly advertiseAddress: string
  readonly port: number
  /** Cluster address of the Service `kubernetes`. */
  readonly serviceAddress: string
  readonly caPem: string
  readonly keys: ServiceAccountKeys
  /** The API server's own. */
  readonly certificate: KeyPair
  /** What kubelets are shown. */
  readonly kubeletClient: KeyPair
}

/** A listening API server. */
export interface Api extends AsyncDisposable {
  readonly core: ApiCore
  readonly access: AccessControl
  readonly server: string
}

export async function openApi(options: ApiOptions): Promise<Api> {
  const { store, clock, log, caPem, keys, certificate, kubeletClient } = options
  await using resources = new AsyncDisposableStack()
  const access = resources.use(createAccessControl({ authority: caPem, keys, store, clock }))
  const core: ApiCore = {
    store,
    clock,
    admission: createAdmissionPlugins(access),
    allocate: serviceAllocations(store),
  }
  const kubelets = resources.use(
    new KubeletClient({ cert: kubeletClient.certificate, key: kubeletClient.key, ca: caPem }),
  )
  const metrics = new MetricsCollector({ store, kubelets, clock, log })
  let host = ''
  const server = resources.use(
    new ApiServer({
      core,
      store,
      kubelets,
      log,
      snapshots: new ListSnapshots(() => clock.nowMs()),
      authenticator: access.authenticator,
      authorizer: access.authorizer,
      special: specialHandlers({ store, kubelets, access, clock, metrics }),
      get server() {
        return host
      },
      obstacle: () => undefined,
      documents: issuerDocuments(keys),
      openApi: createOpenApiDocuments(resourceDefinitions, kubernetesVersion),
    }),
  )
  const listener = resources.use(
    await ApiListener.open({
      address: options.address,
      port: options.port,
      tls: { cert: certificate.certificate, key: certificate.key, clientCa: caPem },
      onRequest: (request, response) => void server.answer(request, response),
      onUpgrade: (request, socket, head) => void server.upgrade(request, socket, head),
    }),
  )
  const { port } = listener
  createBuiltInObjects(core, {
    address: options.advertiseAddress,
    port,
    serviceAddress: options.serviceAddress,
    caPem,
  })
  await store.durable()
  const { advertiseAddress } = options
  host = `${advertiseAddress.includes(':') ? `[${advertiseAddress}]` : advertiseAddress}:${port}`
  const owned = resources.move()
  return {
    core,
    access,
    server: `https://${host}`,
    [Symbol.asyncDispose]: async () => await owned[Symbol.asyncDispose](),
  }
}

/** What lets others check this cluster's service account tokens (OpenID Connect discovery). */
function issuerDocuments(keys: ServiceAccountKeys): ReadonlyMap<string, () => unknown> {
  const configuration = {
    issuer: defaultIssuer,
    jwks_uri: `${defaultIssuer}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  }
  return new Map<string, () => unknown>([
    ['/openid/v1/jwks', () => keys.jwks()],
    ['/.well-known/openid-configuration', () => configuration],
  ])
}
