// SPDX-License-Identifier: Apache-2.0
// Runs the admission plugins over a request: all that complete the object first, then, on the result,
// all that judge it.
import type { AdmissionContext, AdmissionRequest } from '../admission/admission.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { ApiCore } from './api-core.ts'

type Warn = AdmissionContext['warn']

export function mutateByAdmission(core: ApiCore, request: AdmissionRequest): KubeObject {
  const context = contextOf(core)
  let object = request.object
  if (object === undefined) throw new Error('Cannot complete an object that is not there')
  for (const plugin of core.admission) {
    if (plugin.mutate) object = plugin.mutate(object, { ...request, object }, context)
  }
  return object
}

export function validateByAdmission(core: ApiCore, request: AdmissionRequest, warn?: Warn): void {
  const context = contextOf(core, warn)
  for (const plugin of core.admission) plugin.validate?.(request, context)
}

function contextOf({ store, clock }: ApiCore, warn: Warn = () => {}): AdmissionContext {
  return { store, nowMs: clock.nowMs(), warn }
}
