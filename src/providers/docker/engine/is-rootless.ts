// SPDX-License-Identifier: Apache-2.0
// Whether an engine runs without root: then its pods' network, control groups and users are those of its user.
import type { EngineInfo } from './engine-objects.ts'

/** In Podman's words or in Docker's. */
export function isRootless({
  Rootless,
  SecurityOptions,
}: Pick<EngineInfo, 'Rootless' | 'SecurityOptions'>): boolean {
  return Rootless === true || (SecurityOptions ?? []).includes('name=rootless')
}
