// SPDX-License-Identifier: Apache-2.0
//
// A node that runs its pods as processes of this machine, as an unprivileged user, or on the engine that the
// scenarios are run on; and a folder that such pods may write to.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { Cluster } from './cluster.ts'
import { provider, providerConfig } from './scenario-provider.ts'
import type { VirtualKubelet, VirtualKubeletOptions } from './virtual-kubelet.ts'

export interface ProcessNodeOptions extends VirtualKubeletOptions {
  readonly args?: readonly string[]
  /** Settings of the process provider; an engine's node has those that it knows too. */
  readonly config?: Readonly<Record<string, unknown>>
}

/**
 * Starts it with whatever flags and settings there are in addition. Its pods see the host as it is, unless
 * `isolation` says otherwise: most scenarios look at what their pods leave there.
 */
export async function startProcessNode(
  cluster: Cluster,
  { args = [], config = {}, ...options }: ProcessNodeOptions = {},
): Promise<VirtualKubelet> {
  const file = join(cluster.files.folder, `provider-${options.nodeName ?? 'node'}.json`)
  writeFileSync(file, JSON.stringify(providerConfig(config)))
  const settings = ['--provider', provider.name, '--provider-config', file]
  return await cluster.startVirtualKubelet([...settings, ...args], options)
}

/** A folder for all tests of a `describe` in which any user can leave files. */
export function useSharedFolder(): () => string {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vk-e2e-shared-'))
    chmodSync(folder, 0o777)
  })
  // Pods that nobody ended may still write to it.
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))
  return () => folder
}
