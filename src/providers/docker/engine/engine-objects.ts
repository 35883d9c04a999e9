// SPDX-License-Identifier: Apache-2.0
// What the Docker Engine API says about its objects, as far as this provider reads or writes it; API 1.41.
// Podman answers with the same fields, and leaves some out.

export interface EngineVersion {
  readonly Version: string
  readonly ApiVersion: string
  readonly Os: string
  readonly Arch: string
  readonly KernelVersion?: string
  readonly Components?: readonly { readonly Name: string; readonly Version: string }[] | null
}

export interface EngineInfo {
  readonly ID?: string
  readonly Name?: string
  readonly NCPU: number
  readonly MemTotal: number
  readonly OperatingSystem?: string
  readonly KernelVersion?: string
  readonly Architecture?: string
  readonly DockerRootDir?: string
  readonly CgroupVersion?: string
  readonly CgroupDriver?: string
  readonly DefaultRuntime?: string
  readonly Runtimes?: Readonly<Record<string, unknown>> | null
  readonly SecurityOptions?: readonly string[] | null
  readonly LoggingDriver?: string
  readonly Rootless?: boolean
  readonly CpuCfsQuota?: boolean
  readonly MemoryLimit?: boolean
}

export interface ContainerSummary {
  readonly Id: string
  readonly Names: readonly string[]
  readonly Image: string
  readonly ImageID: string
  readonly Labels?: Readonly<Record<string, string>> | null
  /** created, running, paused, restarting, removing, exited, dead. */
  readonly State: string
  readonly Created: number
  /** What it has written over its image, where that was asked for. */
  readonly SizeRw?: number
}

export interface ContainerInspect {
  readonly Id: string
  readonly Created: string
  readonly Image: string
  readonly LogPath?: string
  readonly Config: {
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly Image: string
    readonly Tty?: boolean
    readonly User?: string
    readonly Env?: readonly string[] | null
    readonly StopSignal?: string
  }
  readonly HostConfig: {
    readonly CgroupParent?: string
    readonly Memory?: number
    readonly NetworkMode?: string
    readonly IpcMode?: string
    readonly LogConfig?: { readonly Type: string }
  }
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly Pid: number
    readonly ExitCode: number
    readonly OOMKilled: boolean
    readonly Error?: string
    readonly StartedAt: string
    readonly FinishedAt: string
  }
  readonly NetworkSettings?: {
    readonly IPAddress?: string
    readonly GlobalIPv6Address?: string
    readonly Networks?: Readonly<
      Record<string, { readonly IPAddress?: string; readonly GlobalIPv6Address?: string }>
    > | null
  }
}

export interface ImageInspect {
  readonly Id: string
  readonly RepoTags?: readonly string[] | null
  readonly RepoDigests?: readonly string[] | null
  readonly Size: number
  readonly Architecture?: string
  readonly Config?: {
    readonly User?: string
    readonly Entrypoint?: readonly string[] | null
    readonly Cmd?: readonly string[] | null
    readonly Env?: readonly string[] | null
    readonly StopSignal?: string
    readonly Labels?: Readonly<Record<string, string>> | null
  } | null
}

/** One event of `/events`. */
export interface EngineEvent {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> }
  readonly timeNano?: number
}

/** Body of `/containers/create`. */
export interface CreateBody {
  readonly Image: string
  readonly Hostname?: string
  readonly Domainname?: string
  readonly User?: string
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly WorkingDir?: string
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly Tty?: boolean
  readonly OpenStdin?: boolean
  readonly StdinOnce?: boolean
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Healthcheck?: { readonly Test: readonly string[] }
  readonly HostConfig: HostConfig
  readonly NetworkingConfig?: object
}

export interface HostConfig {
  readonly NetworkMode?: string
  readonly IpcMode?: string
  readonly PidMode?: string
  readonly UsernsMode?: string
  readonly CgroupParent?: string
  readonly Runtime?: string
  readonly Init?: boolean
  readonly Privileged?: boolean
  readonly ReadonlyRootfs?: boolean
  readonly CapAdd?: readonly string[]
  readonly CapDrop?: readonly string[]
  readonly SecurityOpt?: readonly string[]
  readonly GroupAdd?: readonly string[]
  readonly Sysctls?: Readonly<Record<string, string>>
  readonly MaskedPaths?: readonly string[] | null
  readonly ReadonlyPaths?: readonly string[] | null
  readonly OomScoreAdj?: number
  readonly Binds?: readonly string[]
  readonly Mounts?: readonly EngineMount[]
  readonly Tmpfs?: Readonly<Record<string, string>>
  readonly ShmSize?: number
  readonly Dns?: readonly string[]
  readonly DnsSearch?: readonly string[]
  readonly DnsOptions?: readonly string[]
  readonly ExtraHosts?: readonly string[]
  readonly PortBindings?: Readonly<
    Record<string, readonly { readonly HostIp?: string; readonly HostPort: string }[]>
  >
  readonly CpuShares?: number
  readonly CpuPeriod?: number
  readonly CpuQuota?: number
  readonly Memory?: number
  readonly MemorySwap?: number
  readonly PidsLimit?: number
  readonly DeviceRequests?: readonly object[]
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> }
  readonly RestartPolicy?: { readonly Name: string }
  readonly StorageOpt?: Readonly<Record<string, string>>
}

export interface EngineMount {
  readonly Type: 'bind' | 'volume' | 'tmpfs'
  readonly Source?: string
  readonly Target: string
  readonly ReadOnly?: boolean
  readonly BindOptions?: { readonly Propagation?: string; readonly NonRecursive?: boolean }
  readonly VolumeOptions?: { readonly NoCopy?: boolean }
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number }
}
