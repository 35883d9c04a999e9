// SPDX-License-Identifier: Apache-2.0
//
// How many writing requests the API server has answered so far, by its own count.
import type { Cluster } from '../test/e2e/cluster.ts'

/** Requests by kind, for example `PATCH pods/status`. */
export type ApiWrites = ReadonlyMap<string, number>

/** Reads the API server's metrics. */
export async function apiWrites(cluster: Cluster): Promise<ApiWrites> {
  const text = await cluster.api<string>('GET', '/metrics')
  const writes = new Map<string, number>()
  for (const [, labels = '', count] of text.matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
    const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
    const verb = label('verb')
    if (!WRITING.has(verb)) continue
    const subresource = label('subresource')
    const kind = `${verb} ${label('resource')}${subresource === '' ? '' : `/${subresource}`}`
    writes.set(kind, (writes.get(kind) ?? 0) + Number(count))
  }
  return writes
}

const WRITING = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION'])

/** What was added between two readings, without the kinds that did not grow. */
export function writesSince(before: ApiWrites, after: ApiWrites): Map<string, number> {
  const added = [...after].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
  return new Map(added.filter(([, count]) => count > 0))
}
