// SPDX-License-Identifier: Apache-2.0
// What pods on host processes can ask for. A few rows depend on the machine: documentation and `explain`
// say on what, a runtime says what its machine can do.
import type { Features } from '../../provider/features.ts'
import type { Surroundings } from './surroundings.ts'

const users = { only: 'to users and groups that the configuration allows' }

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
  images: { only: 'as "host", an absolute path, or a name in imagePath; nothing is pulled' },
  'resources.cpuLimit': { only: 'where control groups are writable' },
  'resources.memoryLimit': { only: 'where control groups are writable' },
  'security.runAsUser': users,
  'security.runAsGroup': users,
  'security.supplementalGroups': users,
  'security.runAsNonRoot': true,
  'security.allowPrivilegeEscalation': { only: "where util-linux's setpriv is there" },
  'security.capabilities.add': { only: 'as those that the node itself has, and SYS_PTRACE' },
  'security.capabilities.drop': { only: "as root, where util-linux's setpriv is there" },
}

/** The table on this machine. */
export function featuresHere({ tools, cgroups, canDropCapabilities }: Surroundings): Features {
  return {
    ...processFeatures,
    tty: tools.script !== undefined,
    'resources.cpuLimit': cgroups?.can.limitCpu ?? false,
    'resources.memoryLimit': cgroups?.can.limitMemory ?? false,
    'security.allowPrivilegeEscalation': tools.setpriv !== undefined,
    'security.capabilities.drop': canDropCapabilities,
  }
}
