// SPDX-License-Identifier: Apache-2.0
// Everything that the body of a container's create is made from.
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { ResourceControllers } from '../engine/resource-controllers.ts'
import type { PresentImage } from '../images/image-store.ts'
import type { Owner } from './container-labels.ts'

export interface CreateInput {
  readonly start: ContainerStart
  readonly owner: Owner
  readonly config: DockerConfig
  readonly sandboxId: string
  /** Parent of the pod's control groups. */
  readonly cgroup: string | undefined
  /** The pod's, as the kernel has it. */
  readonly hostname: string | undefined
  readonly engineKind: 'docker' | 'podman'
  /** The engine can mount what lies on this machine. */
  readonly isLocal: boolean
  readonly image: PresentImage
  /** What the node has, for shares of it. */
  readonly memoryBytes: number
  /** Contents of the seccomp profile, where the container asks for one on the node. */
  readonly seccompProfile: string | undefined
  /** By what the engine can limit containers. */
  readonly controllers: ResourceControllers
  /** Another container of the pod whose processes this one is to see. */
  readonly targetId: string | undefined
}
