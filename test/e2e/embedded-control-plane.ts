// SPDX-License-Identifier: Apache-2.0
//
// The embedded control plane for the scenarios: with a data directory, and where a scenario asks for it a
// process that is killed and started like kube-apiserver. Its authority is the test's own, so that every
// certificate fits.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApiClient } from './api-client.ts'
import type { ApiClient } from './api-client.ts'
import { createClusterFiles } from './cluster-files.ts'
import type { ClusterFiles } from './cluster-files.ts'
import { serveApart, serveHere } from './embedded/serving.ts'
import type { Serving } from './embedded/serving.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { findKubectl } from './find-kubectl.ts'
import { runFolder } from './requirements.ts'
import { takeAddress } from './take-address.ts'
import type { TestControlPlane } from './test-control-plane.ts'

export interface EmbeddedOptions {
  /** Default true. */
  readonly controllerManager?: boolean
  /** Default true. */
  readonly scheduler?: boolean
  /** Seconds after which a silent node counts as lost; default 50. */
  readonly nodeGraceSeconds?: number
  /** Serve in this process, with no way to kill the API server; default false. */
  readonly inProcess?: boolean
}

/** Starts the embedded control plane and waits until pods can be created and will be scheduled. */
export async function startEmbeddedControlPlane(
  options: EmbeddedOptions,
): Promise<TestControlPlane> {
  const address = takeAddress()
  const port = await freePort()
  const files = await createClusterFiles(runFolder(), { port, addresses: [address.ip] })
  const plane = new EmbeddedControlPlane({ files, address, port, options })
  try {
    await plane.startApiServer()
  } catch (error) {
    await plane[Symbol.asyncDispose]()
    throw error
  }
  return plane
}

interface Plan {
  readonly files: ClusterFiles
  readonly address: ReturnType<typeof takeAddress>
  readonly port: number
  readonly options: EmbeddedOptions
}

class EmbeddedControlPlane implements TestControlPlane {
  readonly files: ClusterFiles
  readonly api: ApiClient
  readonly #plan: Plan
  #serving: Serving | undefined
  #compactsAtStart = false

  constructor(plan: Plan) {
    this.files = plan.files
    this.api = createApiClient(plan.files.endpoint, plan.files.admin)
    this.#plan = plan
    this.#shareAuthority()
  }

  get advertised(): string {
    return `${this.#plan.address.ip}:${this.#plan.port}`
  }

  kubectl(): string {
    return findKubectl()
  }

  pids(): Record<string, number> {
    return this.#serving ? { 'kube-apiserver': this.#serving.pid } : {}
  }

  async startApiServer(): Promise<void> {
    const { files, address, port, options } = this.#plan
    const settings = {
      dataDir: this.#dataDir,
      // Every address of this machine: nodes, pods and kubectl may use different ones.
      address: '0.0.0.0',
      advertiseAddress: address.ip,
      port,
      names: ['127.0.0.1', address.ip],
      hasControllers: options.controllerManager ?? true,
      hasScheduler: options.scheduler ?? true,
      ...(options.nodeGraceSeconds && { nodeGraceMs: options.nodeGraceSeconds * 1000 }),
      compactAtStart: this.#compactsAtStart,
    }
    this.#compactsAtStart = false
    const serve = options.inProcess ? serveHere : serveApart
    this.#serving = await serve(settings, files.logFile('control-plane'))
    await this.#untilReady(this.#serving)
  }

  async killApiServer(): Promise<void> {
    assert.ok(!this.#plan.options.inProcess, 'useCluster({ inProcess: false }) can be killed')
    await this.#end()
  }

  async compact(): Promise<void> {
    if (this.#serving) this.#serving.compact()
    else this.#compactsAtStart = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
    await this.api[Symbol.asyncDispose]()
    this.#plan.address[Symbol.dispose]()
    rmSync(this.#dataDir, { recursive: true, force: true })
  }

  async #end(): Promise<void> {
    await this.#serving?.[Symbol.asyncDispose]()
    this.#serving = undefined
  }

  get #dataDir(): string {
    return join(this.files.folder, 'data')
  }

  #shareAuthority(): void {
    const folder = join(this.#dataDir, 'pki')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { certificate, key } = this.files.ca
    const pem = readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8')
    for (const file of ['ca.pem', 'kubelet-serving-ca.pem']) {
      writeFileSync(join(folder, file), pem, { mode: 0o600 })
    }
  }

  async #untilReady(serving: Serving): Promise<void> {
    const { controllerManager = true } = this.#plan.options
    await eventually(
      async () => {
        if (serving.hasExited()) return true
        await this.api.call('GET', '/readyz')
        if (!controllerManager) return true
        await this.api.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')
        return await this.api.call('GET', '/api/v1/namespaces/default/configmaps/kube-root-ca.crt')
      },
      { what: 'the control plane to be ready', intervalMs: 20, timeoutMs: 120_000 },
    )
    if (!serving.hasExited()) return
    const tail = readFileSync(serving.logFile, 'utf8').split('\n').slice(-10).join('\n')
    throw new Error(`Cannot start the control plane: see ${serving.logFile}\n${tail}`)
  }
}
