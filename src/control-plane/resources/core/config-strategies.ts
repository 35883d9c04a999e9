// SPDX-License-Identifier: Apache-2.0
// ConfigMaps and Secrets: keys, sizes, and what may not change any more.
import type { ConfigMap, Secret } from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  required,
  tooLong,
  type FieldError,
} from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { configKeyFaults } from '../meta/name-rules.ts'
import { isImmutable } from '../meta/validate-values.ts'
import { mapOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { withDefaults } from '../share-structure.ts'

export const configMapStrategy: Strategy = genericStrategy({
  validate: (object) => validateConfigMap(asKind<ConfigMap>(object)),
  validateUpdate: function* (next, old) {
    yield* validateFrozen(next, old, ['data', 'binaryData'])
    yield* validateConfigMap(asKind<ConfigMap>(next))
  },
})

export const secretStrategy: Strategy = genericStrategy({
  applyDefaults: (object) => {
    const typed = withDefaults<KubeObject>(object, { type: 'Opaque' })
    return withStringData(typed)
  },
  validate: (object) => validateSecret(asKind<Secret>(object)),
  validateUpdate: function* (next, old) {
    if (next['type'] !== old['type']) yield invalidValue('type', next['type'], isImmutable)
    yield* validateFrozen(next, old, ['data'])
    yield* validateSecret(asKind<Secret>(next))
  },
})

/** `stringData` is a way to write only: it is what `data` becomes. */
function withStringData(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object
  if (stringData === undefined) return object
  const data: Record<string, string> = { ...asKind<Secret>(object).data }
  const texts = mapOf(stringData as Readonly<Record<string, string>>)
  for (const key in texts) data[key] = Buffer.from(textOf(texts[key])).toString('base64')
  return { ...rest, data }
}

const maxBytes = 1024 * 1024

function* validateConfigMap({ data, binaryData }: ConfigMap): Iterable<FieldError> {
  const texts = mapOf(data)
  const bytes = mapOf(binaryData)
  let size = 0
  for (const key in texts) {
    for (const fault of configKeyFaults(key)) yield invalidValue(`data[${key}]`, key, fault)
    if (bytes[key] !== undefined) {
      yield invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')
    }
    size += Buffer.byteLength(textOf(texts[key]))
  }
  for (const key in bytes) {
    for (const fault of configKeyFaults(key)) yield invalidValue(`binaryData[${key}]`, key, fault)
    size += decodedLength(bytes[key])
  }
  if (size > maxBytes) yield tooLong('[]', maxBytes)
}

function decodedLength(base64: string | undefined): number {
  const text = textOf(base64)
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor((text.length * 3) / 4) - padding
}

const nameAnnotation = 'kubernetes.io/service-account.name'

function* validateSecret(secret: Secret): Iterable<FieldError> {
  const data = mapOf(secret.data)
  let size = 0
  for (const key in data) {
    for (const fault of configKeyFaults(key)) yield invalidValue(`data[${key}]`, key, fault)
    size += decodedLength(data[key])
  }
  if (size > maxBytes) yield tooLong('data', maxBytes)
  const missing = (key: string): boolean => data[key] === undefined
  switch (secret.type) {
    case 'kubernetes.io/service-account-token':
      if (textOf(secret.metadata.annotations?.[nameAnnotation]) === '') {
        yield required(`metadata.annotations[${nameAnnotation}]`)
      }
      break
    case 'kubernetes.io/dockercfg':
      yield* validateDockerConfig(data, '.dockercfg')
      break
    case 'kubernetes.io/dockerconfigjson':
      yield* validateDockerConfig(data, '.dockerconfigjson')
      break
    case 'kubernetes.io/basic-auth':
      if (missing('username') && missing('password')) {
        yield required('data[username]')
        yield required('data[password]')
      }
      break
    case 'kubernetes.io/ssh-auth':
      if (textOf(data['ssh-privatekey']) === '') yield required('data[ssh-privatekey]')
      break
    case 'kubernetes.io/tls':
      for (const key of ['tls.crt', 'tls.key']) if (missing(key)) yield required(`data[${key}]`)
      break
    default:
  }
}

function* validateDockerConfig(
  data: Readonly<Record<string, string>>,
  key: string,
): Iterable<FieldError> {
  const path = `data[${key}]`
  if (data[key] === undefined) {
    yield required(path)
    return
  }
  const why = jsonFault(Buffer.from(textOf(data[key]), 'base64').toString())
  if (why !== undefined) yield invalidValue(path, '<secret contents redacted>', why)
}

/** The API server's words, as far as they do not depend on its parser. */
function jsonFault(text: string): string | undefined {
  if (text === '') return 'unexpected end of JSON input'
  try {
    const value: unknown = JSON.parse(text)
    const isMap = typeof value === 'object' && !Array.isArray(value)
    const kind = Array.isArray(value) ? 'array' : typeof value
    return isMap
      ? undefined
      : `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`
  } catch {
    const first = text.trimStart().charAt(0)
    return `invalid character '${first}' looking for beginning of value`
  }
}

function* validateFrozen(
  next: KubeObject,
  old: KubeObject,
  fields: readonly string[],
): Iterable<FieldError> {
  if (old['immutable'] !== true) return
  const why = 'field is immutable when `immutable` is set'
  if (next['immutable'] !== true) yield forbiddenField('immutable', why)
  for (const field of fields) {
    if (!isSemanticallyEqual(next[field], old[field])) yield forbiddenField(field, why)
  }
}
