// SPDX-License-Identifier: Apache-2.0
// CertificateSigningRequests: who asked is what authentication says, and what was asked never changes.
import { X509Certificate } from 'node:crypto'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { dnsSubdomainFaults } from '../meta/name-rules.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'
import type { Strategy, StrategyContext } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { withField } from '../share-structure.ts'
import { parseCertificateRequest } from '../../certificates/certificate-request.ts'
import { unifiedDiff } from '../unified-diff.ts'
import { wireTime } from '../../../util/wire-time.ts'

type Request = CertificateSigningRequest
type Condition = CertificateSigningRequestCondition

export const signingRequestStrategy: Strategy = genericStrategy({
  nameRule: 'path-segment',
  newStatus: {},
  completeNew: (object, context) => withRequester(object, context),
  prepareForUpdate: (next, old, subresource, context) => {
    const [after, before] = [asKind<Request>(next), asKind<Request>(old)]
    const same = withField(withField(next, 'spec', old['spec']), 'status', old['status'])
    if (subresource === 'status') {
      const conditions = stamped(keepDecisions(after, before), before, context)
      return withField(same, 'status', { ...after.status, ...conditions })
    }
    if (subresource !== 'approval') return same
    const { conditions: _, ...status } = before.status ?? {}
    const conditions = stamped(listOf(after.status?.conditions), before, context)
    return withField(same, 'status', { ...status, ...conditions })
  },
  validate: (object) => validateRequest(asKind<Request>(object)),
  validateUpdate: (next, old, subresource) =>
    validateUpdate(asKind<Request>(next), asKind<Request>(old), subresource),
})

function withRequester(object: KubeObject, context: StrategyContext | undefined): KubeObject {
  const spec = asKind<Request>(object).spec
  if (!isRecord(spec)) return object
  const { username: _u, uid: _i, groups: _g, extra: _e, ...rest } = spec
  const user = context?.user
  if (user === undefined) return withField(object, 'spec', rest)
  const { name, uid, groups, extra = {} } = user
  return withField(object, 'spec', {
    ...rest,
    username: name,
    ...(uid !== undefined && uid !== '' && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(Object.keys(extra).length > 0 && { extra }),
  })
}

/** A status update cannot change what was approved or denied, only repeat it. */
function keepDecisions(next: Request, old: Request): readonly Condition[] {
  const before = listOf(old.status?.conditions)
  return listOf(next.status?.conditions).map((condition) => {
    if (condition.type !== 'Approved' && condition.type !== 'Denied') return condition
    return before.find(({ type }) => type === condition.type) ?? condition
  })
}

function stamped(
  conditions: readonly Condition[],
  old: Request,
  context: StrategyContext | undefined,
): { readonly conditions?: readonly Condition[] } {
  if (conditions.length === 0) return {}
  const now = wireTime(context?.nowMs ?? 0)
  return {
    conditions: conditions.map((condition) => {
      const before = listOf(old.status?.conditions).find(
        ({ status, type }) => type === condition.type && status === condition.status,
      )
      const { lastTransitionTime = before?.lastTransitionTime ?? now, lastUpdateTime = now } =
        condition
      return { ...condition, lastTransitionTime, lastUpdateTime }
    }),
  }
}

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

function* validateRequest({ spec, status }: Request): Iterable<FieldError> {
  yield* validateSpec(isRecord(spec) ? spec : { request: '', signerName: '' })
  yield* validateConditions(listOf(status?.conditions))
}

function* validateSpec(spec: CertificateSigningRequestSpec): Iterable<FieldError> {
  const pem = Buffer.from(textOf(spec.request), 'base64').toString()
  if (!/-----BEGIN CERTIFICATE REQUEST-----[\s\S]+-----END CERTIFICATE REQUEST-----/.test(pem)) {
    const why = 'PEM block type must be CERTIFICATE REQUEST'
    yield invalidValue('spec.request', textOf(spec.request), why)
  } else if (!parseCertificateRequest(pem)) {
    yield invalidValue('spec.request', textOf(spec.request), 'asn1: structure error')
  }
  const list = listOf(spec.usages)
  if (list.length === 0) yield required('spec.usages')
  for (const [index, usage] of list.entries()) {
    if (!usages.includes(usage)) yield notSupported(`spec.usages[${index}]`, usage, usages)
  }
  for (const [index, usage] of list.entries()) {
    if (list.indexOf(usage) < index) yield duplicate(`spec.usages[${index}]`, usage)
  }
  const signer = textOf(spec.signerName)
  if (signer === 'kubernetes.io/legacy-unknown') {
    const why = 'the legacy signerName is not allowed via this API version'
    yield invalidValue('spec.signerName', signer, why)
  } else yield* validateSigner(signer)
  const seconds = spec.expirationSeconds
  if (isMissing(seconds) || seconds >= 600) return
  const why = 'may not specify a duration less than 600 seconds (10 minutes)'
  yield invalidValue('spec.expirationSeconds', seconds, why)
}

function* validateSigner(name: string): Iterable<FieldError> {
  const path = 'spec.signerName'
  if (name === '') {
    yield required(path)
    return
  }
  const parts = name.split('/')
  if (parts.length !== 2) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
    yield invalidValue(path, name, why)
    return
  }
  const [domain = '', rest = ''] = parts
  if (!domain.includes('.')) {
    const why = 'should be a domain with at least two segments separated by dots'
    yield invalidValue(path, domain, why)
  }
  for (const fault of dnsSubdomainFaults(domain)) {
    yield invalidValue(path, domain, `validating label ${JSON.stringify(domain)}: ${fault}`)
  }
  for (const fault of dnsSubdomainFaults(rest)) {
    yield invalidValue(path, rest, `validating label ${JSON.stringify(rest)}: ${fault}`)
  }
}

const onlyTrue = new Set(['Approved', 'Denied', 'Failed'])

function* validateConditions(conditions: readonly Condition[]): Iterable<FieldError> {
  const path = 'status.conditions'
  const seen = new Set<string>()
  for (const [index, { status, type }] of conditions.entries()) {
    const at = `${path}[${index}]`
    if (textOf(type) === '') yield required(`${at}.type`)
    const allowed = onlyTrue.has(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (textOf(status) === '') yield required(`${at}.status`)
    else if (!allowed.includes(status)) yield notSupported(`${at}.status`, status, allowed)
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    if (other !== undefined && seen.has(other)) {
      yield invalidValue(path, type, 'Approved and Denied conditions are mutually exclusive')
    }
    if (seen.has(type)) yield duplicate(`${at}.type`, type)
    seen.add(type)
  }
}

function* validateUpdate(next: Request, old: Request, subresource: string): Iterable<FieldError> {
  const path = 'status.conditions'
  yield* validateConditions(listOf(next.status?.conditions))
  const [after, before] = [listOf(next.status?.conditions), listOf(old.status?.conditions)]
  for (const type of ['Approved', 'Denied', 'Failed']) {
    const [now, then] = [after, before].map((list) => list.filter((one) => one.type === type))
    if ((now?.length ?? 0) < (then?.length ?? 0)) {
      const why = `updates may not remove a condition of type ${JSON.stringify(type)}`
      yield forbiddenField(path, why)
    } else if (type !== 'Failed' && subresource !== 'approval') {
      if ((now?.length ?? 0) > (then?.length ?? 0)) {
        const why = `updates may not add a condition of type ${JSON.stringify(type)}`
        yield forbiddenField(path, why)
      } else if (!isSemanticallyEqual(now, then)) {
        const what = `updates may not modify a condition of type ${JSON.stringify(type)}`
        yield forbiddenField(path, `${what}\n${unifiedDiff(then, now)}`)
      }
    }
  }
  yield* validateCertificate(next, old, subresource)
}

function* validateCertificate(
  next: Request,
  old: Request,
  subresource: string,
): Iterable<FieldError> {
  const path = 'status.certificate'
  const [after, before] = [textOf(next.status?.certificate), textOf(old.status?.certificate)]
  if (after === before) return
  if (subresource !== 'status') {
    yield forbiddenField(path, 'updates may not set certificate content')
  } else if (before !== '') {
    yield forbiddenField(path, 'updates may not modify existing certificate content')
  } else {
    const why = certificateFault(Buffer.from(after, 'base64').toString())
    if (why !== undefined) yield invalidValue(path, '<certificate data>', why)
  }
}

function certificateFault(pem: string): string | undefined {
  const types = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, type]) => type)
  const other = types.find((type) => type !== 'CERTIFICATE')
  if (other !== undefined) {
    return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(other)}`
  }
  if (types.length === 0) return 'must contain at least one CERTIFICATE PEM block'
  try {
    return new X509Certificate(pem).serialNumber === '' ? 'x509: malformed certificate' : undefined
  } catch {
    return 'x509: malformed certificate'
  }
}
