// SPDX-License-Identifier: Apache-2.0
// What a pod's container is created with. A pure translation: the pod's words on one side, the engine's on
// the other; who may have what is judged in refusals.ts.
import type { Container, Pod } from '../../../kube/types.gen.ts'
import type { ContainerMount } from '../../../runtime/container-runtime.ts'
import type { DockerConfig } from '../docker-config.ts'
import type { CreateBody, HostConfig } from '../engine/engine-objects.ts'
import { isPart } from '../remote/copy-mounts.ts'
import { containerLabels } from './container-labels.ts'
import type { CreateInput } from './create-input.ts'
import { mountOptions } from './mount-options.ts'
import { resourceOptions } from './resource-options.ts'
import { securityOptions } from './security-options.ts'

/** The body of the container's create. */
export function createBody(input: CreateInput): CreateBody {
  const { start, owner, image } = input
  const { spec, key, resolved } = start
  const { command, args } = resolved
  const security = securityOptions(input)
  return {
    Image: image.id,
    Labels: containerLabels(owner, {
      key,
      image: { name: spec.image ?? '', reference: image.reference },
      spec,
    }),
    Env: resolved.env.map(({ name, value }) => `${name}=${value}`),
    // A command replaces the image's, and then its arguments count no more; the engine does the same.
    ...(command.length > 0 && { Entrypoint: command }),
    ...(args.length > 0 && { Cmd: args }),
    ...(spec.workingDir && { WorkingDir: spec.workingDir }),
    ...(security.user !== '' && { User: security.user }),
    ...hostnameOf(input),
    ...streamOptions(spec),
    // Health is the core's business: the image's own checks would only cost.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { ...hostConfig(input), ...security.hostConfig },
  }
}

/** Docker shares the sandbox's name; Podman gives each container one of its own. */
function hostnameOf({ start, engineKind, hostname }: CreateInput): Partial<CreateBody> {
  const isOwn = engineKind === 'podman' && start.pod.spec.hostNetwork !== true
  return isOwn && hostname !== undefined ? { Hostname: hostname } : {}
}

function streamOptions({ stdin, stdinOnce, tty }: Container): Partial<CreateBody> {
  return {
    ...(tty === true && { Tty: true }),
    ...(stdin === true && { OpenStdin: true, StdinOnce: stdinOnce === true }),
  }
}

function hostConfig({ start, config, sandboxId, engineKind, ...input }: CreateInput): HostConfig {
  const { pod, spec } = start
  const joined = `container:${sandboxId}`
  const parent = input.cgroup
  return {
    NetworkMode: pod.spec.hostNetwork === true ? 'host' : joined,
    IpcMode: pod.spec.hostIPC === true ? 'host' : joined,
    ...pidMode(pod, { joined, targetId: input.targetId }),
    ...(parent !== undefined && { CgroupParent: parent }),
    ...runtimeOf(pod, config),
    ...resourceOptions({
      pod,
      spec,
      config,
      memoryBytes: input.memoryBytes,
      controllers: input.controllers,
    }),
    ...mountOptions(mountsOf({ start, isLocal: input.isLocal }), pod.metadata.uid),
    RestartPolicy: { Name: 'no' },
    LogConfig: logConfig(config, engineKind),
  }
}

/** Elsewhere only volumes of the engine itself; parts of volumes are copied (remote/copy-mounts.ts). */
function mountsOf({
  start,
  isLocal,
}: Pick<CreateInput, 'start' | 'isLocal'>): readonly ContainerMount[] {
  if (isLocal) return start.mounts
  return (
    start.mounts
      // Files of the core's own are laid over by the engine's, which say the same of the pod's name.
      .filter((mount) => mount.name !== '' && !isPart(mount, start))
      .map((mount) => ({ ...mount, kind: 'tmpfs' }))
  )
}

function pidMode(
  { spec }: Pod,
  { joined, targetId }: { readonly joined: string; readonly targetId: string | undefined },
): HostConfig {
  if (spec.hostPID === true) return { PidMode: 'host' }
  if (spec.shareProcessNamespace === true) return { PidMode: joined }
  return targetId === undefined ? {} : { PidMode: `container:${targetId}` }
}

function runtimeOf({ spec }: Pod, { runtimeHandlers }: DockerConfig): HostConfig {
  const { runtimeClassName } = spec
  const runtime = runtimeClassName ? runtimeHandlers[runtimeClassName] : undefined
  return runtime === undefined ? {} : { Runtime: runtime }
}

function logConfig(
  { logMaxSize, logMaxFiles }: DockerConfig,
  engineKind: 'docker' | 'podman',
): NonNullable<HostConfig['LogConfig']> {
  // Podman keeps one file, and begins it anew at that size.
  if (engineKind === 'podman') return { Type: 'k8s-file', Config: { 'max-size': logMaxSize } }
  return { Type: 'json-file', Config: { 'max-size': logMaxSize, 'max-file': String(logMaxFiles) } }
}
