// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../util/fake-clock.ts'
import { createAccessControl } from '../auth/access-control.ts'
import { openAuthority } from '../certificates/authority.ts'
import { ServiceAccountKeys } from '../certificates/service-account-keys.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { createAdmissionPlugins } from './admission-plugins.ts'
import { rbacEscalation } from './rbac-escalation.ts'

async function openAccess() {
  const clock = new FakeClock()
  const { certificate } = await openAuthority(undefined, { clock })
  const keys = await ServiceAccountKeys.open(undefined)
  return createAccessControl({ authority: certificate, keys, store: createMemoryStore(), clock })
}

test('asks the plugins in the order of a real API server', async () => {
  using access = await openAccess()
  assert.deepEqual(
    createAdmissionPlugins(access).map(({ name }) => name),
    [
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
      'NodeRestriction',
      'TaintNodesByCondition',
      'PodSecurity',
      'Priority',
      'DefaultTolerationSeconds',
      'RuntimeClass',
      'CertificateApproval',
      'CertificateSigning',
      'CertificateSubjectRestriction',
      'PodTopologyLabels',
      'NodeDeclaredFeatureValidator',
      'PodResizeValidator',
      'RBACEscalation',
      'ResourceQuota',
    ],
  )
})

test('checks roles wherever they are written, and nothing else', async () => {
  using access = await openAccess()
  const { validate } = admissionBench(rbacEscalation(access))
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]
  const object = { metadata: { name: 'r', namespace: 'default' }, rules }
  const target = 'roles.rbac.authorization.k8s.io'
  assert.throws(() => validate({ target, object }), /not currently held/)
  assert.throws(() => validate({ target, object, old: { ...object, rules: [] } }), /not currently/)
  validate({ target, object, user: { name: 'root', groups: ['system:masters'] } })
  validate({ target, operation: 'DELETE', old: object })
  validate({ target: 'configmaps', object })
})
