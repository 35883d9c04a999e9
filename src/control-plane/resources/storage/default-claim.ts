// SPDX-License-Identifier: Apache-2.0
// The defaults of a claim's spec, wherever it stands: in a claim, or in the template of one.
import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
} from '../../../kube/types.gen.ts'
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

/** The template of a claim has metadata, even where there is none to say. */
export function defaultClaimTemplate(
  template: PersistentVolumeClaimTemplate,
): PersistentVolumeClaimTemplate {
  const withMetadata = withDefaults(template, { metadata: {} })
  return mapField(withMetadata, 'spec', defaultClaimSpec)
}
