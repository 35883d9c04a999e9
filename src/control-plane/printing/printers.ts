// SPDX-License-Identifier: Apache-2.0
// Which printer makes the table of a resource; kinds without one of their own show name and age.
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { TablePrinter } from './table-printer.ts'

/** Undefined for what is not listed, such as reviews. */
export function printerOf(resource: ResourceDefinition): TablePrinter | undefined {
  return resource.verbs.includes('get') || resource.verbs.includes('list') ? byName : undefined
}

const byName: TablePrinter = {
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the object',
      priority: 0,
    },
    { name: 'Created At', type: 'date', format: '', description: 'Time of creation', priority: 0 },
  ],
  row: ({ metadata }) => [metadata.name ?? '', metadata.creationTimestamp ?? ''],
}
