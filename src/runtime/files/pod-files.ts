// SPDX-License-Identifier: Apache-2.0
// The files that every container of a pod finds whatever its image holds: how the pod is called, and how it
// resolves names. They lie in the pod's directory; a runtime that mounts nothing gets none.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { PodRef, ProviderHost } from '../../provider/provider.ts'
import type { ContainerMount, ContainerRuntime } from '../container-runtime.ts'
import { ifMissing } from '../disk.ts'
import { podDir } from '../pod-dirs.ts'
import { hostNetworkHosts, managedHosts } from './hosts-file.ts'
import { dnsOf, readNodeDns } from './node-dns.ts'
import { placeFile } from './place-file.ts'
import { podDns } from './pod-dns.ts'
import { kernelHostname, podHostname } from './pod-hostname.ts'
import { resolvConfText } from './resolv-conf.ts'

export interface PodFilesDeps {
  readonly host: ProviderHost
  readonly runtime: Pick<ContainerRuntime, 'volumes'>
}

type FileName = 'hosts' | 'hostname' | 'resolv.conf'

/** Name and resolver of one pod. */
export class PodFiles {
  readonly #host: ProviderHost
  readonly #areMounted: boolean
  readonly #ref: PodRef

  constructor({ host, runtime }: PodFilesDeps, ref: PodRef) {
    this.#host = host
    this.#areMounted = runtime.volumes?.delivery === 'mount'
    this.#ref = ref
  }

  /** As the kernel is to have it; undefined on the host's network. Throws when it cannot be had. */
  hostname(pod: Pod): string | undefined {
    return kernelHostname(pod, dnsOf(this.#host).clusterDomain)
  }

  /** What a sandbox is made with; rejects when the pod cannot be called or resolve names as it asks. */
  async prepare(pod: Pod): Promise<{ readonly hostname?: string }> {
    const hostname = this.hostname(pod)
    if (this.#areMounted) await this.#placeResolvConf(pod)
    return hostname === undefined ? {} : { hostname }
  }

  /** As `prepare` has made them, and the pod's names, for one container that is about to start. */
  async mounts(
    pod: Pod,
    spec: Container,
    podIPs: readonly string[],
  ): Promise<readonly ContainerMount[]> {
    const isReadOnly = spec.securityContext?.readOnlyRootFilesystem === true
    const hosts = await this.#hostsText(pod, podIPs)
    const hostname = await this.#hostnameText(pod)
    // Made with the sandbox, and only made again when somebody has removed it.
    const hasResolver = await stat(this.#path('resolv.conf')).catch(ifMissing(() => undefined))
    if (!hasResolver) await this.#placeResolvConf(pod)
    if (hosts !== undefined) await placeFile(this.#path('hosts'), hosts)
    if (hostname !== undefined) await placeFile(this.#path('hostname'), hostname)
    return [
      ...(hosts === undefined ? [] : [this.#mount('hosts', false)]),
      ...(hostname === undefined ? [] : [this.#mount('hostname', isReadOnly)]),
      this.#mount('resolv.conf', isReadOnly),
    ]
  }

  async #placeResolvConf(pod: Pod): Promise<void> {
    const host = this.#host
    const node = dnsOf(host)
    const nodeConfig = await readNodeDns(node)
    const { config, events, nodeEvents } = podDns(pod, { node, nodeConfig, nodeIPs: host.nodeIPs })
    const isNew = await placeFile(this.#path('resolv.conf'), resolvConfText(config))
    // After a restart of ours nothing of it is news.
    if (!isNew) return
    for (const event of events) host.recordEvent(this.#ref, event)
    for (const event of nodeEvents) host.recordNodeEvent?.(event)
  }

  /** Undefined while the pod has no address to name. */
  async #hostsText(
    { metadata, spec }: Pod,
    podIPs: readonly string[],
  ): Promise<string | undefined> {
    const { hostAliases: aliases = [] } = spec
    if (spec.hostNetwork === true) {
      const nodeHosts = await readFile('/etc/hosts', 'utf8').catch(ifMissing(() => ''))
      return hostNetworkHosts(nodeHosts, aliases)
    }
    if (podIPs.length === 0) return undefined
    const name = podHostname({ metadata, spec }, dnsOf(this.#host).clusterDomain)
    return managedHosts(name, { podIPs, aliases })
  }

  /** Undefined on the host's network, where the node's own name holds, if it keeps it in a file. */
  async #hostnameText(pod: Pod): Promise<string | undefined> {
    const hostname = this.hostname(pod)
    if (hostname !== undefined) return `${hostname}\n`
    return await readFile('/etc/hostname', 'utf8').catch(ifMissing(() => undefined))
  }

  #mount(name: FileName, isReadOnly: boolean): ContainerMount {
    const mountPath = `/etc/${name}`
    return { name: '', hostPath: this.#path(name), mountPath, isReadOnly, kind: 'file' }
  }

  #path(name: FileName): string {
    return join(podDir(this.#host.rootDir, this.#ref.uid), 'etc', name)
  }
}
