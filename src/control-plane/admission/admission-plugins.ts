// SPDX-License-Identifier: Apache-2.0
// The admission plugins of this control plane, in the order in which they are asked: those that a real
// API server has on by default, as far as their kinds are served here.
import type { AccessControl } from '../auth/access-control.ts'
import type { AdmissionPlugin } from './admission.ts'
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { nodeRestriction } from './node-restriction.ts'
import { nodeDeclaredFeatures, podResize } from './pod-resize.ts'
import { podSecurity } from './pod-security.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'
import { priority } from './priority.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { taintNodesByCondition } from './taint-new-nodes.ts'

export function createAdmissionPlugins({
  authenticator,
  authorizer,
  rbac,
}: Pick<AccessControl, 'authenticator' | 'authorizer' | 'rbac'>): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle,
    limitRanger,
    serviceAccount,
    nodeRestriction({ authorizer, audiences: authenticator.audiences }),
    taintNodesByCondition,
    podSecurity,
    priority,
    defaultTolerationSeconds,
    runtimeClass,
    certificateApproval(authorizer),
    certificateSigning(authorizer),
    certificateSubjectRestriction,
    podTopologyLabels,
    nodeDeclaredFeatures,
    podResize,
    rbacEscalation({ authorizer, rbac }),
    resourceQuota,
  ]
}
