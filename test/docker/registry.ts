// SPDX-License-Identifier: Apache-2.0
//
// A registry for tests: it serves one image over the distribution API (v2), plain HTTP on loopback, to whoever
// has the password. It counts what it is asked for.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import type { AddressInfo } from 'node:net'
import { tarArchive, type TarEntry } from '../../src/providers/docker/tar-archive.ts'

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json'

const layerType = 'application/vnd.docker.image.rootfs.diff.tar.gzip'

interface Blob {
  readonly bytes: Buffer
  readonly type: string
}

/** What the registry serves, and to whom. */
export interface RegistryOptions {
  readonly repository: string
  readonly tag: string
  readonly files: readonly TarEntry[]
  readonly config: object
  readonly login?: { readonly username: string; readonly password: string }
}

/** A running registry. */
export class TestRegistry implements AsyncDisposable {
  readonly host: string
  readonly digest: string
  /** Pulls of the manifest that were answered. */
  manifestsServed = 0
  /** Requests that were refused. */
  refused = 0
  /** While false, everything is answered with 503. */
  isUp = true
  /** Called before a layer is sent, which waits for it. */
  beforeLayer: () => Promise<void> = () => Promise.resolve()
  readonly #server: Server
  readonly #blobs: ReadonlyMap<string, Blob>
  readonly #options: RegistryOptions

  private constructor(server: Server, options: RegistryOptions) {
    this.#server = server
    this.#options = options
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const { blobs, digest } = contentOf(options)
    this.#blobs = blobs
    this.digest = digest
  }

  static async open(options: RegistryOptions): Promise<TestRegistry> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const registry = new TestRegistry(server, options)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void registry.#answer(request, response)
    })
    return registry
  }

  /** The image's name in it. */
  get image(): string {
    return `${this.host}/${this.#options.repository}:${this.#options.tag}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { repository, tag } = this.#options
    const { method, url = '' } = request
    if (!this.isUp) return void response.writeHead(503).end()
    if (!this.#isAllowed(request)) {
      this.refused += 1
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' })
      return void response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED' }] }))
    }
    if (url === '/v2/') return void response.writeHead(200).end('{}')
    const [, kind, name = ''] =
      new RegExp(`^/v2/${repository}/(manifests|blobs)/(.+)$`).exec(url) ?? []
    const id = kind === 'manifests' && name === tag ? this.digest : name
    const blob = this.#blobs.get(id)
    if (!blob) {
      return void response
        .writeHead(404)
        .end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN' }] }))
    }
    if (kind === 'manifests' && method === 'GET') this.manifestsServed += 1
    if (blob.type === layerType && method === 'GET') await this.beforeLayer()
    response.writeHead(200, {
      'content-type': blob.type,
      'content-length': blob.bytes.length,
      'docker-content-digest': id,
    })
    response.end(method === 'HEAD' ? undefined : blob.bytes)
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    const { login } = this.#options
    if (!login) return true
    const expected = Buffer.from(`${login.username}:${login.password}`).toString('base64')
    return headers.authorization === `Basic ${expected}`
  }
}

function contentOf({ files, config }: RegistryOptions): {
  readonly blobs: ReadonlyMap<string, Blob>
  readonly digest: string
} {
  const layer = tarArchive(files)
  const zipped = gzipSync(layer)
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const rootfs = { type: 'layers', diff_ids: [digestOf(layer)] }
  const configuration = Buffer.from(JSON.stringify({ architecture, os: 'linux', config, rootfs }))
  const configType = 'application/vnd.docker.container.image.v1+json'
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: {
        mediaType: configType,
        size: configuration.length,
        digest: digestOf(configuration),
      },
      layers: [{ mediaType: layerType, size: zipped.length, digest: digestOf(zipped) }],
    }),
  )
  const digest = digestOf(manifest)
  return {
    digest,
    blobs: new Map([
      [digestOf(configuration), { bytes: configuration, type: configType }],
      [digestOf(zipped), { bytes: zipped, type: layerType }],
      [digest, { bytes: manifest, type: manifestType }],
    ]),
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
