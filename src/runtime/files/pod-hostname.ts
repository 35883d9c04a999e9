// SPDX-License-Identifier: Apache-2.0
// What a pod is called: by its own spec, else by its name, with the domain that a headless Service of the
// name of its subdomain gives it.
import type { Pod } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'

export interface PodHostname {
  /** The short name; at most 63 characters. */
  readonly hostname: string
  /** What follows it in the full name; empty without a subdomain. */
  readonly domain: string
}

const maxHostname = 63
const maxFullName = 64

/** The pod's name and domain, whatever network it is on. */
export function podHostname(
  { metadata, spec }: Pick<Pod, 'metadata' | 'spec'>,
  clusterDomain: string,
): PodHostname {
  if (spec.hostnameOverride !== undefined) {
    return { hostname: cut(spec.hostnameOverride), domain: '' }
  }
  const hostname = cut(spec.hostname || metadata.name)
  const domain = spec.subdomain
    ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}`
    : ''
  return { hostname, domain }
}

/**
 * What `hostname` prints in the pod's containers; undefined on the host's network, where it is the host's
 * name. Throws when the full name that the pod asks for is longer than Linux can hold.
 */
export function kernelHostname(
  pod: Pick<Pod, 'metadata' | 'spec'>,
  clusterDomain: string,
): string | undefined {
  if (pod.spec.hostNetwork === true) return undefined
  const { hostname, domain } = podHostname(pod, clusterDomain)
  if (domain === '' || pod.spec.setHostnameAsFQDN !== true) return hostname
  const full = `${hostname}.${domain}`
  if (full.length <= maxFullName) return full
  throw new VkError(
    'Invalid',
    `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long ` +
      `(${maxFullName} characters is the max, ${full.length} characters requested)`,
  )
}

function cut(name: string): string {
  return name.length <= maxHostname ? name : name.slice(0, maxHostname).replace(/[-.]+$/, '')
}
