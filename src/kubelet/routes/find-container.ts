// SPDX-License-Identifier: Apache-2.0
// A container of a pod by its name, of whichever kind, and whether it runs now.
import type { Pod } from '../../kube/types.gen.ts'

export interface FoundContainer {
  readonly isRunning: boolean
  /** Its own terminal, as the spec has it. */
  readonly hasTty: boolean
}

/** Looks among containers, init containers and ephemeral containers. */
export function findContainer({ spec, status }: Pod, name: string): FoundContainer {
  const specs = [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]
  const statuses = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ]
  const isNamed = (container: { readonly name: string }): boolean => container.name === name
  return {
    isRunning: statuses.find(isNamed)?.state?.running !== undefined,
    hasTty: specs.find(isNamed)?.tty === true,
  }
}
