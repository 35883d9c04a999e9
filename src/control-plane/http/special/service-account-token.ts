// SPDX-License-Identifier: Apache-2.0
// POST serviceaccounts/NAME/token: a token for a service account, bound to a pod if the request says so.
import type { TokenRequest } from '../../../kube/types.gen.ts'
import { validateByAdmission } from '../../api/admit.ts'
import type { AccessControl } from '../../auth/access-control.ts'
import { answerTokenRequest, completeTokenRequest } from '../../auth/token-request.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import type { ResourceRequest, VerbContext } from '../read-verbs.ts'
import { isDryRun, readObject } from '../request-body.ts'

const tokenRequestKind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }

export async function answerTokens(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
  { authenticator }: AccessControl,
): Promise<void> {
  const { namespace, name } = target
  const given = await readObject(exchange, tokenRequestKind)
  const context = {
    store: core.store,
    nowMs: core.clock.nowMs(),
    tokens: authenticator.tokens,
    audiences: authenticator.audiences,
  }
  const account = { namespace, name }
  const request = completeTokenRequest(given as unknown as TokenRequest, account, context)
  validateByAdmission(core, {
    ...target,
    resource,
    user: exchange.user,
    operation: 'CREATE',
    object: request as unknown as KubeObject,
    old: undefined,
    isDryRun: isDryRun(exchange.info.query),
  })
  exchange.sendJson(201, answerTokenRequest(request, account, context))
}
