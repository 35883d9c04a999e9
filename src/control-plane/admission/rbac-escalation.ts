// SPDX-License-Identifier: Apache-2.0
// The check that nobody grants more than he has, at the place where every write passes.
import type { EscalationContext } from '../auth/rbac/escalation.ts'
import { checkEscalation } from '../auth/rbac/escalation.ts'
import { rbacGroup } from '../auth/rbac/rbac-resources.ts'
import type { AdmissionPlugin } from './admission.ts'

export function rbacEscalation(context: EscalationContext): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    validate({ name, namespace, object, old, resource, subresource, user }) {
      if (resource.group !== rbacGroup || subresource !== '' || !object) return
      const { plural } = resource
      checkEscalation({ user, plural, namespace, name, object, old }, context)
    },
  }
}
