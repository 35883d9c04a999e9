// SPDX-License-Identifier: Apache-2.0
//
// An engine's API as tests use it beside the provider under test: to look, to interfere and to clean up. No
// code of the provider is in it.
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const timeoutMs = 60_000
const removalLimitMs = 180_000
const goneLimitMs = 60_000

export interface ListedContainer {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: string
  readonly Labels: Readonly<Record<string, string>> | null
}

/** Requests over the engine's socket. */
export class EngineApi {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  async answers(): Promise<boolean> {
    return await this.call('GET', '/_ping').then(
      () => true,
      () => false,
    )
  }

  /** Everything in the engine, sandboxes included. */
  async containers(): Promise<readonly ListedContainer[]> {
    return await this.call<readonly ListedContainer[]>('GET', '/containers/json?all=1')
  }

  async volumes(): Promise<readonly { readonly Name: string }[]> {
    const list = await this.call<{ Volumes: readonly { Name: string }[] | null }>('GET', '/volumes')
    return list.Volumes ?? []
  }

  /** Networks that nodes have made. */
  async networks(): Promise<readonly { readonly Name: string; readonly Id: string }[]> {
    const all = await this.call<
      readonly { Name: string; Id: string; Labels?: Record<string, string> | null }[]
    >('GET', '/networks')
    return all.filter(({ Labels }) => Labels?.['io.virtual-kubelet.node'] !== undefined)
  }

  /** The container of a pod, by its labels. */
  async find(pod: string, container: string): Promise<ListedContainer | undefined> {
    const all = await this.containers()
    return all.find(({ Labels }) => {
      const labels = Labels ?? {}
      const isPod = labels['io.virtual-kubelet.pod.name'] === pod
      const name = labels['io.virtual-kubelet.container'] ?? 'POD'
      return isPod && name === container
    })
  }

  async load(archive: Buffer): Promise<void> {
    await this.call('POST', '/images/load?quiet=1', archive)
  }

  async remove(id: string): Promise<void> {
    await this.call('DELETE', `/containers/${id}?force=1&v=1`)
  }

  /** Removes all containers, volumes and networks of nodes; those that others are joined to last. */
  async removeAll(): Promise<void> {
    const untilMs = performance.now() + removalLimitMs
    for (;;) {
      const all = await this.containers()
      const volumes = await this.volumes()
      const networks = await this.networks()
      if (all.length + volumes.length + networks.length === 0) return
      if (performance.now() > untilMs)
        throw new Error(`the engine still has ${all.length} containers`)
      await Promise.all(all.map(({ Id }) => this.remove(Id).catch(() => {})))
      for (const { Name } of volumes) {
        await this.call('DELETE', `/volumes/${Name}?force=1`).catch(() => {})
      }
      for (const { Id } of networks) await this.call('DELETE', `/networks/${Id}`).catch(() => {})
      await delay(100)
    }
  }

  /** Names of what is in it; resolves with none as soon as nothing is, for whatever is being removed just now. */
  async leftovers(): Promise<readonly string[]> {
    const untilMs = performance.now() + goneLimitMs
    for (;;) {
      const containers = (await this.containers()).flatMap(({ Names }) => Names)
      const others = [...(await this.volumes()), ...(await this.networks())]
      const names = [...containers, ...others.map(({ Name }) => Name)]
      if (names.length === 0 || performance.now() > untilMs) return names
      await delay(100)
    }
  }

  /** One call; rejects with what the engine said when it refused. */
  async call<T = unknown>(method: string, path: string, body?: object | Buffer): Promise<T> {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body)
    const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json'
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const headers =
      bytes === undefined
        ? {}
        : { 'content-type': type, 'content-length': Buffer.byteLength(bytes) }
    const options = {
      socketPath: this.#socket,
      method,
      path: `/v1.41${path}`,
      headers,
      timeout: timeoutMs,
    }
    const sent = request(options, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const { statusCode = 0 } = answer
        if (statusCode >= 400) reject(new Error(`${method} ${path}: ${statusCode} ${text.trim()}`))
        else resolve(parse(text) as T)
      })
    })
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer`)))
    sent.on('error', reject)
    sent.end(bytes)
    return await promise
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Some answers are plain text, or a line of JSON for each step.
    return text
  }
}
