// SPDX-License-Identifier: Apache-2.0
// What this build is: its own version, and the Kubernetes release whose kubelet it behaves like.
import { readFileSync } from 'node:fs'

const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly version: string }

/** Version of the npm package. */
export const version: string = manifest.version

/** The Kubernetes release whose kubelet is the reference. */
export const kubernetesVersion = '1.36.3'

/** nodeInfo.kubeletVersion: a semantic version that others parse. */
export const kubeletVersion: string = `v${kubernetesVersion}-vk-${version}`

export const userAgent: string = `virtual-kubelet/${version}`

/** What `version` and `--version` print. */
export const versionLine: string = `virtual-kubelet ${version} (kubelet ${kubeletVersion}, node ${process.version})`
