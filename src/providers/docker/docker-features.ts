// SPDX-License-Identifier: Apache-2.0
// What pods on an engine can ask for. A few rows depend on the configuration, which says what pods may do to
// the engine's machine, and on the engine.
import type { Features } from '../../provider/features.ts'
import type { DockerConfig } from './docker-config.ts'
import type { Engine } from './engine/connect-engine.ts'

const podLimits = { only: 'where the engine has the cgroupfs driver and its groups can be written' }
const hostPaths = { only: 'below the hostPathPrefixes of the configuration' }

/** The table with everything allowed. */
export const dockerFeatures: Features = {
  multipleContainers: true,
  restartPolicy: true,
  activeDeadlineSeconds: true,
  stopSignal: true,
  terminationMessage: true,
  stdin: true,
  tty: true,
  workingDir: true,
  images: true,
  imagePullSecrets: true,
  hostNetwork: true,
  podNetwork: true,
  hostPort: true,
  hostPortMapping: true,
  hostPID: true,
  hostIPC: true,
  shareProcessNamespace: true,
  hostname: true,
  hostAliases: true,
  dnsConfig: true,
  runtimeClass: { only: 'to names that runtimeHandlers of the configuration lists' },
  'volume.configMap': true,
  'volume.downwardAPI': true,
  'volume.emptyDir': true,
  'volume.emptyDirMedium': true,
  'volume.emptyDirSizeLimit': true,
  'volume.ephemeral': hostPaths,
  'volume.hostPath': hostPaths,
  'volume.persistentVolumeClaim': hostPaths,
  'volume.projected': true,
  'volume.secret': true,
  'volume.subPath': true,
  'volume.readOnly': true,
  'volume.mountPropagation': true,
  serviceAccountVolume: true,
  'resources.cpuLimit': true,
  'resources.memoryLimit': true,
  'resources.podLevel': podLimits,
  'resources.resize': true,
  'resources.podLevelResize': podLimits,
  'resources.extended': {
    only: 'as nvidia.com/gpu and amd.com/gpu, where the engine has the driver',
  },
  'security.runAsUser': true,
  'security.runAsGroup': true,
  'security.supplementalGroups': true,
  'security.fsGroup': true,
  'security.runAsNonRoot': true,
  'security.readOnlyRootFilesystem': true,
  'security.privileged': true,
  'security.allowPrivilegeEscalation': true,
  'security.capabilities.add': {
    only: 'as those of any container; more where allowPrivileged is set',
  },
  'security.capabilities.drop': true,
  'security.seccomp': true,
  'security.appArmor': true,
  'security.seLinux': true,
  'security.sysctls': { only: "as a kubelet's safe ones, and allowedUnsafeSysctls" },
  'security.procMount': true,
}

/** The table with this configuration, on any engine. */
export function configuredFeatures(config: DockerConfig): Features {
  const { hostPathPrefixes, allowHostNamespaces, allowPrivileged, runtimeHandlers } = config
  const no = (names: readonly (keyof Features)[]): Features =>
    Object.fromEntries(names.map((name) => [name, false]))
  return {
    ...dockerFeatures,
    ...(hostPathPrefixes.length === 0 &&
      no(['volume.ephemeral', 'volume.hostPath', 'volume.persistentVolumeClaim'])),
    ...(!allowHostNamespaces && no(['hostNetwork', 'hostPID', 'hostIPC'])),
    ...(!allowPrivileged &&
      no(['security.privileged', 'security.procMount', 'volume.mountPropagation'])),
    ...(Object.keys(runtimeHandlers).length === 0 && no(['runtimeClass'])),
    ...(config.cgroupParent === false && no(['resources.podLevel', 'resources.podLevelResize'])),
  }
}

/** What of an engine decides about features. */
export interface EngineAbilities extends Pick<Engine, 'isLocal' | 'kind'> {
  /** By what containers can be limited; left out where nobody has looked. */
  readonly controllers?: Engine['controllers']
  /** The control groups of its pods can be given limits from here; left out where nobody has looked. */
  readonly canLimitPods?: boolean
}

/** The table with this configuration, on this engine. */
export function featuresHere(
  config: DockerConfig,
  { isLocal, kind, controllers, canLimitPods }: EngineAbilities,
): Features {
  // Podman ends a container's input with the first client that leaves.
  const stdin = kind === 'podman' ? { only: 'until the first client leaves' } : true
  return {
    ...configuredFeatures(config),
    stdin,
    ...(controllers && limitedBy(controllers)),
    ...(canLimitPods !== undefined && {
      'resources.podLevel': canLimitPods,
      'resources.podLevelResize': canLimitPods,
    }),
    ...(!isLocal && elsewhere),
    ...(!isLocal && config.pauseImage !== undefined && unreachable),
  }
}

function limitedBy({ cpu, memory }: Engine['controllers']): Features {
  return {
    'resources.cpuLimit': cpu,
    'resources.memoryLimit': memory,
    'resources.resize': cpu && memory,
  }
}

const reachable = { only: "where the pod's address can be reached from the node" }

/** With a sandbox that has no program of ours in it, which could connect from where the pod is. */
const unreachable: Features = {
  'probe.httpGet': reachable,
  'probe.tcpSocket': reachable,
  'probe.grpc': reachable,
}

/** On an engine of another machine nothing of this one can be mounted, and pods have addresses of its networks. */
const elsewhere: Features = {
  terminationMessage: false,
  hostAliases: false,
  dnsConfig: false,
  'volume.ephemeral': false,
  'volume.hostPath': false,
  'volume.persistentVolumeClaim': false,
  'volume.subPath': { only: 'of volumes of files, as copies' },
  'volume.emptyDirSizeLimit': { only: 'in memory' },
  'resources.podLevel': false,
  'resources.podLevelResize': false,
}
