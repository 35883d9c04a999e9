// SPDX-License-Identifier: Apache-2.0
// Whether the addresses of an engine's pods lead to them from here. On another machine, and below an engine without
// root, they are of a network that this machine has no part in, and may be somebody else's here.
import type { DockerConfig } from '../docker-config.ts'
import type { Engine } from './connect-engine.ts'
import { isRootless } from './is-rootless.ts'

/** Probes and forwarded ports go through the engine: its pods are not reached, and their sandboxes can connect. */
export function dialsThrough(
  { isLocal, info }: Pick<Engine, 'isLocal' | 'info'>,
  { pauseImage }: Pick<DockerConfig, 'pauseImage'>,
): boolean {
  return pauseImage === undefined && (!isLocal || isRootless(info))
}
