// SPDX-License-Identifier: Apache-2.0
// Each namespace has a service account `default`, which pods get that name none.
import { serviceAccounts } from '../../../kube/resources.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { startFurniture } from './namespace-furniture.ts'

const name = 'default'

/** Starts the controller that makes the service account `default` in each namespace. */
export function startServiceAccountController(context: ControllerContext): AsyncDisposable {
  return startFurniture(context, {
    controller: 'service-accounts',
    resource: serviceAccounts,
    name,
    ensure: async (namespace, found) => {
      if (!found) await context.api.create(serviceAccounts, { metadata: { namespace, name } })
    },
  })
}
