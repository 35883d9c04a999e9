// SPDX-License-Identifier: Apache-2.0
// Judges the volumes of a pod. Sources that no node of this control plane can mount are judged only by
// what they must name; the rest as the API server does.
import type { ObjectMeta, Volume } from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from '../../objects/field-error.ts'
import { nanosOf } from '../canonical-quantity.ts'
import { dnsSubdomainFaults } from '../meta/name-rules.ts'
import {
  validateDescendingPath,
  validateFileMode,
  validateNoBacksteps,
} from '../meta/validate-paths.ts'
import { validateDnsLabel, validateDnsSubdomain, validateOneOf } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'
import { validateClaimTemplate } from '../storage/validate-claim-spec.ts'
import {
  validateConfigMapVolume,
  validateDownwardFile,
  validateProjected,
  validateSecretVolume,
} from './validate-projected.ts'

/** What a pod's volumes are judged by, and what is known of them afterwards. */
export interface VolumeRules {
  readonly isPod: boolean
  /** Undefined in a template. */
  readonly metadata: ObjectMeta | undefined
  /** The well-formed ones are added here by name. */
  readonly wellFormed: Map<string, Volume>
}

export function* validateVolumes(
  volumes: readonly Volume[] | undefined,
  path: string,
  rules: VolumeRules,
): Iterable<FieldError> {
  const list = listOf(volumes)
  const { wellFormed, metadata } = rules
  for (const [index, volume] of list.entries()) {
    const at = `${path}[${index}]`
    const name = textOf(volume.name)
    const faults = [...validateSources(volume, at, rules)]
    if (name === '') faults.push(required(`${at}.name`))
    else faults.push(...validateDnsLabel(name, `${at}.name`))
    if (wellFormed.has(name)) faults.push(duplicate(`${at}.name`, name))
    if (faults.length === 0) wellFormed.set(name, volume)
    else yield* faults
    const claim = volume.persistentVolumeClaim?.claimName
    const isMade = list.some(
      (other) => !isMissing(other.ephemeral) && claim === `${metadata?.name}-${other.name}`,
    )
    if (claim !== undefined && metadata?.name !== undefined && isMade) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume'
      yield invalidValue(`${at}.persistentVolumeClaim.claimName`, claim, why)
    }
  }
}

/** Kinds of source in the order in which they are looked at. */
const kinds = (
  'emptyDir hostPath gitRepo gcePersistentDisk awsElasticBlockStore secret nfs iscsi glusterfs ' +
  'flocker persistentVolumeClaim rbd cinder cephfs quobyte downwardAPI fc flexVolume configMap ' +
  'azureFile vsphereVolume photonPersistentDisk portworxVolume azureDisk storageos projected ' +
  'scaleIO csi ephemeral image'
).split(' ') as (keyof Volume)[]

/** Names that a message has for a kind, where they are not the field's. */
const shownAs: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' }

function* validateSources(volume: Volume, path: string, rules: VolumeRules): Iterable<FieldError> {
  let count = 0
  for (const kind of kinds) {
    const source = volume[kind]
    if (isMissing(source)) continue
    count++
    if (count > 1 && kind !== 'emptyDir') {
      yield forbiddenField(
        `${path}.${shownAs[kind] ?? kind}`,
        'may not specify more than 1 volume type',
      )
    } else {
      const rule = sourceRules[kind]
      if (rule) yield* rule(source as never, `${path}.${kind}`, { volume, path, rules })
      yield* validateNamed(kind, source, `${path}.${kind}`)
    }
  }
  if (count === 0) yield required(path, 'must specify a volume type')
}

interface Around {
  readonly volume: Volume
  readonly path: string
  readonly rules: VolumeRules
}

const hostPathTypes =
  ' BlockDevice CharDevice Directory DirectoryOrCreate File FileOrCreate Socket'.split(' ')

const sourceRules: {
  readonly [K in keyof Volume]?: (
    source: NonNullable<Volume[K]>,
    path: string,
    around: Around,
  ) => Iterable<FieldError>
} = {
  emptyDir: function* (source, path) {
    const nanos = isMissing(source.sizeLimit) ? 0n : nanosOf(source.sizeLimit)
    if (nanos !== undefined && nanos >= 0n) return
    yield forbiddenField(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')
  },
  hostPath: function* (source, path) {
    if (textOf(source.path) === '') {
      yield required(`${path}.path`)
      return
    }
    yield* validateNoBacksteps(source.path, `${path}.path`)
    yield* validateOneOf(source.type, `${path}.type`, { supported: hostPathTypes })
  },
  gitRepo: function* (source, path) {
    if (textOf(source.repository) === '') yield required(`${path}.repository`)
    yield* validateDescendingPath(textOf(source.directory), `${path}.directory`)
  },
  nfs: function* (source, path) {
    if (textOf(source.server) === '') yield required(`${path}.server`)
    if (textOf(source.path) === '') yield required(`${path}.path`)
    if (!textOf(source.path).startsWith('/')) {
      yield invalidValue(`${path}.path`, textOf(source.path), 'must be an absolute path')
    }
  },
  secret: validateSecretVolume,
  configMap: validateConfigMapVolume,
  projected: validateProjected,
  downwardAPI: function* (source, path) {
    yield* validateFileMode(source.defaultMode, `${path}.defaultMode`)
    for (const file of listOf(source.items)) yield* validateDownwardFile(file, path)
  },
  csi: function* (source, path) {
    const driver = textOf(source.driver)
    if (driver === '') yield required(`${path}.driver`)
    else {
      if (driver.length > 63) yield tooLong(`${path}.driver`, 63)
      for (const fault of dnsSubdomainFaults(driver.toLowerCase())) {
        yield invalidValue(`${path}.driver`, driver, fault)
      }
    }
    if (isMissing(source.nodePublishSecretRef)) return
    const name = textOf(source.nodePublishSecretRef.name)
    if (name === '') yield required(`${path}.nodePublishSecretRef.name`)
    else yield* validateDnsSubdomain(name, `${path}.name`)
  },
  ephemeral: function* (source, path, { volume, rules }) {
    const template = source.volumeClaimTemplate
    if (!isRecord(template)) yield required(`${path}.volumeClaimTemplate`)
    else yield* validateClaimTemplate(template, `${path}.volumeClaimTemplate`)
    const name = rules.metadata?.name
    if (name === undefined || textOf(volume.name) === '') return
    const claim = `${name}-${volume.name}`
    for (const fault of dnsSubdomainFaults(claim)) {
      yield invalidValue(`${path}.name`, volume.name, `PVC name ${JSON.stringify(claim)}: ${fault}`)
    }
  },
  image: function* (source, path, { rules }) {
    if (rules.isPod && textOf(source.reference) === '') yield required(`${path}.reference`)
    const policy = textOf(source.pullPolicy)
    if (policy === '') yield required(`${path}.pullPolicy`)
    else if (!pullPolicies.includes(policy)) {
      yield notSupported(`${path}.pullPolicy`, policy, pullPolicies)
    }
  },
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never']

/** Fields without which a source of the kind cannot be found. */
const mustName: Readonly<Record<string, readonly string[]>> = {
  awsElasticBlockStore: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  cephfs: ['monitors'],
  cinder: ['volumeID'],
  flexVolume: ['driver'],
  gcePersistentDisk: ['pdName'],
  glusterfs: ['endpoints', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  persistentVolumeClaim: ['claimName'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  vsphereVolume: ['volumePath'],
}

function* validateNamed(kind: string, source: unknown, path: string): Iterable<FieldError> {
  for (const field of mustName[kind] ?? []) {
    const value = (source as Readonly<Record<string, unknown>>)[field]
    const isEmpty = isMissing(value) || value === '' || (Array.isArray(value) && value.length === 0)
    if (isEmpty) yield required(`${path}.${field}`)
  }
}
