// SPDX-License-Identifier: Apache-2.0
// Looks once, when a node begins, whether the search list of its own resolver leaves room for a cluster's: what is
// cut off in every pod later is told here, in the kubelet's words, to whoever looks after the node.
import { readFile } from 'node:fs/promises'
import type { ProviderHost } from '../../provider/provider.ts'
import { messageOf } from '../../util/vk-error.ts'
import { dnsOf } from './node-dns.ts'
import { maxSearches, maxSearchLength, maxSearchLine } from './pod-dns.ts'
import { parseResolvConf } from './resolv-conf.ts'

const standardFile = '/etc/resolv.conf'
/** A cluster's own domains: the namespace's, the services' and the cluster's. */
const clusterSearches = 3

/** Records an event about the node where the file is beyond limits, or named and not to be read. Never rejects. */
export async function checkResolver(
  host: Pick<ProviderHost, 'dns' | 'recordNodeEvent'>,
): Promise<void> {
  const { resolvConf: named, clusterDomain } = dnsOf(host)
  if (named === '') return
  const file = named ?? standardFile
  const message = await readFile(file, 'utf8').then(
    (text) => resolverProblem(text, { file, hasDomain: clusterDomain !== '' }),
    // Without a file of its own a machine has a server on loopback.
    (error: unknown) => (named === undefined ? undefined : openProblem(file, error)),
  )
  if (message === undefined) return
  host.recordNodeEvent?.({ type: 'Warning', reason: 'CheckLimitsForResolvConf', message })
}

/** What is wrong with the text of a resolver's file; undefined: nothing. */
export function resolverProblem(
  text: string,
  { file, hasDomain }: { readonly file: string; readonly hasDomain: boolean },
): string | undefined {
  let searches: readonly string[]
  try {
    ;({ searches } = parseResolvConf(text))
  } catch (error) {
    return messageOf(error)
  }
  const most = hasDomain ? maxSearches - clusterSearches : maxSearches
  if (searches.length > most) {
    return `Resolv.conf file '${file}' contains search line consisting of more than ${most} domains!`
  }
  if (searches.some((one) => one.length > maxSearchLength)) {
    return `Resolv.conf file ${JSON.stringify(file)} contains a search path which length is more than allowed ${maxSearchLength} chars!`
  }
  return searches.join(' ').length > maxSearchLine
    ? `Resolv.conf file '${file}' contains search line which length is more than allowed ${maxSearchLine} chars!`
    : undefined
}

function openProblem(file: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return `open ${file}: ${code === 'ENOENT' ? 'no such file or directory' : (code ?? messageOf(error))}`
}
