// SPDX-License-Identifier: Apache-2.0
// What pods on host processes can ask for. Rows that depend on the machine say what this one can do.
import type { Features } from '../../provider/features.ts'
import type { Surroundings } from './surroundings.ts'

/** The provider's table on this machine. */
export function featuresOf({ tools, cgroups, own }: Surroundings): Features {
  const isRoot = own.uid === 0
  const users = isRoot
    ? { only: "to the users and groups in the provider's allowedUsers, allowedGroups, allowRoot" }
    : { only: `to virtual-kubelet's own user (${own.uid})` }
  return {
    multipleContainers: true,
    restartPolicy: true,
    activeDeadlineSeconds: true,
    stopSignal: true,
    workingDir: true,
    hostNetwork: true,
    podNetwork: { only: "as the host's own network: every pod has the node's address" },
    hostPort: { only: 'as the port that the program itself opens; conflicts are not seen' },
    hostPID: true,
    hostIPC: true,
    hostUsers: true,
    hostname: { only: 'in the variable HOSTNAME' },
    images: { only: 'as "host", an absolute path, or a name in imagePath; nothing is pulled' },
    'resources.cpuLimit': cgroups?.can.limitCpu ?? false,
    'resources.memoryLimit': cgroups?.can.limitMemory ?? false,
    'security.runAsUser': users,
    'security.runAsGroup': users,
    'security.supplementalGroups': users,
    'security.runAsNonRoot': true,
    'security.allowPrivilegeEscalation': tools.setpriv !== undefined,
  }
}
