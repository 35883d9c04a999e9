// SPDX-License-Identifier: Apache-2.0
// The defaults of a claim's spec, wherever it stands: in a claim, or in the template of one.
import type { PersistentVolumeClaimSpec } from '../../../kube/types.gen.ts'
import { canonicalAmounts } from '../canonical-quantity.ts'
import { mapField, withDefaults, withField } from '../share-structure.ts'

export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const withMode = withDefaults(spec, { volumeMode: 'Filesystem', resources: {} })
  return mapField(withMode, 'resources', (resources) =>
    withField(
      withField(resources, 'limits', canonicalAmounts(resources.limits)),
      'requests',
      canonicalAmounts(resources.requests),
    ),
  )
}
