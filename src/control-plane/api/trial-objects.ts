// SPDX-License-Identifier: Apache-2.0
// What this API server would refuse in objects, without a server: the same decoding, defaults and
// validation as a create over HTTPS, on a store that nobody sees.
import type { Pod } from '../../kube/types.gen.ts'
import { systemClock } from '../../util/clock.ts'
import { podSecurity } from '../admission/pod-security.ts'
import { StatusError } from '../objects/api-status.ts'
import { apiVersionOf, resourceDefinitions, resourceOfKind } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { decodeObject } from '../schema/decode-object.ts'
import { schemaOf } from '../schema/schema-of.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import type { ApiCore } from './api-core.ts'
import { createObject } from './create-object.ts'
import { serviceAllocations } from './service-allocations.ts'

/** What is wrong with an object. */
export interface TrialFault {
  /** Such as `spec.containers[0].name`; left out for what belongs to no single field. */
  readonly field?: string
  readonly why: string
}

const quiet = {
  user: { name: 'trial', groups: ['system:masters'] },
  isDryRun: true,
  warn: (): void => {},
}

/** The objects of one cluster that is made up for asking. */
export class TrialObjects {
  readonly #core: ApiCore

  constructor() {
    const store = createMemoryStore()
    const admission = [podSecurity]
    this.#core = { store, clock: systemClock, admission, allocate: serviceAllocations(store) }
  }

  /** Keeps a Namespace, whose labels say what its pods may ask for; one that is refused is not kept. */
  addNamespace(namespace: object): void {
    const resource = resourceOfKind('v1', 'Namespace')
    const schema = schemaOf('v1', 'Namespace')
    if (!resource || !schema) return
    try {
      const { object } = decoded(namespace, { resource, schema })
      createObject(this.#core, { resource, namespace: '' }, object, { ...quiet, isDryRun: false })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }

  /**
   * All that keeps the object from being created with `fieldValidation=Strict`; nothing when it would be
   * taken. Undefined for kinds that are not served in any version. Of admission Pod Security is asked, and not what only
   * a real cluster knows (its accounts, its quotas).
   */
  faultsOf(apiVersion: string, kind: string, value: object): readonly TrialFault[] | undefined {
    const resource = resourceOfKind(apiVersion, kind)
    const schema = resource && schemaOf(apiVersion, kind)
    if (!resource || !schema) return misplaced(apiVersion, kind)
    const faults: TrialFault[] = []
    try {
      const { object, warnings } = decoded(value, { resource, schema })
      faults.push(...warnings.map((why) => ({ why })))
      const namespace = resource.isNamespaced ? (object.metadata.namespace ?? 'default') : ''
      createObject(this.#core, { resource, namespace }, object, quiet)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      // A Namespace that was added before is there.
      if (error.reason !== 'AlreadyExists') faults.push(...faultsIn(error))
    }
    return faults
  }
}

/** A kind of Kubernetes' own that is served, but not there; others may have one of that name. */
function misplaced(apiVersion: string, kind: string): readonly TrialFault[] | undefined {
  const [group = ''] = apiVersion.split('/', 1)
  if (group.includes('.') && !group.endsWith('.k8s.io')) return undefined
  const served = resourceDefinitions.filter((one) => one.kind === kind).map(apiVersionOf)
  if (served.length === 0) return undefined
  const where = [...new Set(served)].join(' or ')
  return [{ field: 'apiVersion', why: `there is no ${kind} in ${apiVersion}; it is in ${where}` }]
}

/** The pod as the API server reads it, without what it does not know; or why it cannot be read. */
export function readPod(pod: object): Pod | string {
  const schema = schemaOf('v1', 'Pod')
  if (!schema) return 'pods are not served'
  try {
    const value = { apiVersion: 'v1', kind: 'Pod', ...pod }
    return decodeObject(JSON.stringify(value), schema).object as unknown as Pod
  } catch (error) {
    if (error instanceof StatusError) return error.message
    throw error
  }
}

function decoded(
  value: object,
  { resource, schema }: { readonly resource: ResourceDefinition; readonly schema: TypeSchema },
) {
  // Strict would stop at unknown fields; so the same come as warnings, and the rest is judged as well.
  const options = { apiVersion: apiVersionOf(resource), fieldValidation: 'Warn' as const }
  return decodeObject(JSON.stringify(value), schema, options)
}

function faultsIn({ status }: StatusError): readonly TrialFault[] {
  const causes = status.details?.causes ?? []
  if (causes.length === 0) return [{ why: status.message }]
  return causes.map(({ field, message = '' }) => ({
    ...(field !== undefined && { field }),
    why: message,
  }))
}
