// SPDX-License-Identifier: Apache-2.0
// `image: host` in a manifest means the programs of a machine, and only the process provider knows it so. To an
// engine it is an image like any other, which nobody has: whoever brings such a manifest is told.
import type { Pod } from '../../../kube/types.gen.ts'
import type { PodProblem } from '../../../provider/provider.ts'

const name = 'host'
const meaning =
  'image "host" means this machine, to the process provider only: an engine needs an image, such as busybox:1.36'

/** What to add to a failure of this image; mostly nothing. */
export function hostImageHint(image: string): string {
  return image === name ? ` (${meaning})` : ''
}

/** The containers that name it, before anything is asked for it; `host:latest` is for who has such an image. */
export function hostImageProblems({ spec }: Pod): readonly PodProblem[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec
  const lists = Object.entries({ initContainers, containers, ephemeralContainers })
  return lists.flatMap(([list, all]) =>
    all.flatMap(({ image }, index) =>
      image === name ? [{ field: `spec.${list}[${index}].image`, why: meaning }] : [],
    ),
  )
}
