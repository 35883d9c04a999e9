// SPDX-License-Identifier: Apache-2.0
// Puts the API server together: who may call, what the verbs work with, the port.
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
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
import type { ApiServerParts } from './http/api-server.ts'
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
  /** Signs the kubelets' serving certificates. */
  readonly kubeletCaPem: string
  readonly keys: ServiceAccountKeys
  /** The API server's own certificate; asked again every day, so that none runs out. */
  readonly serverCertificate: () => Promise<KeyPair>
  /** What kubelets are shown, likewise. */
  readonly kubeletClientCertificate: () => Promise<KeyPair>
}

/** A listening API server. */
export interface Api extends AsyncDisposable {
  readonly core: ApiCore
  readonly access: AccessControl
  readonly server: string
}

export async function openApi(options: ApiOptions): Promise<Api> {
  const { store, clock, caPem, keys, advertiseAddress } = options
  await using resources = new AsyncDisposableStack()
  const access = resources.use(createAccessControl({ authority: caPem, keys, store, clock }))
  const admission = createAdmissionPlugins(access)
  const core: ApiCore = { store, clock, admission, allocate: serviceAllocations(store) }
  const kubelets = resources.use(new KubeletClient(await kubeletCredentials(options)))
  let host = ''
  const place = {
    get server() {
      return host
    },
  }
  const server = resources.use(
    new ApiServer(serverParts(options, { core, access, kubelets, place })),
  )
  const listener = resources.use(await listen(server, options))
  resources.use(
    everyDay(options, async () => {
      listener.setCertificate(await serverTls(options))
      kubelets.setCredentials(await kubeletCredentials(options))
    }),
  )
  const { port } = listener
  createBuiltInObjects(core, { ...options, address: advertiseAddress, port })
  await store.durable()
  host = `${advertiseAddress.includes(':') ? `[${advertiseAddress}]` : advertiseAddress}:${port}`
  const owned = resources.move()
  return {
    core,
    access,
    server: `https://${host}`,
    [Symbol.asyncDispose]: async () => await owned[Symbol.asyncDispose](),
  }
}

interface Parts {
  readonly core: ApiCore
  readonly access: AccessControl
  readonly kubelets: KubeletClient
  /** Known once the port is. */
  readonly place: { readonly server: string }
}

function serverParts(
  { store, clock, log, keys }: ApiOptions,
  { core, access, kubelets, place }: Parts,
): ApiServerParts {
  const metrics = new MetricsCollector({ store, kubelets, clock, log })
  return {
    core,
    store,
    kubelets,
    log,
    snapshots: new ListSnapshots(() => clock.nowMs()),
    authenticator: access.authenticator,
    authorizer: access.authorizer,
    special: specialHandlers({ store, kubelets, access, clock, metrics }),
    get server() {
      return place.server
    },
    obstacle: () => obstacleOf(store),
    documents: issuerDocuments(keys),
    openApi: createOpenApiDocuments(resourceDefinitions, kubernetesVersion),
  }
}

async function listen(server: ApiServer, options: ApiOptions): Promise<ApiListener> {
  return await ApiListener.open({
    address: options.address,
    port: options.port,
    tls: await serverTls(options),
    onRequest: (request, response) => void server.answer(request, response),
    onUpgrade: (request, socket, head) => void server.upgrade(request, socket, head),
  })
}

async function serverTls({ serverCertificate, caPem }: ApiOptions) {
  return { ...shownWith(await serverCertificate(), caPem), clientCa: caPem }
}

async function kubeletCredentials({ kubeletClientCertificate, kubeletCaPem }: ApiOptions) {
  return shownWith(await kubeletClientCertificate(), kubeletCaPem)
}

function shownWith({ certificate, key }: KeyPair, ca: string) {
  return { cert: certificate, key, ca }
}

/** Why nothing can be written now, or undefined. */
async function obstacleOf(store: Store): Promise<string | undefined> {
  await store.durable().catch(() => {})
  return store.failure?.message
}

const dayMs = 24 * 60 * 60_000

/** Repeats some upkeep until disposed of; what fails is tried again the next day. */
function everyDay({ clock, log }: ApiOptions, upkeep: () => Promise<void>): Disposable {
  let timer: Disposable | undefined
  const plan = (): void => {
    timer = clock.setTimer(dayMs, () => {
      plan()
      upkeep().catch((error: unknown) => {
        log.error({ error: messageOf(error) }, 'Certificates could not be renewed')
      })
    })
  }
  plan()
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() }
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
