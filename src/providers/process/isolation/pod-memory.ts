// SPDX-License-Identifier: Apache-2.0
// What is /dev/shm in all containers of a pod. The first one that starts mounts it in a mount namespace of its
// own, from which bwrap is then run, and the others run theirs from the same: as with IPC, what runs holds it,
// and nothing is left of the last one. Were it mounted for all to see, each sandbox would cost more the more
// pods there are, for bwrap reads the whole table of mounts once for each place that it binds.
import type { HostTools } from '../host-tools.ts'
import type { ProcessMark } from '../process-identity.ts'

/** Of /dev/shm, as container runtimes have it. */
export const sharedMemoryBytes: number = 64 * 1024 * 1024

/** Memory of a pod, as one of its containers comes to it. */
export interface PodMemory {
  /** The mount point; for everybody else it is an empty directory that only root may open. */
  readonly dir: string
  /** Whose mount namespace has it; undefined: it is to be made. */
  readonly heldBy: ProcessMark | undefined
}

/** Options of the file system, as the kernel takes them. */
export const memoryOptions: string = `mode=1777,uid=0,gid=0,size=${sharedMemoryBytes}`

const script = `"$1" -n -t tmpfs -o "$2" virtual-kubelet "$3" || exit 125
shift 3
exec "$@"
`

/** Makes a mount namespace with the memory in it, up to what comes next. */
export function makeMemory(
  dir: string,
  { unshare = 'unshare', mount = 'mount', shell }: Pick<HostTools, 'unshare' | 'mount' | 'shell'>,
): readonly string[] {
  const options = `${memoryOptions},nosuid,nodev`
  return [
    unshare,
    '--mount',
    '--propagation',
    'slave',
    '--',
    shell,
    '-c',
    script,
    'virtual-kubelet-memory',
    mount,
    options,
    dir,
  ]
}
