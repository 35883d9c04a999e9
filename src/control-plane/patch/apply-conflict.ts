// SPDX-License-Identifier: Apache-2.0
// The 409 of a server-side apply that would change what others own, in the form that kubectl prints.
import { StatusError } from '../objects/api-status.ts'
import { type FieldPath, pathText } from './field-set.ts'
import type { Managed } from './managed-fields.ts'

export interface Conflict {
  readonly owner: Managed
  readonly path: FieldPath
}

export function conflictsIn(owners: ReadonlyMap<string, Managed>): readonly Conflict[] {
  return [...owners.values()].flatMap((owner) =>
    owner.fields.paths().map((path) => ({ owner, path })),
  )
}

export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${ownerText(owner)}`,
    field: pathText(path),
  }))
  return new StatusError(409, 'Conflict', conflictMessage(conflicts), { causes })
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts
  if (first && conflicts.length === 1) {
    const what = `conflict with ${ownerText(first.owner)}: ${pathText(first.path)}`
    return `Apply failed with 1 conflict: ${what}`
  }
  const byOwner = Map.groupBy(conflicts, ({ owner }) => ownerText(owner))
  const lines = [...byOwner]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([owner, theirs]) => [
      `conflicts with ${owner}:`,
      ...theirs.map(({ path }) => `- ${pathText(path)}`),
    ])
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

function ownerText({ manager, operation, apiVersion, subresource }: Managed): string {
  const name = JSON.stringify(manager)
  const whole =
    subresource === '' ? name : `${name} with subresource ${JSON.stringify(subresource)}`
  return operation === 'Update' ? `${whole} using ${apiVersion}` : whole
}
