// SPDX-License-Identifier: Apache-2.0
// What pods on host processes can ask for. A few rows depend on the machine: documentation and `explain`
// say on what, a runtime says what its machine can do.
import type { Features, Support } from '../../provider/features.ts'
import type { ProcessConfig } from './process-config.ts'
import type { Surroundings } from './surroundings.ts'

const users = { only: 'as defaultUser and those of allowedUsers, and root with allowRoot' }
const groups = { only: "as the user's own and those of allowedGroups" }

const inSandbox = { only: 'where bubblewrap gives containers a root of their own' }
const asVariable = { only: 'as a directory that VK_VOLUME_<NAME> names; nothing is mounted' }
const mounted = {
  only: 'at its mountPath where bubblewrap works, else as a directory that VK_VOLUME_<NAME> names',
}
const hostPaths = { only: 'below the hostPathPrefixes of the configuration' }

/** What does not depend on how containers are kept apart. */
const common: Features = {
  multipleContainers: true,
  restartPolicy: true,
  activeDeadlineSeconds: true,
  stopSignal: true,
  stdin: true,
  tty: { only: "where util-linux's script is there" },
  workingDir: true,
  hostNetwork: true,
  podNetwork: { only: "as the host's own network: every pod has the node's address" },
  hostPort: { only: 'as the port that the program itself opens; conflicts are not seen' },
  hostPID: true,
  hostIPC: true,
  'security.fsGroup': groups,
  'volume.ephemeral': hostPaths,
  'volume.hostPath': hostPaths,
  'volume.persistentVolumeClaim': hostPaths,
  'resources.cpuLimit': { only: 'where control groups are writable' },
  'resources.memoryLimit': { only: 'where control groups are writable' },
  'resources.podLevel': { only: 'where control groups are writable' },
  'resources.resize': { only: 'where control groups are writable' },
  'resources.podLevelResize': { only: 'where control groups are writable' },
  'security.runAsUser': users,
  'security.runAsGroup': groups,
  'security.supplementalGroups': groups,
  'security.runAsNonRoot': true,
}

/** Containers among the host's processes. */
const besideHost: Features = {
  ...common,
  images: { only: 'as "host", an absolute path, or a name in imagePath; nothing is pulled' },
  ...volumesAre(asVariable),
  hostname: { only: 'in the variable HOSTNAME' },
  'volume.subPath': { only: 'one of each volume in a container' },
  'security.allowPrivilegeEscalation': { only: "where util-linux's setpriv is there" },
  'security.capabilities.add': { only: 'as those that the node itself has, and SYS_PTRACE' },
  'security.capabilities.drop': { only: "as root, where util-linux's setpriv is there" },
}

/** What only a root and namespaces of their own give to containers. */
const sandboxOnly = [
  'hostname',
  'shareProcessNamespace',
  'volume.emptyDirMedium',
  'volume.readOnly',
  'volume.recursiveReadOnly',
  'volume.subPath',
  'volume.image',
  'serviceAccountVolume',
  'security.readOnlyRootFilesystem',
  'security.seccomp',
  'security.allowPrivilegeEscalation',
  'security.capabilities.drop',
] as const

/** Containers with a root of their own. */
const sandboxed: Features = {
  ...common,
  ...volumesAre(true),
  ...Object.fromEntries(sandboxOnly.map((name) => [name, true])),
  images: {
    only: 'as "host", a path or a name in imagePath, dir: and tar: below imageDirPrefixes; nothing is pulled',
  },
  'volume.image': { only: 'as dir: and tar: below imageDirPrefixes' },
  'security.capabilities.add': {
    only: 'as harmless ones and those of allowedCapabilities',
  },
}

/** The table with this configuration, on any machine. */
export function configuredFeatures(config: ProcessConfig): Features {
  const tables = { none: besideHost, bubblewrap: sandboxed, auto: onAnyMachine }
  return withHostPaths(config, tables[config.isolation])
}

/** What documentation says of a machine that it does not know. */
const onAnyMachine: Features = {
  ...sandboxed,
  ...volumesAre(mounted),
  ...Object.fromEntries(sandboxOnly.map((name) => [name, inSandbox])),
  'volume.image': { only: 'as dir: and tar: below imageDirPrefixes, where bubblewrap works' },
}

/** Rows that the core answers for where it can mount files, as documentation has them. */
export const mountedFilesInSandbox: Features = {
  terminationMessage: inSandbox,
  hostAliases: inSandbox,
  dnsConfig: inSandbox,
}

/** The table of a machine that isolates containers, or of one that does not. */
function featuresOfMachine(config: ProcessConfig, canIsolate: boolean): Features {
  return withNetwork(config, withHostPaths(config, canIsolate ? sandboxed : besideHost))
}

function withHostPaths(
  { hostPathPrefixes, imageDirPrefixes }: ProcessConfig,
  all: Features,
): Features {
  const features = imageDirPrefixes.length > 0 ? all : { ...all, 'volume.image': false }
  if (hostPathPrefixes.length > 0) return features
  return {
    ...features,
    'volume.ephemeral': false,
    'volume.hostPath': false,
    'volume.persistentVolumeClaim': false,
  }
}

function withNetwork({ network }: ProcessConfig, features: Features): Features {
  if (network === 'host') return features
  return { ...features, podNetwork: { only: 'as loopback, without an address' }, hostPort: false }
}

function volumesAre(support: Support): Features {
  return {
    'volume.configMap': support,
    'volume.downwardAPI': support,
    'volume.emptyDir': support,
    'volume.projected': support,
    'volume.secret': support,
  }
}

/** The table with this configuration, on this machine. */
export function featuresHere(config: ProcessConfig, surroundings: Surroundings): Features {
  const { tools, cgroups, canDropCapabilities, canIsolate } = surroundings
  const configured = featuresOfMachine(config, canIsolate)
  return {
    ...configured,
    ...(canReachVolumes(surroundings) ? {} : withoutVolumes(configured)),
    ...(canIsolate && sharesHere(surroundings)),
    'security.fsGroup': surroundings.own.uid === 0 && groups,
    'security.seccomp': surroundings.filters !== undefined,
    tty: tools.script !== undefined,
    'resources.cpuLimit': cgroups?.can.limitCpu ?? false,
    'resources.memoryLimit': cgroups?.can.limitMemory ?? false,
    'resources.podLevel': (cgroups?.can.limitCpu && cgroups.can.limitMemory) ?? false,
    'resources.resize': (cgroups?.can.limitCpu && cgroups.can.limitMemory) ?? false,
    'resources.podLevelResize': (cgroups?.can.limitCpu && cgroups.can.limitMemory) ?? false,
    'security.allowPrivilegeEscalation': canIsolate || tools.setpriv !== undefined,
    'security.capabilities.drop': canIsolate || canDropCapabilities,
  }
}

/** What is known of `featuresHere` before a node runs here: nothing is made to find it out. */
export function featuresForeseen(
  config: ProcessConfig,
  known: Pick<Surroundings, 'own' | 'tools' | 'canIsolate'> & { readonly hasCgroups: boolean },
): Features {
  const { own, tools, canIsolate, hasCgroups } = known
  return {
    ...featuresOfMachine(config, canIsolate),
    ...(canIsolate && sharesHere(known)),
    ...(!hasCgroups && withoutLimits),
    'security.fsGroup': own.uid === 0 && groups,
    tty: tools.script !== undefined,
  }
}

const withoutLimits: Features = {
  'resources.cpuLimit': false,
  'resources.memoryLimit': false,
  'resources.podLevel': false,
  'resources.resize': false,
  'resources.podLevelResize': false,
}

/** Memory and processes are shared by what only root can make. */
function sharesHere({ own, tools }: Pick<Surroundings, 'own' | 'tools'>): Features {
  const canShare = own.uid === 0 && tools.mount !== undefined
  return {
    'volume.emptyDirMedium': canShare,
    shareProcessNamespace: canShare,
  }
}

/** Other users than ours are kept out of --root-dir, unless a mount namespace lets them see their part. */
function canReachVolumes({ own, canHide }: Surroundings): boolean {
  return own.uid !== 0 || canHide
}

function withoutVolumes(features: Features): Features {
  const names = Object.keys(features).filter((name) => name.startsWith('volume.'))
  return Object.fromEntries(names.map((name) => [name, false]))
}
