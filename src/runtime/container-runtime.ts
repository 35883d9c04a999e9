// SPDX-License-Identifier: Apache-2.0
// The contract for backends that run single containers. src/runtime makes whole pods of them, with a
// kubelet's lifecycle: order, restarts, back-off, deadlines, grace, phases, logs. A runtime only makes
// and ends things; it decides nothing.
import type { Duplex } from 'node:stream'
import type {
  CallContext,
  NodeDescription,
  PodProblem,
  PodRef,
  RegistryCredential,
  ResolvedContainer,
} from '../provider/provider.ts'
import type { Features } from '../provider/features.ts'
import type { LogBatch, LogQuery } from '../provider/log-feed.ts'
import type { ContainerStats, NodeStats, PodStats } from '../provider/stats.ts'
import type {
  ExecOptions,
  PortConnection,
  ProcessStreams,
  StreamChoice,
} from '../provider/streams.ts'
import type { Container, Pod } from '../kube/types.gen.ts'

/**
 * Output files in an attempt's directory. The container itself holds them open for append, so that
 * nothing of ours stands between it and its log; the core only reads them.
 */
export const stdoutFileName = 'stdout.log'
export const stderrFileName = 'stderr.log'

/** One run of one container of one pod. A restart is a new attempt, hence a new instance. */
export interface ContainerKey {
  readonly pod: PodRef
  readonly name: string
  /** 0 for the first run; grows by one with each restart. */
  readonly attempt: number
}

/** What a runtime needs to start one container. */
export interface ContainerStart {
  readonly key: ContainerKey
  readonly pod: Pod
  readonly spec: Container
  readonly resolved: ResolvedContainer
  /** Below --root-dir, made for this container and kept over its restarts. */
  readonly containerDir: string
  /**
   * Below containerDir, made for this attempt: the output files, which a runtime without `logs` opens
   * (creating them), and what else the runtime keeps, such as an exit record. It outlives `removeContainer`,
   * because the log is still read then; the core removes it.
   */
  readonly attemptDir: string
  /** Who may pull the container's image, from the pod's imagePullSecrets, read when it is asked for. */
  readonly pullSecrets?: () => Promise<readonly RegistryCredential[]>
  /** Files that the core has laid out on the host for the pod's volumes, by volume name. */
  readonly volumeDirs: ReadonlyMap<string, string>
  /** What the container is to find where, final; of equal mount paths there is only one. */
  readonly mounts: readonly ContainerMount[]
  /** As in SandboxOptions. */
  readonly hostname?: string
}

/** What a runtime needs to make room for a pod. */
export interface SandboxOptions {
  /** The pod's own directory below --root-dir. */
  readonly podDir: string
  /**
   * What `hostname` and HOSTNAME are to say in every container of the pod, the full name where the pod asks
   * for that; at most 64 characters. Left out on the host's network: the host's own name. /etc/hostname,
   * /etc/hosts and /etc/resolv.conf are among the mounts where volumes are delivered by mount.
   */
  readonly hostname?: string
}

/** One thing of the host that a container is to find at a path of its own. */
export interface ContainerMount {
  /** The pod's volume; empty for files of the core, such as /etc/hosts. */
  readonly name: string
  /** Absolute and free of links where the core has resolved a subPath. */
  readonly hostPath: string
  readonly mountPath: string
  readonly isReadOnly: boolean
  /** With isReadOnly: what is mounted below it is read-only too. */
  readonly isRecursiveReadOnly?: boolean
  /** Default None. */
  readonly propagation?: 'None' | 'HostToContainer' | 'Bidirectional'
  /**
   * `tmpfs`: `hostPath` is a directory that the runtime sees to it is in memory: one tmpfs for all
   * containers of the pod that name it, mode 0777, as large as `sizeBytes`, gone with the sandbox.
   */
  readonly kind: 'file' | 'dir' | 'tmpfs'
  readonly sizeBytes?: number
}

/** State of one container instance, as the runtime finds it. */
export type ContainerState =
  | { readonly kind: 'running'; readonly startedAtMs: number }
  | {
      readonly kind: 'exited'
      readonly startedAtMs: number
      readonly finishedAtMs: number
      readonly exitCode: number
      readonly signal?: number
      readonly isOutOfMemory?: boolean
      readonly message?: string
    }
  /** It ran, but nobody can tell how it ended. */
  | { readonly kind: 'lost'; readonly startedAtMs?: number }

export interface RuntimeContainer {
  readonly key: ContainerKey
  /** `<type>://<id>`, unique for each attempt; status.containerID. */
  readonly containerId: string
  readonly image: string
  readonly imageId: string
  readonly state: ContainerState
  /** Numeric identity of the first process, for status.user.linux. */
  readonly user?: {
    readonly uid: number
    readonly gid: number
    readonly supplementalGroups: readonly number[]
  }
  /** SandboxState.id of where it was started; left out where nobody can tell. */
  readonly sandboxId?: string
}

export interface SandboxState {
  readonly podIPs: readonly string[]
  /**
   * Another one than before (the machine was restarted, the network is another): what ran in the former
   * sandbox is stopped, and init containers run again.
   */
  readonly id?: string
}

/** Usage of one run of a container. */
export interface KeyedStats {
  readonly key: ContainerKey
  readonly stats: ContainerStats
}

/** Usage of what the containers of one pod share. */
export interface SandboxStats extends Pick<PodStats, 'network' | 'process_stats'> {
  readonly pod: PodRef
}

/** How the volumes of pods reach a runtime's containers. */
export interface VolumeSupport {
  /**
   * `mount`: ContainerStart.mounts appear at their mountPath. `variable`: nothing appears there; the
   * core tells containers by VK_VOLUME_<NAME> where their volumes are.
   */
  readonly delivery: 'mount' | 'variable'
  /**
   * Host paths that hostPath volumes and PersistentVolumes of that kind may name, with all below them;
   * none by default.
   */
  readonly hostPathPrefixes?: readonly string[]
  /**
   * Makes a directory in memory for an emptyDir, shared by the pod's containers and gone with its
   * sandbox; the same for a second call. Without it the mounts of such volumes are of kind `tmpfs`.
   */
  readonly prepareMemory?: (
    dir: {
      readonly pod: Pod
      readonly volume: string
      readonly sizeBytes: number | undefined
    },
    context: CallContext,
  ) => Promise<{ readonly hostPath: string; readonly isNew: boolean }>
  /**
   * The files of a volume (ConfigMap, Secret, downward API, projected) have been laid out at `hostPath`, or
   * may have been renewed there: `..data` leads to the folder of the present ones, of another name for each
   * renewal. For runtimes whose containers have copies; those that mount `hostPath` leave it out. Called
   * after each writing, also when nothing has changed and before there is a sandbox, and again after a
   * restart of ours, so it compares. A rejection is told by an event FailedMount, and it is called again
   * later, with back-off. What a container starts with is the business of `startContainer`.
   */
  readonly filesWritten?: (
    files: { readonly uid: string; readonly volume: string; readonly hostPath: string },
    context: CallContext,
  ) => Promise<void>
  /**
   * Brings the files of an image onto the host, read-only, for the life of the pod; the same for a
   * second call. Rejects with a waiting reason of images (ErrImagePull, …) as podReason.
   */
  readonly prepareImage?: (
    image: {
      readonly pod: Pod
      readonly volume: string
      readonly reference: string
      readonly pullPolicy: string
    },
    context: CallContext,
  ) => Promise<{ readonly hostPath: string }>
}

/**
 * A backend for containers. Calls are idempotent by key, may be repeated after a lost reply or a crash
 * of ours, and fail with VkErrors (podReason gives the waiting reason, such as CreateContainerConfigError,
 * CreateContainerError or RunContainerError).
 */
export interface ContainerRuntime extends AsyncDisposable {
  readonly name: string
  readonly features: Features
  /** Left out: by variable, and no host paths. */
  readonly volumes?: VolumeSupport
  /**
   * What of a pod it refuses although it has the features: a setting of its machine, a value out of bounds.
   * The pod is not started, and its reason is the first of them. Left out: nothing.
   */
  problemsOf?(pod: Pod): readonly PodProblem[]
  /**
   * Calls `notify` when a pod's sandbox has ended without being removed: ensureSandbox is then asked for
   * another one, whose id tells that what ran in the first is to be started anew. Without it, that is only
   * noticed after a restart of ours.
   */
  watchSandboxes?(notify: (pod: PodRef) => void): Disposable
  /** Makes what the pod's containers share (network, cgroup); returns the same for a known pod. */
  ensureSandbox(pod: Pod, options: SandboxOptions, context: CallContext): Promise<SandboxState>
  /**
   * The pod has ended for good: what only running containers need, such as an address or memory, may go.
   * Its containers are listed and their logs read as before. Left out: it all stays until removeSandbox.
   */
  stopSandbox?(pod: PodRef, context: CallContext): Promise<void>
  /** Ends whatever still runs in it and removes it. Unknown: succeeds. */
  removeSandbox(pod: PodRef, context: CallContext): Promise<void>
  /**
   * Starts the container, or returns the one of this key that was started before. A rejection with
   * podReason RunContainerError uses the attempt up: the container counts as ended with exit code
   * 128, and its restart policy decides what follows. After any other the same key is tried again.
   */
  startContainer(start: ContainerStart, context: CallContext): Promise<RuntimeContainer>
  /**
   * Sends the stop signal, and KILL when `graceMs` is over; resolves when no process of the container
   * is left. A second call while one waits may only shorten the grace. `graceMs` 0 kills at once.
   */
  stopContainer(
    key: ContainerKey,
    options: { readonly graceMs: number; readonly signal?: string },
    context: CallContext,
  ): Promise<void>
  /**
   * Drops what the runtime itself keeps about an ended container; it is not listed any more, not
   * after a restart of ours either. Unknown: succeeds.
   */
  removeContainer(key: ContainerKey, context: CallContext): Promise<void>
  /** Every container of this node, running or ended, whose record the runtime still has. */
  listContainers(context: CallContext): Promise<readonly RuntimeContainer[]>
  /** Calls `notify` when a container's state changed; without it the core polls. */
  watchContainers?(notify: (container: RuntimeContainer) => void): Disposable
  /**
   * What this run has written, where the runtime itself stores it: a feed as of PodProvider.logs, each
   * entry once and with its own time, that lasts until `removeContainer`. `query.previous` is always
   * false, because the core has chosen the run; `follow` ends with the run, after its last entry. Throws
   * NotFound when there is no such run. A runtime without it leaves the output files in `attemptDir`;
   * one with it opens none.
   */
  logs?(key: ContainerKey, query: LogQuery, context: CallContext): AsyncIterable<LogBatch>
  /** As PodProvider.exec, in this run of the container; `spec` is the container's as last handed over. */
  exec?(
    key: ContainerKey,
    options: ExecOptions & { readonly pod: Pod; readonly spec: Container },
    context: CallContext,
  ): Promise<ProcessStreams>
  /**
   * As PodProvider.attach, to this run of the container. `attemptDir` is where its output files are; see
   * follow-output.ts.
   */
  attach?(
    key: ContainerKey,
    options: StreamChoice & { readonly spec: Container; readonly attemptDir: string },
    context: CallContext,
  ): Promise<ProcessStreams>
  /** As PodProvider.portForward. */
  portForward?(pod: PodRef, port: number, context: CallContext): Promise<PortConnection>
  /**
   * For a runtime whose pods' addresses lead nowhere from here, or to somebody else: a connection to the pod's
   * address (`host`, an IP address) from where it is one, for the pod's probes and hooks. The caller destroys it;
   * nothing is left of it then. Rejects with an error as of a socket (`code`, `syscall` connect) when nobody answers
   * there, with the signal's reason when that aborts while it is being tried, and with any other error when it
   * could not be tried, which says nothing about the pod. Left out: probes and hooks connect themselves.
   */
  dial?(
    pod: PodRef,
    target: { readonly host: string; readonly port: number },
    context: CallContext,
  ): Promise<Duplex>
  /**
   * Has a running container live with the limits and requests of CPU and memory that `spec` names, without
   * a restart; the same for a second call. Rejects with the reason, and is called again later. Other
   * containers of the pod are resized by calls of their own. A runtime without it starts containers with what
   * their pod has then; its row `resources.resize` is no, and pods are not resized in place.
   */
  updateResources?(
    key: ContainerKey,
    options: { readonly pod: Pod; readonly spec: Container },
    context: CallContext,
  ): Promise<void>
  /**
   * The same for what `pod.spec.resources` names, which bounds all containers of a pod together. A runtime
   * without it has its row `resources.podLevelResize` at no, and such pods are not resized as a whole.
   */
  updatePodResources?(pod: Pod, context: CallContext): Promise<void>
  /** Usage of running containers; one that cannot be read is left out. */
  containerStats(
    keys: readonly ContainerKey[],
    context: CallContext,
  ): Promise<readonly KeyedStats[]>
  /**
   * Usage of what the containers of a pod share: their network, where it is not the node's, and how many
   * processes they have. A pod or figure that cannot be read is left out.
   */
  sandboxStats?(pods: readonly PodRef[], context: CallContext): Promise<readonly SandboxStats[]>
  nodeStats?(context: CallContext): Promise<NodeStats>
  describeNode(context: CallContext): Promise<NodeDescription>
  ping(context: CallContext): Promise<void>
}
