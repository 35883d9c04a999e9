// SPDX-License-Identifier: Apache-2.0
// The contract for backends that run whole pods. A backend offers primitives; everything that
// Kubernetes documents about a pod and that the backend cannot do itself is the core's work.
// Backends that run single containers implement src/runtime/container-runtime.ts instead.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type {
  ContainerImage,
  ContainerStatus,
  NodeAddress,
  NodeCondition,
  PersistentVolumeSpec,
  Pod,
  ResourceRequirements,
} from '../kube/types.gen.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Features } from './features.ts'
import type { LogBatch, LogQuery } from './log-feed.ts'
import type { NodeStats, PodStats, ProbeStats, StatsWish } from './stats.ts'
import type { ExecOptions, PortConnection, ProcessStreams, StreamChoice } from './streams.ts'

/** Names one pod for good: two pods of one name differ in uid. */
export interface PodRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** Handed to every call: when to give up, and where to log. */
export interface CallContext {
  readonly signal: AbortSignal
  readonly log: Logger
}

/** One variable of a container's final environment. */
export interface ResolvedEnvVar {
  readonly name: string
  readonly value: string
  /** Came from a Secret: use the backend's secure fields, never print it. */
  readonly isSecret: boolean
}

/** What a container is really started with: references followed, `$(NAME)` expanded. */
export interface ResolvedContainer {
  readonly name: string
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: readonly ResolvedEnvVar[]
}

/** One file of a volume whose content the core produces. `path` is relative, with `/`. */
export interface VolumeFile {
  readonly path: string
  readonly mode: number
  /** Who must be able to read it when `mode` lets nobody else; left out: whoever writes it. */
  readonly ownerUid?: number
  readonly content: Uint8Array
}

/** The files of a volume now, and when to ask again (a token is then about to expire). */
export interface VolumeFiles {
  readonly files: readonly VolumeFile[]
  readonly refreshAtMs?: number
}

/** The PersistentVolume that a claim is bound to. */
export interface ClaimedVolume {
  readonly claimName: string
  readonly volumeName: string
  /** The pod asked for the claim read-only. */
  readonly isReadOnly: boolean
  readonly spec: PersistentVolumeSpec
}

/** What is only known once the backend has made room for the pod. */
export interface PodFacts {
  readonly podIPs: readonly string[]
  readonly hostIPs: readonly string[]
  /** What else `$(NAME)` may mean in the container's texts; not part of its environment. */
  readonly variables?: ReadonlyMap<string, string>
  /**
   * The text of a file in one of the pod's volumes, for variables that are set from files; undefined when
   * there is no such volume. Rejects when the file cannot be read.
   */
  readonly readVolumeFile?: (volume: string, path: string) => Promise<string | undefined>
}

/** Who may pull from a registry. Secret: never printed. */
export interface RegistryCredential {
  /** As written in the Secret: a host, with `*` for parts of it, with a port or the start of a path. */
  readonly registry: string
  readonly username: string
  readonly password: string
  /** Instead of a password. */
  readonly identityToken?: string
}

/** A pod to run: the object as the API has it, and the core's answers to its references. */
export interface PodRequest {
  readonly pod: Pod
  /**
   * Final command and environment of a container; read afresh at each call, as a kubelet does at each
   * container start. Rejects with a VkError whose podReason is the waiting reason
   * (CreateContainerConfigError); telling of it by an event is the caller's part.
   */
  resolveContainer(name: string, facts: PodFacts): Promise<ResolvedContainer>
  /**
   * Files of a volume made from API objects and tokens. Rejects like resolveContainer. When an object
   * that a volume is made of changes, updatePod is called: the files are then asked for again.
   */
  resolveVolume(name: string, facts?: PodFacts): Promise<VolumeFiles>
  /**
   * What the claim of a `persistentVolumeClaim` or `ephemeral` volume is bound to; rejects while it is
   * not bound.
   */
  resolveClaim(name: string): Promise<ClaimedVolume>
  /**
   * What the pod's imagePullSecrets hold, in their order; read afresh at each call, for a backend that pulls
   * images. Secrets that are missing or broken are left out, and told of by an event. Left out: none.
   */
  resolvePullSecrets?(): Promise<readonly RegistryCredential[]>
}

/** What the backend says of a pod. The core makes phase and conditions from it. */
export interface ObservedPod {
  readonly ref: PodRef
  /** First pod address is status.podIP; empty until known. */
  readonly podIPs: readonly string[]
  /** Where the pod really runs, when that is not the node's own address. */
  readonly hostIPs?: readonly string[]
  /** When the backend took the pod on, RFC 3339; else the core's own time of acknowledgement. */
  readonly startTime?: string
  /** Network and directories are there: PodReadyToStartContainers. */
  readonly isSandboxReady: boolean
  /** No container runs and none will be started again. Final. */
  readonly hasEnded: boolean
  readonly containers: readonly ContainerStatus[]
  readonly initContainers: readonly ContainerStatus[]
  readonly ephemeralContainers: readonly ContainerStatus[]
  /**
   * Set when the backend itself ended the pod (DeadlineExceeded, Evicted): phase Failed with these. A pod
   * that was evicted because the node was short of something gets the condition DisruptionTarget, which
   * Jobs may forgive; one that broke its own limits (`isOwnFault`) does not.
   */
  readonly failure?: {
    readonly reason: string
    readonly message: string
    readonly isOwnFault?: boolean
  }
  /**
   * By container, the CPU and memory that the pod was last handed over with; what it has as a whole under the
   * empty name. A provider whose row
   * `resources.resize` is yes keeps it over a restart of ours and names it.
   */
  readonly allocation?: Readonly<Record<string, ResourceRequirements>>
  /** From providers that resize pods as a whole: what the pod has in all, and what it was granted. */
  readonly podLevel?: {
    readonly resources: ResourceRequirements
    readonly allocatedResources: Readonly<Record<string, string>>
  }
  /** Set while running containers do not have yet what the pod was handed over with, with the reason. */
  readonly resize?: { readonly isUnderWay: true; readonly error?: string }
  /** metadata.generation of the spec that the backend has acted on; default the newest handed over. */
  readonly observedGeneration?: number
}

/** Node facts that only the backend knows; what is left out is filled in by the core. */
export interface NodeDescription {
  /** Resource quantities; must hold cpu, memory, pods and ephemeral-storage. */
  readonly capacity: Readonly<Record<string, string>>
  /** Default: the capacity. */
  readonly allocatable?: Readonly<Record<string, string>>
  /** `<type>://<version>` for nodeInfo.containerRuntimeVersion. */
  readonly runtimeVersion: string
  readonly providerID?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly addresses?: readonly NodeAddress[]
  /** Images that are there, for status.images: the largest, with every name they have. */
  readonly images?: readonly ContainerImage[]
  /** Replaces the condition of the same type (MemoryPressure, …). */
  readonly conditions?: readonly NodeCondition[]
  /** nodeInfo of the machine that runs the pods, where it is not this one. */
  readonly nodeInfo?: Readonly<
    Partial<
      Record<
        'machineID' | 'systemUUID' | 'bootID' | 'kernelVersion' | 'osImage' | 'architecture',
        string
      >
    >
  >
}

/**
 * A backend for whole pods. Any call may come twice, because its answer can get lost: a pod whose uid is
 * known is adopted, and ending one that is unknown succeeds. Failures are VkErrors; the core repeats the
 * call later, for ever, so a provider never retries for long itself. Values of PodRequest are
 * readonly and may be kept.
 */
export interface PodProvider extends AsyncDisposable {
  readonly features: Features
  /**
   * `pod`: the core resolves every container before createPod, and a failure keeps the pod from
   * starting. `container`: the provider resolves each container when it starts it.
   */
  readonly resolves: 'pod' | 'container'
  /**
   * The backend remembers nothing over a restart of ours. A pod that the API says is running is then no
   * loss when listPods does not name it: createPod takes it on as its status says.
   */
  readonly adoptsByStatus?: boolean
  /**
   * What of a pod it refuses although it has the features; quick, and the same answer each time. createPod
   * fails for such a pod with Unsupported. What lies in an ephemeral container keeps only that container from
   * being handed over. Left out: nothing, as far as can be told before.
   */
  problemsOf?(pod: Pod): readonly PodProblem[]
  /** Starts the pod, or adopts it. Resolves once the backend has taken it on, not when it runs. */
  createPod(request: PodRequest, context: CallContext): Promise<void>
  /** The spec, labels or annotations of a running pod changed. */
  updatePod(request: PodRequest, context: CallContext): Promise<void>
  /**
   * Begins to end the pod, or shortens the grace of one that is ending; resolves once the backend has
   * accepted that. With a `failure` the node itself ends it: a backend that can keeps that with the pod
   * and names it in ObservedPod, so that it holds after a crash of ours. The pod stays observable until its containers have ended and, where the provider
   * has a `cleanUpPod`, until that was called.
   */
  deletePod(
    ref: PodRef,
    options: {
      readonly gracePeriodSeconds: number
      readonly failure?: { readonly reason: string; readonly message: string }
    },
    context: CallContext,
  ): Promise<void>
  /** Drops what is left of an ended pod (records, logs, directories). */
  cleanUpPod?(ref: PodRef, context: CallContext): Promise<void>
  /** All pods of this node that the backend knows, ended ones included. */
  listPods(context: CallContext): Promise<readonly ObservedPod[]>
  /** The pods asked for that the backend knows, by uid; one batch. */
  getPodStatuses(
    refs: readonly PodRef[],
    context: CallContext,
  ): Promise<ReadonlyMap<string, ObservedPod>>
  /** Calls `notify` with each new state of a pod. A provider without it is polled in batches. */
  watchPods?(notify: (pod: ObservedPod) => void): Disposable
  /**
   * Stored output of a container, oldest first. Throws NotFound when the backend has none. The core
   * does tail, since, limit, timestamps and follow; the query's hints only save work.
   */
  logs(
    ref: PodRef,
    container: string,
    query: LogQuery,
    context: CallContext,
  ): AsyncIterable<LogBatch>
  /**
   * Runs a command in a running container, with the container's environment, user and limits. Rejects
   * when it cannot be started. When the signal aborts, also later, the process is ended: nobody is there
   * any more.
   */
  exec?(
    ref: PodRef,
    container: string,
    options: ExecOptions,
    context: CallContext,
  ): Promise<ProcessStreams>
  /**
   * The streams of a running container's main process: its output from now on, and its stdin where the
   * spec asks for one. When the signal aborts, only the streams end.
   */
  attach?(
    ref: PodRef,
    container: string,
    options: StreamChoice,
    context: CallContext,
  ): Promise<ProcessStreams>
  /**
   * Connects to a TCP port of the pod, as from inside of it. Rejects with the reason when nobody
   * listens. When the signal aborts, also later, the connection ends.
   */
  portForward?(ref: PodRef, port: number, context: CallContext): Promise<PortConnection>
  /**
   * Usage of the running pods. A pod that cannot be read is left out, never an error for all. More than what is
   * wished for (default all) may be answered, and what a backend cannot measure is left out.
   */
  podStats(context: CallContext, wish?: StatsWish): Promise<readonly PodStats[]>
  /** How the probes of the pods went, where the backend makes them as a kubelet does. */
  probeStats?(): readonly ProbeStats[]
  /** How many pods the backend has evicted, by the signal that it did so for, such as `memory.available`. */
  evictions?(): ReadonlyMap<string, number>
  /** Usage of the machine behind the node, where there is one. */
  nodeStats?(context: CallContext): Promise<NodeStats>
  describeNode(context: CallContext): Promise<NodeDescription>
  /** Is the backend there? Rejects with the reason when not. Called every 10 s, cheap. */
  ping(context: CallContext): Promise<void>
  /** Calls `changed` when describeNode would answer something new. */
  watchNode?(changed: () => void): Disposable
}

/** How names are resolved in pods, as the node's flags say. */
export interface NodeDns {
  /** The cluster's domain; empty: it has none. */
  readonly clusterDomain: string
  /**
   * Addresses of the cluster's DNS service. Empty: nobody has said, and pods that ask for it are told; `none`:
   * the cluster has no such service, which is as it should be.
   */
  readonly clusterDNS: readonly string[] | 'none'
  /** The file of the node's own resolver; empty: pods are to have none; left out: the machine's. */
  readonly resolvConf?: string
}

/** What a provider is given when it is made. */
export interface ProviderHost {
  readonly nodeName: string
  /** Tells this cluster's objects in the backend from another's: a hash of its CA certificate, or of its address. */
  readonly clusterId: string
  readonly nodeIPs: readonly string[]
  readonly os: 'linux' | 'windows'
  /** Left out: domain cluster.local, without DNS service. */
  readonly dns?: NodeDns
  /** This node's own folder below --root-dir; exists, mode 0700. */
  readonly rootDir: string
  /** The whole of --root-dir, which no workload may see. */
  readonly protectedDir: string
  readonly clock: Clock
  readonly log: Logger
  /**
   * When pods are evicted because the node is short of something: thresholds by signal, as
   * `memory.available` → `100Mi` or `10%`. Left out: never.
   */
  readonly eviction?: {
    readonly hard: Readonly<Record<string, string>>
    /** Crossed for so long, they evict a pod as well, with the time that it asks for to end. */
    readonly soft?: {
      readonly thresholds: Readonly<Record<string, string>>
      readonly periodSeconds: Readonly<Record<string, number>>
      /** Of that time no more than this; below zero: all of it. */
      readonly maxGraceSeconds: number
    }
    readonly pressureTransitionMs: number
  }
  /**
   * Containers that name no seccomp profile have RuntimeDefault. Only true where the provider's row
   * `security.seccomp` is yes: other nodes are not started then. Left out: they have what the backend gives.
   */
  readonly seccompDefault?: boolean
  /** Records an event about a pod, or about one of its containers. */
  recordEvent(ref: PodRef, event: RecordedEvent, containerName?: string): void
  /** Records an event about the node itself. */
  recordNodeEvent?(event: RecordedEvent): void
}

/** Why a pod cannot run as written. */
export interface PodProblem {
  /** Path in the pod, such as `spec.containers[0]`. */
  readonly field: string
  /** Completes `<field>: `. */
  readonly why: string
  /** What is missing on the machine may still come, as a file does that another pod makes. */
  readonly mayPass?: boolean
}

/** What a folder in src/providers exports from its provider.ts as `providerModule`. */
export interface ProviderModule {
  readonly name: string
  /** One line for `virtual-kubelet providers`. */
  readonly summary: string
  /** For `explain` and for docs: what a provider made with this configuration can do. */
  featuresOf(config: unknown): Features
  /** Configurations that docs/pods.md has a column for; left out: the default one, under the provider's name. */
  readonly documented?: readonly { readonly title: string; readonly config: unknown }[]
  /**
   * For `explain`: what a provider made here with this configuration would refuse in a pod although it
   * has the features. Looks, as the machine and user it is called on, and changes nothing.
   */
  problemsOf?(pod: Pod, config: unknown): Promise<readonly PodProblem[]>
  /** Checks `config` (parsed from the configuration file) and throws UserError when it is wrong. */
  create(config: unknown, host: ProviderHost): Promise<PodProvider>
}
