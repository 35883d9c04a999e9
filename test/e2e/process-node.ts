// SPDX-License-Identifier: Apache-2.0
//
// A node that runs its pods as processes of this machine, as an unprivileged user; and a folder that
// such pods may write to.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { Cluster } from './cluster.ts'
import type { VirtualKubelet, VirtualKubeletOptions } from './virtual-kubelet.ts'

/** Starts it with the provider's defaults and whatever flags there are in addition. */
export async function startProcessNode(
  cluster: Cluster,
  { args = [], ...options }: VirtualKubeletOptions & { readonly args?: readonly string[] } = {},
): Promise<VirtualKubelet> {
  return await cluster.startVirtualKubelet(['--provider', 'process', ...args], options)
}

/** A folder for all tests of a `describe` in which any user can leave files. */
export function useSharedFolder(): () => string {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vk-e2e-shared-'))
    chmodSync(folder, 0o777)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  return () => folder
}
