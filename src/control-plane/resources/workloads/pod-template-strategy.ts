// SPDX-License-Identifier: Apache-2.0
// PodTemplates: templates that nothing is made of by itself.
import type { PodTemplateSpec } from '../../../kube/types.gen.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { defaultPodTemplate } from '../pods/default-pod-spec.ts'
import { validatePodTemplate } from '../pods/validate-pod-spec.ts'
import { isRecord } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { withField } from '../share-structure.ts'
import { templateWarnings } from './template-warnings.ts'

export const podTemplateStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  applyDefaults: (object) => withField(object, 'template', defaultPodTemplate(templateOf(object))),
  validate: (object) => validatePodTemplate(templateOf(object), 'template'),
  validateUpdate: (next) => validatePodTemplate(templateOf(next), 'template'),
  warnings: (object, old) => templateWarnings(templateOf(object), object, old, 'template.'),
})

function templateOf(object: KubeObject): PodTemplateSpec {
  const template = object['template']
  return isRecord(template) ? template : {}
}
