// SPDX-License-Identifier: Apache-2.0
// The parts of docs/control-plane.md that are made from the code: what is served, and how kubectl's answers
// compare with those of a real control plane.
import { apiVersionOf, resourceDefinitions } from '../src/control-plane/resources/registry.ts'
import {
  acceptedDifferences,
  acceptedFor,
} from '../test/e2e/kubectl-parity/accepted-differences.ts'
import { allGroups } from '../test/e2e/kubectl-parity/groups/all-groups.ts'
import { caseId } from '../test/e2e/kubectl-parity/parity-case.ts'
import type { ParityGroup } from '../test/e2e/kubectl-parity/parity-case.ts'
import { fillParts } from './page-parts.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The page with its generated parts as the code has them now. */
export function controlPlanePage(page: string): string {
  return fillParts(page, parts)
}

const parts: Readonly<Record<string, () => string>> = {
  resources: resourceTable,
  parity: parityTable,
  differences: differenceList,
}

function resourceTable(): string {
  const groups = Map.groupBy(resourceDefinitions, apiVersionOf)
  const rows = [...groups].map(([apiVersion, resources]) => {
    const names = resources.map(({ plural, subresources }) => {
      const more = subresources.map(({ name }) => name).join(', ')
      return more === '' ? `\`${plural}\`` : `\`${plural}\` (${more})`
    })
    return `| \`${apiVersion}\` | ${names.join(', ')} |`
  })
  return ['| API | resources (and subresources) |', '|---|---|', ...rows].join('\n')
}

function parityTable(): string {
  const rows = allGroups.map((group) => {
    const differing = accepted(group)
    const notes = new Set(differing.map((id) => reasonNumber(id)))
    const same = group.cases.length - differing.length
    const cells = [group.title, group.cases.length, same, differing.length, [...notes].join(', ')]
    return `| ${cells.map((text) => cell(String(text))).join(' | ')} |`
  })
  const total = allGroups.reduce((sum, { cases }) => sum + cases.length, 0)
  const differing = allGroups.flatMap(accepted).length
  return [
    '| kubectl | cases | same | differ | why |',
    '|---|---|---|---|---|',
    ...rows,
    `| **all** | **${total}** | **${total - differing}** | **${differing}** | |`,
  ].join('\n')
}

function accepted(group: ParityGroup): readonly string[] {
  return group.cases.map((one) => caseId(group, one)).filter((id) => acceptedFor(id) !== undefined)
}

function reasonNumber(id: string): number {
  return acceptedDifferences.findIndex(({ cases }) => cases.includes(id)) + 1
}

function differenceList(): string {
  return acceptedDifferences.map(({ reason }, index) => `${index + 1}. ${reason}`).join('\n')
}
