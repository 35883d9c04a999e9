// SPDX-License-Identifier: Apache-2.0
// Kubeconfigs and certificates of a local cluster, as files of its folder. They last a year; all of them are
// made anew every week while the cluster runs, so that none ever runs out, and whoever uses
// them in this process goes on with the new ones.
import { join } from 'node:path'
import type { ControlPlane } from '../control-plane/control-plane.ts'
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import type { Credentials, Identity } from '../kube/credentials.ts'
import { loadConnection } from '../kube/kubeconfig.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { replaceFile } from '../util/replace-file.ts'
import { runLoop } from '../util/run-loop.ts'

export interface LocalIdentitiesOptions {
  readonly plane: Pick<
    ControlPlane,
    'caPem' | 'adminKubeconfig' | 'kubeconfigFor' | 'kubeletCertificate'
  >
  /** Where the files are. */
  readonly dir: string
  readonly clock: Clock
  readonly log: Logger
}

/** Files of a kubelet's HTTPS port. */
export interface ServingFiles {
  readonly tlsCertFile: string
  readonly tlsPrivateKeyFile: string
}

/** The latest that a file may be made anew; certificates last a year. */
export const renewEveryMs: number = 7 * 24 * 60 * 60_000
/** A failed renewal has months to go well. */
const pauseAfterErrorMs = 60 * 60_000
const clusterUser = { user: 'admin', groups: ['system:masters'] }

/** The identities, renewed until this is disposed of. */
export class LocalIdentities implements AsyncDisposable {
  readonly clientCAFile: string
  readonly #options: LocalIdentitiesOptions
  readonly #stop = new AbortController()
  /** Makes one identity's files anew. */
  readonly #renewals: (() => Promise<void>)[] = []
  readonly #loop: Promise<void>

  /** Writes the authority that signs all clients. */
  static async open(options: LocalIdentitiesOptions): Promise<LocalIdentities> {
    const clientCAFile = join(options.dir, 'ca.crt')
    await replaceFile(clientCAFile, options.plane.caPem, { mode: 0o644 })
    return new LocalIdentities(clientCAFile, options)
  }

  private constructor(clientCAFile: string, options: LocalIdentitiesOptions) {
    this.clientCAFile = clientCAFile
    this.#options = options
    const { clock, log } = options
    const { signal } = this.#stop
    const context = { clock, log, signal, pauseAfterErrorMs }
    this.#loop = runLoop('local-identities', async () => await this.#turn(), context)
  }

  /** The administrator, by the file `kubeconfig`. */
  async admin(): Promise<ClusterConnection> {
    return await this.#connection('kubeconfig', clusterUser)
  }

  async node(name: string): Promise<ClusterConnection> {
    const identity = { user: `system:node:${name}`, groups: ['system:nodes'] }
    return await this.#connection(`${name}.kubeconfig`, identity)
  }

  /** The certificate of a node's HTTPS port, good for its name and these addresses. */
  async serving(name: string, addresses: readonly string[]): Promise<ServingFiles> {
    const { dir, plane } = this.#options
    const files = {
      tlsCertFile: join(dir, `${name}.crt`),
      tlsPrivateKeyFile: join(dir, `${name}.key`),
    }
    await this.#keep(async () => {
      const { certificate, key } = await plane.kubeletCertificate(name, [name, ...addresses])
      await replaceFile(files.tlsPrivateKeyFile, key)
      await replaceFile(files.tlsCertFile, certificate, { mode: 0o644 })
    })
    return files
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #connection(
    fileName: string,
    { user, groups }: { readonly user: string; readonly groups: readonly string[] },
  ): Promise<ClusterConnection> {
    const { dir, plane, log, clock } = this.#options
    const kubeconfig = join(dir, fileName)
    const credentials = new RenewedCredentials()
    let connection: ClusterConnection | undefined
    await this.#keep(async () => {
      await replaceFile(kubeconfig, await plane.kubeconfigFor(user, groups))
      connection = await loadConnection({ kubeconfig, env: {}, log, clock })
      credentials.current = connection.credentials
    })
    if (!connection) throw new Error('unreachable: the first time has set it')
    return { ...connection, credentials }
  }

  /** Does it now, and from now on. */
  async #keep(renew: () => Promise<void>): Promise<void> {
    await renew()
    this.#renewals.push(renew)
  }

  async #turn(): Promise<void> {
    const { clock, log } = this.#options
    await clock.sleep(renewEveryMs, { signal: this.#stop.signal })
    for (const renew of this.#renewals) await renew()
    log.info({ count: this.#renewals.length }, 'Made certificates and kubeconfigs anew')
  }
}

/** Those that were loaded last. */
class RenewedCredentials implements Credentials {
  current: Credentials | undefined

  identity(): Identity | Promise<Identity> {
    return this.current?.identity() ?? {}
  }

  async renew(refused: Identity): Promise<boolean> {
    return (await this.identity()) !== refused
  }
}
