// SPDX-License-Identifier: Apache-2.0
// Nothing is made in a namespace that is not there or is going, and the cluster's own are not deleted.
import type { Namespace } from '../../kube/types.gen.ts'
import { storedObject } from '../auth/stored-object.ts'
import { forbidden, notFound } from '../objects/api-status.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { forbidBecause } from './forbid.ts'

const immortal: readonly string[] = ['default', 'kube-system', 'kube-public']
const namespaces = { group: '', plural: 'namespaces' }

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  mutate(object, request, context) {
    check(request, context)
    return object
  },
  validate: check,
}

function check(request: AdmissionRequest, { store }: AdmissionContext): void {
  const { namespace, operation, resource } = request
  if (resource.group === '' && resource.plural === 'namespaces') {
    if (operation !== 'DELETE' || !immortal.includes(request.name)) return
    throw forbidden(namespaces, request.name, 'this namespace may not be deleted')
  }
  const isJudged = operation === 'CREATE' || operation === 'UPDATE'
  // An answer about the namespace would tell people who may not know whether it is there.
  if (!isJudged || namespace === '' || resource.plural === 'localsubjectaccessreviews') return
  const found = storedObject<Namespace>(store, 'namespaces', { namespace: '', name: namespace })
  if (!found) throw notFound(namespaces, namespace)
  if (operation !== 'CREATE' || found.status?.phase !== 'Terminating') return
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  throw forbidBecause(request, why, {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  })
}
