// SPDX-License-Identifier: Apache-2.0
// Which user a container runs as, and whether it may. An ordinary user's virtual-kubelet can only run
// as that user; root's runs as an unprivileged default, and as others only where the configuration
// names them, for a pod's author must not become any user of the host by asking.
import type { Container, Pod } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'
import { isInRanges, parseIdRanges } from './id-ranges.ts'
import type { ProcessConfig } from './process-config.ts'
import type { UserEntry } from './user-database.ts'

/** Numeric identity of a container's processes. */
export interface RunUser {
  readonly uid: number
  readonly gid: number
  readonly supplementalGroups: readonly number[]
}

/** Who virtual-kubelet itself is. */
export interface OwnUser {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

export interface UserRules {
  readonly config: Pick<
    ProcessConfig,
    'defaultUser' | 'allowedUsers' | 'allowedGroups' | 'allowRoot'
  >
  readonly own: OwnUser
  readonly users: ReadonlyMap<number, UserEntry>
}

// `nobody` and its group, wherever they are not named otherwise.
const unprivilegedId = 65_534

/**
 * The identity that pod and container ask for, else the default one. Throws a VkError with reason
 * CreateContainerConfigError when the configuration does not allow it.
 */
export function resolveUser(pod: Pod, spec: Container, rules: UserRules): RunUser {
  const wanted = { ...pod.spec.securityContext, ...definedOnly(spec.securityContext ?? {}) }
  const fail = (why: string): never => refuse(`Cannot run container "${spec.name}": ${why}`)
  const isRoot = rules.own.uid === 0
  const uid =
    wanted.runAsUser ?? (isRoot ? (rules.config.defaultUser ?? unprivilegedId) : rules.own.uid)
  if (wanted.runAsNonRoot === true && uid === 0) {
    fail(
      wanted.runAsUser === 0
        ? "container's runAsUser breaks non-root policy"
        : 'container has runAsNonRoot and would run as root',
    )
  }
  const asked = pod.spec.securityContext?.supplementalGroups ?? []
  const fsGroup = pod.spec.securityContext?.fsGroup
  const groups = fsGroup === undefined ? asked : [...asked, fsGroup]
  if (!isRoot) return sameUser({ uid, gid: wanted.runAsGroup, groups }, { own: rules.own, fail })
  checkUser(uid, { rules, fail })
  const primary = rules.users.get(uid)?.gid ?? (uid === 0 ? 0 : unprivilegedId)
  const gid = wanted.runAsGroup ?? primary
  for (const group of new Set([gid, ...groups])) {
    if (group !== primary && uid !== 0) checkGroup(group, { rules, fail })
  }
  return { uid, gid, supplementalGroups: [...new Set(groups)].sort((a, b) => a - b) }
}

type Fail = (why: string) => never

function sameUser(
  wanted: {
    readonly uid: number
    readonly gid: number | undefined
    readonly groups: readonly number[]
  },
  { own, fail }: { readonly own: OwnUser; readonly fail: Fail },
): RunUser {
  if (wanted.uid !== own.uid) {
    fail(`it asks for user ${wanted.uid}, but virtual-kubelet runs as user ${own.uid}, not as root`)
  }
  if (wanted.gid !== undefined && wanted.gid !== own.gid) {
    fail(
      `it asks for group ${wanted.gid}, but virtual-kubelet runs with group ${own.gid}, not as root`,
    )
  }
  const missing = wanted.groups.find((group) => group !== own.gid && !own.groups.includes(group))
  if (missing !== undefined) {
    fail(`it asks for group ${missing}, which virtual-kubelet, not running as root, does not have`)
  }
  return { uid: own.uid, gid: own.gid, supplementalGroups: own.groups }
}

function checkUser(uid: number, { rules, fail }: { rules: UserRules; fail: Fail }): void {
  const { allowRoot, defaultUser = unprivilegedId, allowedUsers } = rules.config
  if (uid === 0) {
    if (!allowRoot) fail('it asks for root; the process provider allows that with allowRoot only')
    return
  }
  if (uid === defaultUser || isInRanges(uid, parseIdRanges(allowedUsers) ?? [])) return
  fail(`it asks for user ${uid}, which is not in the process provider's allowedUsers`)
}

function checkGroup(gid: number, { rules, fail }: { rules: UserRules; fail: Fail }): void {
  if (gid === unprivilegedId) return
  if (isInRanges(gid, parseIdRanges(rules.config.allowedGroups) ?? [])) return
  fail(`it asks for group ${gid}, which is not in the process provider's allowedGroups`)
}

function refuse(message: string): never {
  throw new VkError('Invalid', message, { podReason: 'CreateContainerConfigError' })
}

/** Without keys whose value is undefined, so that they do not hide the pod's. */
function definedOnly<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>
}
