// SPDX-License-Identifier: Apache-2.0
// What users are warned of in the templates of workloads.
import type { PodTemplateSpec } from '../../../kube/types.gen.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { podWarnings } from '../pods/pod-warnings.ts'
import { isRecord } from '../read-json.ts'

/** Said at creation, and again when an update changes what is asked for. */
export function templateWarnings(
  template: PodTemplateSpec | undefined,
  object: KubeObject,
  old: KubeObject | undefined,
  path = 'spec.template.',
): readonly string[] {
  const isOld = old !== undefined && old.metadata.generation === object.metadata.generation
  if (isOld || !isRecord(template) || !isRecord(template.spec)) return []
  return [...podWarnings(template.spec, template.metadata, path)]
}
