// SPDX-License-Identifier: Apache-2.0
// The way to the cluster at start-up: waits for an API server that cannot be reached yet and says so,
// stops at once where only a person can help, and derives what names this cluster in a backend.
import { createHash } from 'node:crypto'
import { isRefused } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError, VkError, messageOf } from '../util/vk-error.ts'

export interface WaitOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Shows a line to the person who waits, where the log may be silent. */
  readonly note?: (line: string) => void
}

const retryMs = 2000

/**
 * Resolves once the API server answers. A refusal of our credentials is a UserError; anything that can
 * heal by itself is logged and tried again until `signal` aborts.
 */
export async function waitForApiServer(client: KubeClient, options: WaitOptions): Promise<void> {
  const { clock, log, note, signal } = options
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.getRaw('/version', { signal, timeoutMs: 10_000 })
      return
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof UserError) throw error
      if (isRefused(error)) {
        throw new UserError(`Cannot use the API server at ${client.server}: ${messageOf(error)}`, {
          hint: 'Check the credentials of the kubeconfig: `kubectl auth whoami` shows who they are.',
          cause: error,
        })
      }
      if (attempt === 1 || attempt % 15 === 0) {
        const why = error instanceof VkError ? error.message : messageOf(error)
        log.warn({ server: client.server, attempt, why }, 'Waiting for the API server')
        note?.(`Waiting for the API server at ${client.server}: ${why}`)
      }
      await clock.sleep(retryMs, { signal })
    }
  }
}

/**
 * A short name for the cluster, the same for every identity that talks to it: a hash of its CA
 * certificate, or of its address where the system's CAs are trusted.
 */
export function clusterIdOf(connection: {
  readonly server: string
  readonly ca?: string | undefined
}): string {
  return createHash('sha256')
    .update(connection.ca ?? connection.server)
    .digest('hex')
    .slice(0, 16)
}

/** The API server's address for pods: the kubeconfig's, unless it means nothing outside this machine. */
export function podApiServerOf(
  setting: string | undefined,
  server: string,
): { readonly host: string; readonly port: number } | undefined {
  const url = new URL(setting === undefined ? server : `https://${setting}`)
  const host = url.hostname.replaceAll(/^\[|\]$/g, '')
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.')
  if (setting === undefined && isLoopback) return undefined
  return { host, port: Number(url.port || 443) }
}
