// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet providers [NAME]`: what there is, and what one provider can do with a pod.
import { featureNames } from '../provider/features.ts'
import type { Support } from '../provider/features.ts'
import { loadProviderModule, providerNames } from './provider-modules.ts'

interface Output {
  write(text: string): unknown
}

/** Prints the list, or the feature table of one provider. */
export async function printProviders(name: string | undefined, out: Output): Promise<void> {
  if (name !== undefined) {
    const provider = await loadProviderModule(name)
    const features = provider.featuresOf({})
    out.write(`${provider.name}: ${provider.summary}\n\n`)
    for (const feature of featureNames)
      out.write(`${feature.padEnd(38)} ${inWords(features[feature])}\n`)
    return
  }
  for (const known of providerNames) {
    const { summary } = await loadProviderModule(known)
    out.write(`${known.padEnd(12)} ${summary}\n`)
  }
}

/** A cell of the feature table. */
export function inWords(support: Support | undefined): string {
  if (support === undefined || support === false) return 'no'
  return support === true ? 'yes' : `only ${support.only}`
}
