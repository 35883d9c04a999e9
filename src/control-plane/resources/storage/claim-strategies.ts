// SPDX-License-Identifier: Apache-2.0
// PersistentVolumeClaims and PersistentVolumes: kept as data, judged as far as users meet it.
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  TypedLocalObjectReference,
} from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { canonicalAmounts, nanosOf } from '../canonical-quantity.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { isImmutable, validateDnsSubdomain, validateOneOf } from '../meta/validate-values.ts'
import { isMissing, listOf, mapOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapField, withDefaults, withField } from '../share-structure.ts'
import { unifiedDiff } from '../unified-diff.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { withSpec } from '../with-spec.ts'
import { defaultClaimSpec } from './default-claim.ts'
import { validateAccessModes, validateClaimSpec, volumeModes } from './validate-claim-spec.ts'

export const claimStrategy: Strategy = genericStrategy({
  newStatus: { phase: 'Pending' },
  applyDefaults: (object) => withSpec(object, defaultClaimSpec),
  completeNew: (object) => withSpec(object, mirrorSources),
  completeUpdate: (next, _old, subresource) =>
    subresource === '' ? withSpec(next, mirrorSources) : next,
  validate: (object) => validateClaimSpec(claimOf(object), 'spec'),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') return
    yield* validateClaimSpec(claimOf(next), 'spec')
    const [after, before] = [
      asKind<PersistentVolumeClaim>(next),
      asKind<PersistentVolumeClaim>(old),
    ]
    yield* validateClaimUpdate(after, before)
  },
})

/** `dataSource` and `dataSourceRef` say the same unless the source is in another namespace. */
function mirrorSources(given: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const isServed = isMissing(given.dataSource) || isKnownSource(given.dataSource)
  // The older field knows two kinds only; others are dropped from it.
  const spec = isServed ? given : withField(given, 'dataSource', undefined)
  const { dataSource, dataSourceRef } = spec
  if (!isMissing(dataSource) && isMissing(dataSourceRef)) {
    return { ...spec, dataSourceRef: dataSource }
  }
  const isFar = !isMissing(dataSourceRef?.namespace)
  if (isMissing(dataSourceRef) || !isMissing(dataSource) || isFar) return spec
  return isKnownSource(dataSourceRef) ? { ...spec, dataSource: dataSourceRef } : spec
}

function isKnownSource({ apiGroup, kind }: TypedLocalObjectReference): boolean {
  if (textOf(apiGroup) === '') return kind === 'PersistentVolumeClaim'
  return apiGroup === 'snapshot.storage.k8s.io' && kind === 'VolumeSnapshot'
}

function claimOf(object: KubeObject): PersistentVolumeClaimSpec {
  return asKind<PersistentVolumeClaim>(object).spec ?? {}
}

function* validateClaimUpdate(
  next: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): Iterable<FieldError> {
  const after = next.spec ?? {}
  const before = old.spec ?? {}
  let rest = after
  if (textOf(before.volumeName) === '') rest = withField(rest, 'volumeName', before.volumeName)
  if (isMissing(before.storageClassName)) {
    rest = withField(rest, 'storageClassName', before.storageClassName)
  }
  if (old.status?.phase === 'Bound') {
    rest = withField(rest, 'volumeAttributesClassName', before.volumeAttributesClassName)
    rest = mapField(rest, 'resources', (resources) =>
      withField(resources, 'requests', before.resources?.requests),
    )
  }
  if (!isSemanticallyEqual(rest, before)) {
    const why = `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${unifiedDiff(before, rest)}`
    yield forbiddenField('spec', why)
  }
  const [size, oldSize] = [
    storageOf(after.resources?.requests),
    storageOf(before.resources?.requests),
  ]
  if (size < oldSize && size <= storageOf(old.status?.capacity)) {
    const why = 'field can not be less than status.capacity'
    yield forbiddenField('spec.resources.requests.storage', why)
  }
  if (after.volumeMode !== before.volumeMode) {
    yield invalidValue('volumeMode', after.volumeMode ?? null, isImmutable)
  }
}

function storageOf(amounts: Readonly<Record<string, string>> | undefined): bigint {
  return nanosOf(mapOf(amounts)['storage']) ?? 0n
}

export const volumeStrategy: Strategy = genericStrategy({
  newStatus: { phase: 'Pending' },
  applyDefaults: (object) =>
    withSpec<PersistentVolumeSpec>(object, (spec) =>
      withField(defaultVolumeSpec(spec), 'capacity', canonicalAmounts(spec.capacity)),
    ),
  completeNew: (object, context) =>
    withField(object, 'status', {
      phase: 'Pending',
      lastPhaseTransitionTime: wireTime(context?.nowMs ?? 0),
    }),
  validate: (object) => validateVolume(asKind<PersistentVolume>(object).spec ?? {}),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') return
    const after = asKind<PersistentVolume>(next).spec ?? {}
    const before = asKind<PersistentVolume>(old).spec ?? {}
    yield* validateVolume(after)
    if (!isSemanticallyEqual(sourceOf(after), sourceOf(before))) {
      const diff = unifiedDiff(sourceOf(before), sourceOf(after))
      const why = `spec.persistentvolumesource is immutable after creation\n${diff}`
      yield forbiddenField('spec.persistentvolumesource', why)
    }
    if (after.volumeMode !== before.volumeMode) {
      yield invalidValue('volumeMode', after.volumeMode ?? null, isImmutable)
    }
    if (before.nodeAffinity && !isSemanticallyEqual(after.nodeAffinity, before.nodeAffinity)) {
      const why = `${isImmutable}, except for updating from beta label to GA`
      yield invalidValue('nodeAffinity', after.nodeAffinity ?? null, why)
    }
  },
})

function defaultVolumeSpec(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  const complete = withDefaults(spec, {
    persistentVolumeReclaimPolicy: 'Retain',
    volumeMode: 'Filesystem',
  })
  return mapField(complete, 'hostPath', (source) =>
    isMissing(source.type) ? { ...source, type: '' } : source,
  )
}

/** All of a volume's fields that are no source of data. */
const plainFields = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
])
const reclaimPolicies = ['Delete', 'Recycle', 'Retain']

function sourceOf(spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => !plainFields.has(field)))
}

function* validateVolume(spec: PersistentVolumeSpec): Iterable<FieldError> {
  const modes = listOf(spec.accessModes)
  if (modes.length === 0) yield required('spec.accessModes')
  else yield* validateAccessModes(modes, 'spec.accessModes')
  const capacity = mapOf(spec.capacity)
  if (Object.keys(capacity).length === 0) yield required('spec.capacity')
  else if (capacity['storage'] === undefined || Object.keys(capacity).length > 1) {
    yield notSupported('spec.capacity', capacity, ['storage'])
  }
  for (const name in capacity) {
    if ((nanosOf(capacity[name]) ?? 0n) > 0n) continue
    yield invalidValue(`spec.capacity[${name}]`, capacity[name], 'must be greater than zero')
  }
  const policy = textOf(spec.persistentVolumeReclaimPolicy)
  if (policy !== '' && !reclaimPolicies.includes(policy)) {
    yield notSupported('spec.persistentVolumeReclaimPolicy', policy, reclaimPolicies)
  }
  const sources = Object.entries(sourceOf(spec)).filter(([, source]) => !isMissing(source))
  if (sources.length === 0) yield required('spec', 'must specify a volume type')
  for (const [field] of sources.slice(1)) {
    yield forbiddenField(`spec.${field}`, 'may not specify more than 1 volume type')
  }
  const className = textOf(spec.storageClassName)
  if (className !== '') yield* validateDnsSubdomain(className, 'spec.storageClassName')
  yield* validateOneOf(spec.volumeMode, 'spec.volumeMode', { supported: volumeModes })
}
