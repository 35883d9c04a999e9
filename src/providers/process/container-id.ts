// SPDX-License-Identifier: Apache-2.0
// What one run of one container is called here.
import { createHash } from 'node:crypto'
import type { ContainerKey } from '../../runtime/container-runtime.ts'

/** Identifies one run of one container, in file names too: nothing of the pod's own words is in it. */
export function idOf({ pod, name, attempt }: ContainerKey): string {
  return createHash('sha256')
    .update(JSON.stringify([pod.uid, name, attempt]))
    .digest('hex')
    .slice(0, 40)
}
