// SPDX-License-Identifier: Apache-2.0
// Capabilities of a container with a root of its own: a small set, which only root's programs come to use,
// and what the pod adds and drops. With the host's whole set such a root would be no wall.
import type { Container, Pod } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import { capabilityName, droppedCapabilities } from '../capabilities.ts'

/** As in CRI-O: without making devices, raw sockets or audit records. */
const defaults = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'KILL',
] as const

/** What any pod may add: of no use beyond the container's own processes and files. */
const tracing = 'SYS_PTRACE'
const harmless: ReadonlySet<string> = new Set([...defaults, tracing, 'SYS_CHROOT', 'SETFCAP'])

/**
 * The container's set, without `CAP_`, sorted; throws a VkError with CreateContainerConfigError for one
 * that neither every pod nor the configuration (`allowed`) may add.
 */
export function containerCapabilities(
  spec: Container,
  allowed: readonly string[],
): readonly string[] {
  const added = (spec.securityContext?.capabilities?.add ?? []).map(capabilityName)
  const known = new Set([...harmless, ...allowed.map(capabilityName)])
  const refused = added.find((name) => !known.has(name))
  if (refused !== undefined) {
    throw new VkError(
      'Invalid',
      `Cannot run container "${spec.name}": capabilities.add holds "${refused}", which is not in the process provider's allowedCapabilities`,
      { podReason: 'CreateContainerConfigError' },
    )
  }
  const dropped = new Set(droppedCapabilities(spec))
  const base = dropped.has('ALL') ? [] : defaults.filter((name) => !dropped.has(name))
  return [...new Set([...base, ...added])].sort()
}

/**
 * Throws the same for root that could trace processes other than the container's own. Among these is, for a
 * moment, what makes the sandbox of another container, with all rights of the node. Where the host's are seen it
 * need not even trace: through /proc/<pid>/root of a sandbox's own processes it has the host's files.
 */
export function checkTracing(
  { pod, spec }: { readonly pod: Pod; readonly spec: Container },
  { uid, allowed }: { readonly uid: number; readonly allowed: readonly string[] },
): void {
  const { hostPID, shareProcessNamespace } = pod.spec
  const { targetContainerName } = spec as { readonly targetContainerName?: string }
  const seesOthers = hostPID === true || shareProcessNamespace === true || targetContainerName
  if (uid !== 0 || !seesOthers || allowed.map(capabilityName).includes(tracing)) return
  if (hostPID === true) throw refusal(spec, 'root may have hostPID')
  if (!containerCapabilities(spec, allowed).includes(tracing)) return
  throw refusal(spec, `root that sees processes of others may have "${tracing}"`)
}

function refusal({ name }: Container, what: string): VkError {
  return new VkError(
    'Invalid',
    `Cannot run container "${name}": ${what} only where "${tracing}" is in the process provider's allowedCapabilities`,
    { podReason: 'CreateContainerConfigError' },
  )
}
