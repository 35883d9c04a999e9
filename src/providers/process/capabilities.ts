// SPDX-License-Identifier: Apache-2.0
// Capabilities that a container gives up, in setpriv's words. They leave the bounding set, so that no
// program with file capabilities or the setuid bit brings them back. Added ones are those that the
// container has anyway: a host process that drops nothing has what its node has.
import { readFileSync } from 'node:fs'
import type { Container } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'

/** What the container drops, without `CAP_`; throws a VkError for what cannot be a capability's name. */
export function droppedCapabilities({ name, securityContext }: Container): readonly string[] {
  return (securityContext?.capabilities?.drop ?? []).map((capability) => {
    if (!/^[A-Z][A-Z_]*$/i.test(capability)) {
      throw invalid(name, `capabilities.drop holds "${capability}", which is no capability`)
    }
    return capabilityName(capability)
  })
}

/**
 * Throws a VkError when the container adds a capability that its node lacks. SYS_PTRACE is granted by
 * everyone, because containers of a pod run as one user, whose processes may be traced without it.
 */
export function checkAddedCapabilities(
  { name, securityContext }: Container,
  has: (capability: string) => boolean = ownsCapability,
): void {
  for (const capability of securityContext?.capabilities?.add ?? []) {
    const known = capabilityName(capability)
    if (known === 'SYS_PTRACE' || has(known)) continue
    throw invalid(name, `capabilities.add holds "${capability}", which the node itself lacks`)
  }
}

const numbers: readonly string[] = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO ' +
  'SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME ' +
  'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG ' +
  'WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ')

/** Has this process the capability (`ALL`: all that the kernel knows)? */
export function ownsCapability(capability: string): boolean {
  const own = ownCapabilities()
  if (own === undefined) return process.getuid?.() === 0
  if (capability === 'ALL') return numbers.every((_, bit) => (own >> BigInt(bit)) & 1n)
  const bit = numbers.indexOf(capability)
  return bit !== -1 && ((own >> BigInt(bit)) & 1n) === 1n
}

function ownCapabilities(): bigint | undefined {
  try {
    const [, mask] =
      /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return mask === undefined ? undefined : BigInt(`0x${mask}`)
  } catch {
    // No such file on this system: root has everything there.
    return undefined
  }
}

/** The kernel's number of a capability without `CAP_`; throws for one that it does not have. */
export function capabilityNumber(name: string): number {
  const number = numbers.indexOf(name)
  if (number === -1) throw new Error(`there is no capability ${name}`)
  return number
}

/** Without `CAP_`, in capitals. */
export function capabilityName(capability: string): string {
  return capability.toUpperCase().replace(/^CAP_/, '')
}

function invalid(container: string, why: string): VkError {
  return new VkError('Invalid', `Cannot run container "${container}": ${why}`, {
    podReason: 'CreateContainerConfigError',
  })
}

/**
 * Options of setpriv by which it drops them; none for none. A process that changes its user keeps no
 * inheritable ones in any case.
 */
export function dropOptions(
  dropped: readonly string[],
  { changesUser }: { readonly changesUser: boolean },
): readonly string[] {
  const inheritable = changesUser ? ['--inh-caps=-all'] : []
  if (dropped.length === 0) return inheritable
  const names = dropped.includes('ALL') ? ['all'] : dropped.map((name) => name.toLowerCase())
  const set = names.map((name) => `-${name}`).join(',')
  return [...(changesUser ? inheritable : [`--inh-caps=${set}`]), `--bounding-set=${set}`]
}
