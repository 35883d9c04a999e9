// SPDX-License-Identifier: Apache-2.0
// Gathers what a container's create needs: its image, pulled if need be, its sandbox, its profile.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext, ProviderHost } from '../../../provider/provider.ts'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { Engine } from '../engine/connect-engine.ts'
import type { CreateBody } from '../engine/engine-objects.ts'
import type { ImageStore } from '../images/image-store.ts'
import type { PodCgroups } from '../sandbox/pod-cgroups.ts'
import type { PodSandboxes } from '../sandbox/pod-sandboxes.ts'
import type { Owner } from './container-labels.ts'
import type { ContainerTable } from './container-table.ts'
import { createBody } from './create-body.ts'

export interface BodyParts {
  readonly host: ProviderHost
  readonly engine: Engine
  readonly config: DockerConfig
  readonly owner: Owner
  readonly images: ImageStore
  readonly sandboxes: PodSandboxes
  readonly cgroups: Pick<PodCgroups, 'parentOf'>
  readonly table: ContainerTable
}

/** The body of the container's create; rejects with a kubelet's waiting reason. */
export async function gatherBody(
  start: ContainerStart,
  parts: BodyParts,
  { signal }: CallContext,
): Promise<CreateBody> {
  const { key, spec } = start
  const { host, engine, config, owner } = parts
  const image = await parts.images.ensure({
    image: spec.image ?? '',
    policy: spec.imagePullPolicy ?? 'IfNotPresent',
    credentials: async () => (await start.pullSecrets?.()) ?? [],
    notice: (event) => host.recordEvent(key.pod, event, key.name),
    signal,
  })
  const sandbox = parts.sandboxes.get(key.pod.uid)
  if (!sandbox) throw new VkError('Unavailable', 'the sandbox of the pod is not there')
  return createBody({
    start,
    owner,
    config,
    image,
    sandboxId: sandbox.id,
    cgroup: parts.cgroups.parentOf(key.pod.uid),
    hostname: sandbox.hostname,
    engineKind: engine.kind,
    controllers: engine.controllers,
    isLocal: engine.isLocal,
    memoryBytes: engine.info.MemTotal,
    seccompProfile: await seccompProfile(start, config),
    targetId: targetOf(start, parts.table),
  })
}

/** The file that a profile of type Localhost names, below the folder that the configuration names. */
async function seccompProfile(
  { pod, spec }: ContainerStart,
  { seccompProfileRoot }: DockerConfig,
): Promise<string | undefined> {
  const profile = spec.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile
  if (profile?.type !== 'Localhost') return undefined
  const { localhostProfile = '' } = profile
  const isBelow = localhostProfile !== '' && !localhostProfile.split('/').includes('..')
  const refuse = (why: string): VkError =>
    new VkError('Invalid', `cannot use seccomp profile "${localhostProfile}": ${why}`, {
      podReason: 'CreateContainerConfigError',
    })
  if (seccompProfileRoot === undefined) throw refuse('the node has no seccompProfileRoot')
  if (!isBelow) throw refuse('it must lie below the seccompProfileRoot')
  try {
    return await readFile(join(seccompProfileRoot, localhostProfile), 'utf8')
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code ?? 'it cannot be read')
  }
}

/** Of an ephemeral container: whose processes it is to see. */
function targetOf({ key, spec }: ContainerStart, table: ContainerTable): string | undefined {
  const { targetContainerName } = spec as { readonly targetContainerName?: string }
  if (!targetContainerName) return undefined
  const target = table
    .all()
    .find(
      ({ run }) =>
        run.key.pod.uid === key.pod.uid &&
        run.key.name === targetContainerName &&
        run.state.kind === 'running',
    )
  if (target) return target.engineId
  throw new VkError('Unavailable', `the target container "${targetContainerName}" does not run`)
}
