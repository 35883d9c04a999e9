// SPDX-License-Identifier: Apache-2.0
// Judges what a pod and its containers may do: users, groups, profiles, sysctls.
import type {
  AppArmorProfile,
  Container,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from '../../objects/field-error.ts'
import { validateDescendingPath } from '../meta/validate-paths.ts'
import { validateId, validateOneOf } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'

type Json = Readonly<Record<string, unknown>>

export function* validateContainerSecurity(
  { securityContext: context }: Container,
  path: string,
  spec: PodSpec,
): Iterable<FieldError> {
  if (isMissing(context)) return
  yield* validateId(context.runAsUser, `${path}.runAsUser`)
  yield* validateId(context.runAsGroup, `${path}.runAsGroup`)
  const { procMount } = context
  if (!isMissing(procMount)) {
    yield* validateOneOf(procMount, `${path}.procMount`, { supported: ['Default', 'Unmasked'] })
    if (procMount === 'Unmasked' && spec.hostUsers !== false) {
      const why = '`hostUsers` must be false to use `Unmasked`'
      yield invalidValue(`${path}.procMount`, procMount, why)
    }
  }
  yield* validateSeccomp(context.seccompProfile, `${path}.seccompProfile`)
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      const why = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'
      yield invalidValue(path, internalForm(context), why)
    }
    if (listOf(context.capabilities?.add).includes('CAP_SYS_ADMIN')) {
      const why =
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'
      yield invalidValue(path, internalForm(context), why)
    }
  }
  yield* validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`)
}

/** Messages show the whole context with the names that the API server has inside. */
function internalForm(context: SecurityContext): unknown {
  const { capabilities, seLinuxOptions, seccompProfile, appArmorProfile } = context
  return {
    Capabilities: capabilities
      ? { Add: capabilities.add ?? null, Drop: capabilities.drop ?? null }
      : null,
    Privileged: context.privileged ?? null,
    SELinuxOptions: seLinuxOptions
      ? {
          User: textOf(seLinuxOptions.user),
          Role: textOf(seLinuxOptions.role),
          Type: textOf(seLinuxOptions.type),
          Level: textOf(seLinuxOptions.level),
        }
      : null,
    WindowsOptions: context.windowsOptions ?? null,
    RunAsUser: context.runAsUser ?? null,
    RunAsGroup: context.runAsGroup ?? null,
    RunAsNonRoot: context.runAsNonRoot ?? null,
    ReadOnlyRootFilesystem: context.readOnlyRootFilesystem ?? null,
    AllowPrivilegeEscalation: context.allowPrivilegeEscalation ?? null,
    ProcMount: context.procMount ?? null,
    SeccompProfile: profileForm(seccompProfile),
    AppArmorProfile: profileForm(appArmorProfile),
  }
}

function profileForm(profile: SeccompProfile | AppArmorProfile | undefined): unknown {
  if (!profile) return null
  return { Type: profile.type, LocalhostProfile: profile.localhostProfile ?? null }
}

const sysctlSegment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const sysctlForm = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`
const sysctlPattern = new RegExp(sysctlForm)

export function* validatePodSecurity(spec: PodSpec, path: string): Iterable<FieldError> {
  const context = spec.securityContext
  if (!isRecord(context)) return
  yield* validateId(context.fsGroup, `${path}.fsGroup`)
  yield* validateId(context.runAsUser, `${path}.runAsUser`)
  yield* validateId(context.runAsGroup, `${path}.runAsGroup`)
  for (const [index, group] of listOf(context.supplementalGroups).entries()) {
    yield* validateId(group, `${path}.supplementalGroups[${index}]`)
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const why = 'ShareProcessNamespace and HostPID cannot both be enabled'
    yield invalidValue(`${path}.shareProcessNamespace`, true, why)
  }
  yield* validateSysctls(spec, `${path}.sysctls`)
  yield* validateOneOf(context.fsGroupChangePolicy, `${path}.fsGroupChangePolicy`, {
    supported: ['Always', 'OnRootMismatch'],
  })
  yield* validateSeccomp(context.seccompProfile, `${path}.seccompProfile`)
  yield* validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`)
  yield* validateOneOf(context.supplementalGroupsPolicy, `${path}.supplementalGroupsPolicy`, {
    supported: ['Merge', 'Strict'],
  })
  yield* validateOneOf(context.seLinuxChangePolicy, `${path}.seLinuxChangePolicy`, {
    supported: ['Recursive'],
  })
}

function* validateSysctls(spec: PodSpec, path: string): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, sysctl] of listOf(spec.securityContext?.sysctls).entries()) {
    const at = `${path}[${index}].name`
    const name = textOf(sysctl.name)
    if (name === '') yield required(at)
    else if (name.length > 253 || !sysctlPattern.test(name)) {
      yield invalidValue(at, name, `must have at most 253 characters and match regex ${sysctlForm}`)
    } else if (seen.has(name)) yield duplicate(at, name)
    if (spec.hostNetwork === true && /^net[./]/.test(name)) {
      yield invalidValue(at, name, "may not be specified when 'hostNetwork' is true")
    } else if (spec.hostIPC === true && /^kernel[./](?:shm|msg|sem)|^fs[./]mqueue[./]/.test(name)) {
      yield invalidValue(at, name, "may not be specified when 'hostIPC' is true")
    }
    seen.add(name)
  }
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']

function* validateSeccomp(profile: SeccompProfile | undefined, path: string): Iterable<FieldError> {
  if (isMissing(profile)) return
  const type = textOf(profile.type)
  if (type === '') yield required(`${path}.type`, 'type is required when seccompProfile is set')
  else if (!profileTypes.includes(type)) yield notSupported(`${path}.type`, type, profileTypes)
  const at = `${path}.localhostProfile`
  const file = profile.localhostProfile
  if (type !== 'Localhost') {
    if (isMissing(file)) return
    yield invalidValue(at, profileForm(profile), 'can only be set when seccomp type is Localhost')
  } else if (isMissing(file)) yield required(at, 'must be set when seccomp type is Localhost')
  else yield* validateDescendingPath(textOf(file), at)
}

function* validateAppArmor(
  profile: AppArmorProfile | undefined,
  path: string,
): Iterable<FieldError> {
  if (isMissing(profile)) return
  const type = textOf(profile.type)
  const at = `${path}.localhostProfile`
  const file = profile.localhostProfile
  if (type === 'Localhost') {
    const name = textOf(file)
    if (name.trim() === '') yield required(at, 'must be set when AppArmor type is Localhost')
    else if (name.trim() !== name) {
      yield invalidValue(at, name, 'must not be padded with whitespace')
    }
    if (name.length > 4095) yield tooLong(at, 4095)
  } else if (type === '') {
    yield required(`${path}.type`, 'type is required when appArmorProfile is set')
  } else if (!profileTypes.includes(type)) yield notSupported(`${path}.type`, type, profileTypes)
  else if (!isMissing(file)) {
    yield invalidValue(at, file, 'can only be set when AppArmor type is Localhost')
  }
}

/** Rules that follow from `spec.os`. */
export function* validateOperatingSystem(spec: PodSpec, path: string): Iterable<FieldError> {
  if (isMissing(spec.os)) return
  const name = textOf(spec.os.name)
  if (name === '') yield required(`${path}.os.name`)
  else if (name === 'linux') {
    yield* forbidIn(spec, path, { fields: ['windowsOptions'], of: onLinux })
  } else if (name === 'windows') {
    for (const field of ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const) {
      if (!isMissing(spec[field]) && spec[field])
        yield forbiddenField(`${path}.${field}`, onWindows)
    }
    yield* forbidIn(spec, path, { fields: linuxOnly, of: onWindows })
  } else yield notSupported(`${path}.os`, name, ['linux', 'windows'])
}

const onLinux = 'windows options cannot be set for a linux pod'
const onWindows = 'cannot be set for a windows pod'
const linuxOnly = (
  'appArmorProfile seLinuxOptions seccompProfile fsGroup fsGroupChangePolicy sysctls runAsUser ' +
  'runAsGroup supplementalGroups supplementalGroupsPolicy seLinuxChangePolicy capabilities ' +
  'readOnlyRootFilesystem privileged allowPrivilegeEscalation procMount'
).split(' ')

function* forbidIn(
  spec: PodSpec,
  path: string,
  { fields, of: why }: { readonly fields: readonly string[]; readonly of: string },
): Iterable<FieldError> {
  const contexts: (readonly [string, unknown])[] = [[path, spec.securityContext]]
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of listOf(spec[list]).entries()) {
      contexts.push([`${path}.${list}[${index}]`, container.securityContext])
    }
  }
  for (const [at, context] of contexts) {
    if (!isRecord(context)) continue
    for (const field of fields) {
      if (!isMissing((context as Json)[field]))
        yield forbiddenField(`${at}.securityContext.${field}`, why)
    }
  }
}
