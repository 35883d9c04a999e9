// SPDX-License-Identifier: Apache-2.0
// Pod Security admission: pods that violate the level that their namespace enforces are refused, others
// and the templates of workloads are warned of, and a namespace that becomes stricter is told which of
// its pods would not be let in again. Nobody is exempt; nothing is audited, for there is no audit log.
import type { Container, Namespace, Pod, PodSpec } from '../../kube/types.gen.ts'
import { storedObject, storedObjects } from '../auth/stored-object.ts'
import { invalid } from '../objects/api-status.ts'
import { deepEqual } from '../objects/deep-equal.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { forbid, targetOf } from './forbid.ts'
import { detailText, evaluatePod } from './pod-security/evaluate-pod.ts'
import { namespaceWarnings } from './pod-security/namespace-warnings.ts'
import type { PodLike } from './pod-security/pod-check.ts'
import { isStricter, policyOf, policyText } from './pod-security/policy.ts'

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  validate(request, context) {
    if (!request.object || request.operation === 'DELETE') return
    const { resource, subresource } = request
    if (resource.storage === 'pods') {
      if (!untouched.includes(subresource)) judgePod(request, context)
    } else if (targetOf(request) === 'namespaces') {
      judgeNamespace(request, context)
    } else if (subresource === '' && makers.includes(resource.storage)) {
      judgeTemplate(request, context)
    }
  },
}

/** Subresources that leave a pod's spec alone. */
const untouched = ['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']

/** What holds a template of pods. */
const makers = [
  'podtemplates',
  'replicasets.apps',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
]

function judgePod(request: AdmissionRequest, context: AdmissionContext): void {
  const { policy } = policyFor(request, context)
  const pod = request.object as unknown as Pod
  const old = request.old as unknown as Pod | undefined
  if (old && !isSignificant(pod.spec, old.spec)) return
  const like = podLike(pod)
  const violations = evaluatePod(policy.enforce, like)
  if (violations.length > 0) {
    const why = `violates PodSecurity "${policyText(policy.enforce)}": ${detailText(violations)}`
    throw forbid(request, why)
  }
  warnOf(like, policy.warn, context)
}

function judgeTemplate(request: AdmissionRequest, context: AdmissionContext): void {
  const { policy } = policyFor(request, context)
  const template = templateOf(request)
  if (template?.spec) warnOf(podLike(template), policy.warn, context)
}

function warnOf(
  pod: PodLike,
  level: Parameters<typeof evaluatePod>[0],
  { warn }: AdmissionContext,
): void {
  const violations = evaluatePod(level, pod)
  if (violations.length === 0) return
  warn(`would violate PodSecurity "${policyText(level)}": ${detailText(violations)}`)
}

/** Labels that say nothing sensible are refused where they are new. */
function judgeNamespace(request: AdmissionRequest, context: AdmissionContext): void {
  const { metadata } = request.object as unknown as Namespace
  const next = policyOf(metadata.labels)
  const old = request.old && policyOf(request.old.metadata.labels)
  if (next.errors.length > 0 && !(old && deepEqual(next.errors, old.errors))) {
    throw invalid(request.resource, request.name, next.errors)
  }
  if (!old) return
  const { enforce } = next.policy
  const was = old.policy.enforce
  if (enforce.level === 'privileged' || deepEqual(enforce, was)) return
  if (enforce.version === was.version && !isStricter(enforce, was)) return
  const pods = storedObjects<Pod>(context.store, 'pods', metadata.name ?? '')
  for (const warning of namespaceWarnings(metadata.name ?? '', { enforce, pods: [...pods] })) {
    context.warn(warning)
  }
}

/** Where the namespace is not there somebody else has said so. */
function policyFor({ namespace: name }: AdmissionRequest, { store }: AdmissionContext) {
  const at = { namespace: '', name }
  return policyOf(storedObject<Namespace>(store, 'namespaces', at)?.metadata.labels)
}

/** Of what an update can change, only containers and their images matter. */
function isSignificant(next: PodSpec, old: PodSpec): boolean {
  const has = (spec: PodSpec) => [spec.containers ?? [], spec.initContainers ?? []]
  const isOther = has(next).some((list, index) => {
    const before = has(old)[index] ?? []
    return (
      list.length !== before.length || list.some(({ image }, at) => image !== before[at]?.image)
    )
  })
  const ofOld = (old.ephemeralContainers ?? []) as readonly Container[]
  return (
    isOther ||
    ((next.ephemeralContainers ?? []) as readonly Container[]).some(
      ({ name, image }) => ofOld.find((one) => one.name === name)?.image !== image,
    )
  )
}

interface Template {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: PodSpec
}

function podLike({ metadata, spec }: Template): PodLike {
  return { annotations: metadata?.annotations ?? {}, spec: spec ?? { containers: [] } }
}

function templateOf({ object, resource }: AdmissionRequest): Template | undefined {
  const { template, spec } = object as unknown as {
    readonly template?: Template
    readonly spec?: {
      readonly template?: Template
      readonly jobTemplate?: { readonly spec?: { readonly template?: Template } }
    }
  }
  if (resource.storage === 'podtemplates') return template
  return spec?.jobTemplate ? spec.jobTemplate.spec?.template : spec?.template
}
