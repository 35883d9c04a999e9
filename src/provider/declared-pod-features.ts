// SPDX-License-Identifier: Apache-2.0
// What a provider's nodes declare in their status, beyond what any node can do: an API server binds pods
// that need such a feature to no node that does not name it.
import type { Features } from './features.ts'

/** Names for the Node's status.declaredFeatures. */
export function declaredPodFeatures(features: Features): readonly string[] {
  return [
    ...(features.containerRestartRules === true ? ['RestartAllContainersOnContainerExits'] : []),
    ...(features['resources.podLevelResize'] === true
      ? ['InPlacePodLevelResourcesVerticalScaling']
      : []),
    ...(features['resources.resize'] === true ? ['InPlacePodVerticalScalingInitContainers'] : []),
  ]
}
