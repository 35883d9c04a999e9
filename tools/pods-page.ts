// SPDX-License-Identifier: Apache-2.0
// The table of docs/pods.md: which field of a pod each provider honours. What providers can do is read from
// their `features`, and which fields ask for it from the pods that the feature check is tested with.
import { loadProviderModule, providerNames } from '../src/cli/provider-modules.ts'
import { inWords } from '../src/cli/providers.ts'
import { featureNames, type FeatureName, type Features } from '../src/provider/features.ts'
import { featurePods } from '../test/support/feature-pods.ts'
import { fillParts } from './page-parts.ts'

/** A provider set up in one way. */
export interface DocumentedProvider {
  /** Heads its column. */
  readonly title: string
  readonly name: string
  readonly config: unknown
  readonly features: Features
}

/** Every provider, in each way that the page tells of. */
export async function documentedProviders(): Promise<readonly DocumentedProvider[]> {
  const modules = await Promise.all(providerNames.map((name) => loadProviderModule(name)))
  return modules.flatMap((module) =>
    (module.documented ?? [{ title: module.name, config: {} }]).map((one) => ({
      ...one,
      name: module.name,
      features: module.featuresOf(one.config),
    })),
  )
}

/** The page with its table as the code has it now. */
export async function podsPage(page: string): Promise<string> {
  const providers = await documentedProviders()
  return fillParts(page, { fields: () => fieldTable(providers) })
}

function fieldTable(providers: readonly DocumentedProvider[]): string {
  const rows = featureNames.map((feature) => {
    const cells = providers.map(({ features }) => cell(inWords(features[feature])))
    return `| ${[fieldsOf(feature), feature, ...cells].join(' | ')} |`
  })
  const titles = ['field of a pod', 'feature', ...providers.map(({ title }) => title)]
  return [`| ${titles.join(' | ')} |`, `|${titles.map(() => '---|').join('')}`, ...rows].join('\n')
}

/** Fields as a manifest has them, below `spec`. */
export function fieldsOf(feature: FeatureName): string {
  const fields = featurePods
    .filter((pod) => pod.feature === feature)
    .map(({ field }) => `\`${field.replace(/^spec\./, '').replaceAll(/\[\d+\]/g, '[]')}\``)
  return fields.length === 0 ? (inOtherWords[feature] ?? '') : [...new Set(fields)].join(', ')
}

/** What asks for a feature where no field does by itself. */
const inOtherWords: Readonly<Partial<Record<FeatureName, string>>> = {
  images: 'what `containers[].image` names',
  podNetwork: 'the address of any pod',
  serviceAccountVolume: "the service account's volume at its usual place",
}

/** Text for a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
