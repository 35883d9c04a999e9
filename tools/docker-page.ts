// SPDX-License-Identifier: Apache-2.0
// docs/providers/docker.md: what becomes of a pod on an engine and what cannot. The sentences are those of the
// provider's README, the table is what its `features` say: without configuration, and with all allowed on each
// kind of engine.
import { coreFeatures } from '../src/runtime/core-features.ts'
import { inWords } from '../src/cli/providers.ts'
import { featureNames, type Features } from '../src/provider/features.ts'
import { parseDockerConfig } from '../src/providers/docker/docker-config.ts'
import { featuresHere } from '../src/providers/docker/docker-features.ts'
import { cell, fieldsOf } from './pods-page.ts'

/** Sections that the page has from the README. */
const sections = [
  "What a pod's words mean here",
  'An engine on another machine',
  'An engine without root',
  'What it cannot do',
] as const

const allowed = parseDockerConfig({
  hostPathPrefixes: ['/'],
  allowPrivileged: true,
  allowHostNamespaces: true,
  runtimeHandlers: { name: 'runtime' },
})

const columns: Readonly<Record<string, Features>> = {
  'without configuration': on(parseDockerConfig({}), { kind: 'docker', isLocal: true }),
  Docker: on(allowed, { kind: 'docker', isLocal: true }),
  Podman: on(allowed, { kind: 'podman', isLocal: true }),
  'on another machine': on(allowed, { kind: 'docker', isLocal: false }),
}

/** The page as README and code have it now. */
export function dockerPage(readme: string): string {
  return `# Pods on a Docker or Podman engine

How to start, which engine is found, and every key of the configuration: [README of the provider](../../src/providers/docker/README.md).

${sections.map((title) => sectionOf(readme, title)).join('\n')}
## Field by field
*yes*, *no*, or *only* within a limit. The first column is a node without configuration; in the others everything is allowed that
the configuration can allow (\`hostPathPrefixes\`, \`allowPrivileged\`, \`allowHostNamespaces\`, \`runtimeHandlers\`). A pod that asks for
what is *no* is refused before anything of it starts, and says which field it is: [what a pod can expect](../pods.md).

${table()}
`
}

function on(
  config: Parameters<typeof featuresHere>[0],
  engine: Parameters<typeof featuresHere>[1],
): Features {
  return coreFeatures(featuresHere(config, engine))
}

function table(): string {
  const titles = ['field of a pod', 'feature', ...Object.keys(columns)]
  const rows = featureNames.map((feature) => {
    const cells = Object.values(columns).map((features) => cell(inWords(features[feature])))
    return `| ${[fieldsOf(feature), feature, ...cells].join(' | ')} |`
  })
  return [`| ${titles.join(' | ')} |`, `|${titles.map(() => '---|').join('')}`, ...rows].join('\n')
}

function sectionOf(readme: string, title: string): string {
  const heading = `## ${title}\n`
  const start = readme.indexOf(heading)
  if (start < 0) throw new Error(`The docker provider's README has no section "${title}"`)
  const end = readme.indexOf('\n## ', start + heading.length)
  return readme.slice(start, end < 0 ? undefined : end + 1).trimEnd() + '\n'
}
