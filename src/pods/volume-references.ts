// SPDX-License-Identifier: Apache-2.0
// Which ConfigMaps and Secrets the files of a pod's volumes come from: when one of these changes, the
// files change with it, while an environment stays as it was.
import type { Pod, Volume } from '../kube/types.gen.ts'

/** A ConfigMap or Secret of the pod's namespace. */
export interface ReferencedObject {
  readonly kind: 'configmap' | 'secret'
  readonly name: string
}

/** Does a volume of the pod hold content of this object? */
export function hasInVolume(pod: Pod, { kind, name }: ReferencedObject): boolean {
  return (pod.spec.volumes ?? []).some((volume) => namesIn(volume, kind).includes(name))
}

function namesIn(volume: Volume, kind: ReferencedObject['kind']): readonly (string | undefined)[] {
  const { configMap, secret, projected } = volume
  const own = kind === 'configmap' ? configMap?.name : secret?.secretName
  const projections = (projected?.sources ?? []).map((source) =>
    kind === 'configmap' ? source.configMap?.name : source.secret?.name,
  )
  return [own, ...projections]
}
