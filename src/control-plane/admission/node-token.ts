// SPDX-License-Identifier: Apache-2.0
// A node gets tokens of service accounts only for pods that run on it, and only for audiences that the
// pod's own volumes name.
import type { Pod, TokenRequest } from '../../kube/types.gen.ts'
import { resourceAttributes } from '../auth/authorizer.ts'
import { storedObject } from '../auth/stored-object.ts'
import { notFound } from '../objects/api-status.ts'
import { forbid } from './forbid.ts'
import type { NodeRequest } from './node-request.ts'

/** Throws StatusError unless the node may have the token. */
export function checkNodeToken(nodeRequest: NodeRequest): void {
  const { context, node, request } = nodeRequest
  const { spec } = request.object as unknown as TokenRequest
  const bound = spec.boundObjectRef
  const name = bound?.name ?? ''
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || name === '') {
    throw forbid(request, 'node requested token not bound to a pod')
  }
  if ((bound.uid ?? '') === '') {
    throw forbid(request, 'node requested token with a pod binding without a uid')
  }
  const { namespace } = request
  const pod = storedObject<Pod>(context.store, 'pods', { namespace, name })
  if (!pod) throw notFound({ group: '', plural: 'pods' }, name)
  if (bound.uid !== pod.metadata.uid) {
    const why = `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`
    throw forbid(request, why)
  }
  if (pod.spec?.nodeName !== node) {
    throw forbid(request, 'node requested token bound to a pod scheduled on a different node')
  }
  checkAudience(spec.audiences ?? [], pod, nodeRequest)
}

function checkAudience(wanted: readonly string[], pod: Pod, nodeRequest: NodeRequest): void {
  const { audiences, authorizer, request } = nodeRequest
  // No audience means this server's own, and is so in a volume as well.
  const isDefault = wanted.every((one) => audiences.includes(one))
  if (wanted.length > 1 && !isDefault) {
    throw forbid(request, 'node may only request 0 or 1 audiences')
  }
  const [audience = ''] = wanted
  const named = (pod.spec?.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
      token ? [token.audience ?? ''] : [],
    ),
  )
  if (named.includes(audience) || (isDefault && named.includes(''))) return
  const attributes = resourceAttributes({
    verb: 'request-serviceaccounts-token-audience',
    resource: audience,
    namespace: request.namespace,
    name: request.name,
  })
  if (authorizer.authorize(request.user, attributes).allowed) return
  const why = `audience ${JSON.stringify(audience)} not found in pod spec volume, ${request.user.name} is not authorized to request tokens for this audience`
  throw forbid(request, why)
}
