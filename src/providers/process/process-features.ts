// SPDX-License-Identifier: Apache-2.0
// What pods on host processes can ask for. A few rows depend on the machine: documentation and `explain`
// say on what, a runtime says what its machine can do.
import type { Features } from '../../provider/features.ts'
import type { ProcessConfig } from './process-config.ts'
import type { Surroundings } from './surroundings.ts'

const users = { only: 'to users and groups that the configuration allows' }

const asVariable = { only: 'as a directory that VK_VOLUME_<NAME> names; nothing is mounted' }
const hostPaths = { only: 'below the hostPathPrefixes of the configuration, as VK_VOLUME_<NAME>' }

/** The table on any machine. */
export const processFeatures: Features = {
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
  hostname: { only: 'in the variable HOSTNAME' },
  'volume.configMap': asVariable,
  'volume.downwardAPI': asVariable,
  'volume.emptyDir': asVariable,
  'volume.ephemeral': hostPaths,
  'volume.hostPath': hostPaths,
  'volume.persistentVolumeClaim': hostPaths,
  'volume.projected': asVariable,
  'volume.secret': asVariable,
  'volume.subPath': { only: 'one of each volume in a container' },
  'security.fsGroup': users,
  images: { only: 'as "host", an absolute path, or a name in imagePath; nothing is pulled' },
  'resources.cpuLimit': { only: 'where control groups are writable' },
  'resources.memoryLimit': { only: 'where control groups are writable' },
  'resources.resize': { only: 'where control groups are writable' },
  'security.runAsUser': users,
  'security.runAsGroup': users,
  'security.supplementalGroups': users,
  'security.runAsNonRoot': true,
  'security.allowPrivilegeEscalation': { only: "where util-linux's setpriv is there" },
  'security.capabilities.add': { only: 'as those that the node itself has, and SYS_PTRACE' },
  'security.capabilities.drop': { only: "as root, where util-linux's setpriv is there" },
}

/** The table with this configuration, on any machine. */
export function configuredFeatures({ hostPathPrefixes }: ProcessConfig): Features {
  if (hostPathPrefixes.length > 0) return processFeatures
  return {
    ...processFeatures,
    'volume.ephemeral': false,
    'volume.hostPath': false,
    'volume.persistentVolumeClaim': false,
  }
}

/** The table with this configuration, on this machine. */
export function featuresHere(config: ProcessConfig, surroundings: Surroundings): Features {
  const { tools, cgroups, canDropCapabilities } = surroundings
  const configured = configuredFeatures(config)
  return {
    ...configured,
    ...(canReachVolumes(surroundings) ? {} : withoutVolumes(configured)),
    'security.fsGroup': surroundings.own.uid === 0 && users,
    tty: tools.script !== undefined,
    'resources.cpuLimit': cgroups?.can.limitCpu ?? false,
    'resources.memoryLimit': cgroups?.can.limitMemory ?? false,
    'resources.resize': (cgroups?.can.limitCpu && cgroups.can.limitMemory) ?? false,
    'security.allowPrivilegeEscalation': tools.setpriv !== undefined,
    'security.capabilities.drop': canDropCapabilities,
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
