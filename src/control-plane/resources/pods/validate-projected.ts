// SPDX-License-Identifier: Apache-2.0
// Judges volumes whose files come from objects of the API: secrets, configmaps, the pod itself, tokens.
import type {
  ConfigMapVolumeSource,
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { validateFileMode, validateUnreservedPath } from '../meta/validate-paths.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import { validateFieldRef, validateResourceField, volumeFields } from './validate-env.ts'

export function* validateSecretVolume(
  source: SecretVolumeSource,
  path: string,
): Iterable<FieldError> {
  if (textOf(source.secretName) === '') yield required(`${path}.secretName`)
  yield* validateFileMode(source.defaultMode, `${path}.defaultMode`)
  yield* validateItems(source.items, `${path}.items`)
}

export function* validateConfigMapVolume(
  source: ConfigMapVolumeSource,
  path: string,
): Iterable<FieldError> {
  if (textOf(source.name) === '') yield required(`${path}.name`)
  yield* validateFileMode(source.defaultMode, `${path}.defaultMode`)
  yield* validateItems(source.items, `${path}.items`)
}

export function* validateDownwardFile(
  file: DownwardAPIVolumeFile,
  path: string,
): Iterable<FieldError> {
  if (textOf(file.path) === '') yield required(`${path}.path`)
  yield* validateUnreservedPath(textOf(file.path), `${path}.path`)
  const { fieldRef, resourceFieldRef } = file
  if (!isMissing(fieldRef)) {
    yield* validateFieldRef(fieldRef, `${path}.fieldRef`, volumeFields)
    if (!isMissing(resourceFieldRef)) {
      const why = 'fieldRef and resourceFieldRef can not be specified simultaneously'
      yield invalidValue(path, 'resource', why)
    }
  } else if (!isMissing(resourceFieldRef)) {
    yield* validateResourceField(resourceFieldRef, `${path}.resourceFieldRef`, true)
  } else yield required(path, 'one of fieldRef and resourceFieldRef is required')
  yield* validateFileMode(file.mode, `${path}.mode`)
}

export function* validateProjected(
  projected: ProjectedVolumeSource,
  path: string,
): Iterable<FieldError> {
  yield* validateFileMode(projected.defaultMode, `${path}.defaultMode`)
  const taken = new Set<string>()
  for (const [index, source] of listOf(projected.sources).entries()) {
    const at = `${path}.sources[${index}]`
    yield* validateObjects(source, at, { path, taken })
    if (!isMissing(source.serviceAccountToken)) {
      yield* validateToken(source.serviceAccountToken, `${at}.serviceAccountToken`, path)
    }
    const count = projectionKinds.filter((kind) => !isMissing(source[kind])).length
    if (count > 1) yield forbiddenField(at, 'may not specify more than 1 volume type per source')
  }
}

const projectionKinds = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken'] as const

/** The volume that a source is part of, and the paths that are taken there. */
interface Whole {
  readonly path: string
  readonly taken: Set<string>
}

function* validateObjects(
  source: VolumeProjection,
  path: string,
  whole: Whole,
): Iterable<FieldError> {
  for (const kind of ['secret', 'configMap'] as const) {
    const object = source[kind]
    if (isMissing(object)) continue
    if (textOf(object.name) === '') yield required(`${path}.${kind}.name`)
    for (const [index, item] of listOf(object.items).entries()) {
      yield* validateItem(item, `${path}.${kind}.items[${index}]`)
      yield* takePath(textOf(item.path), whole, textOf(object.name))
    }
  }
  for (const file of listOf(source.downwardAPI?.items)) {
    yield* validateDownwardFile(file, `${path}.downwardAPI`)
    yield* takePath(textOf(file.path), whole)
  }
}

function* takePath(
  text: string,
  { path, taken }: Whole,
  shown: string = text,
): Iterable<FieldError> {
  if (text === '') return
  if (taken.has(text)) yield invalidValue(path, shown, 'conflicting duplicate paths')
  taken.add(text)
}

function* validateToken(
  token: ServiceAccountTokenProjection,
  path: string,
  volumePath: string,
): Iterable<FieldError> {
  const seconds = token.expirationSeconds ?? 0
  const at = `${path}.expirationSeconds`
  if (seconds < 600) {
    yield invalidValue(at, seconds, 'may not specify a duration less than 10 minutes')
  }
  if (seconds > 2 ** 32) {
    yield invalidValue(at, seconds, 'may not specify a duration larger than 2^32 seconds')
  }
  const file = textOf(token.path)
  if (file === '') yield required(`${volumePath}.path`)
  else yield* validateUnreservedPath(file, `${volumePath}.path`)
}

function* validateItems(
  items: readonly KeyToPath[] | undefined,
  path: string,
): Iterable<FieldError> {
  for (const [index, item] of listOf(items).entries()) {
    yield* validateItem(item, `${path}[${index}]`)
  }
}

function* validateItem(item: KeyToPath, path: string): Iterable<FieldError> {
  if (textOf(item.key) === '') yield required(`${path}.key`)
  if (textOf(item.path) === '') yield required(`${path}.path`)
  yield* validateUnreservedPath(textOf(item.path), `${path}.path`)
  yield* validateFileMode(item.mode, `${path}.mode`)
}
