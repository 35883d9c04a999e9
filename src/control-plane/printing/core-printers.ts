// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of kinds that have little to show, and of those that show nothing of their own.
import type { ConfigMap, Lease, Namespace, Secret } from '../../kube/types.gen.ts'
import { age, ageColumn, column, nameColumn, type Named, printerFor } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const namespacePrinter: TablePrinter = printerFor<Namespace>(
  [nameColumn, column('Status'), ageColumn],
  (namespace, nowMs) => [
    namespace.metadata.name,
    namespace.status?.phase ?? '',
    age(namespace, nowMs),
  ],
)

export const secretPrinter: TablePrinter = printerFor<Secret>(
  [nameColumn, column('Type'), column('Data'), ageColumn],
  (secret, nowMs) => [
    secret.metadata.name,
    secret.type ?? '',
    Object.keys(secret.data ?? {}).length,
    age(secret, nowMs),
  ],
)

export const configMapPrinter: TablePrinter = printerFor<ConfigMap>(
  [nameColumn, column('Data'), ageColumn],
  (configMap, nowMs) => {
    const { metadata, data = {}, binaryData = {} } = configMap
    const count = Object.keys(data).length + Object.keys(binaryData).length
    return [metadata.name, count, age(configMap, nowMs)]
  },
)

export const leasePrinter: TablePrinter = printerFor<Lease>(
  [nameColumn, column('Holder'), ageColumn],
  (lease, nowMs) => [lease.metadata.name, lease.spec?.holderIdentity ?? '', age(lease, nowMs)],
)

/** Name and age, for service accounts. */
export const ageOnlyPrinter: TablePrinter = printerFor<Named>(
  [nameColumn, ageColumn],
  (object, nowMs) => [object.metadata.name, age(object, nowMs)],
)

/** Name and date, for all kinds without a printer. */
export const genericPrinter: TablePrinter = printerFor<Named>(
  [nameColumn, column('Created At', 'date')],
  ({ metadata }) => [metadata.name, metadata.creationTimestamp ?? ''],
)
