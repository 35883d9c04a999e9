// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of the kinds that rule over pods.
import type {
  PodDisruptionBudget,
  PriorityClass,
  ResourceQuota,
  RuntimeClass,
} from '../../kube/types.gen.ts'
import { age, ageColumn, column, nameColumn, printerFor } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const podDisruptionBudgetPrinter: TablePrinter = printerFor<PodDisruptionBudget>(
  [
    nameColumn,
    column('Min Available'),
    column('Max Unavailable'),
    column('Allowed Disruptions', 'integer'),
    ageColumn,
  ],
  (budget, nowMs) => {
    const { metadata, spec, status } = budget
    return [
      metadata.name,
      String(spec?.minAvailable ?? 'N/A'),
      String(spec?.maxUnavailable ?? 'N/A'),
      status?.disruptionsAllowed ?? 0,
      age(budget, nowMs),
    ]
  },
)

export const priorityClassPrinter: TablePrinter = printerFor<PriorityClass>(
  [
    nameColumn,
    column('Value', 'integer'),
    column('Global-Default', 'boolean'),
    ageColumn,
    column('PreemptionPolicy'),
  ],
  (priorityClass, nowMs) => [
    priorityClass.metadata.name,
    priorityClass.value ?? 0,
    priorityClass.globalDefault ?? false,
    age(priorityClass, nowMs),
    priorityClass.preemptionPolicy ?? '',
  ],
)

export const runtimeClassPrinter: TablePrinter = printerFor<RuntimeClass>(
  [nameColumn, column('Handler'), ageColumn],
  (runtimeClass, nowMs) => [
    runtimeClass.metadata.name,
    runtimeClass.handler,
    age(runtimeClass, nowMs),
  ],
)

export const resourceQuotaPrinter: TablePrinter = printerFor<ResourceQuota>(
  [nameColumn, column('Request'), column('Limit'), ageColumn],
  (quota, nowMs) => {
    const { hard = {}, used = {} } = quota.status ?? {}
    const isLimit = (name: string): boolean => name.startsWith('limits.')
    const textOf = (names: readonly string[]): string =>
      names.map((name) => `${name}: ${used[name] ?? '0'}/${hard[name]}`).join(', ')
    const names = Object.keys(hard).sort()
    return [
      quota.metadata.name,
      textOf(names.filter((name) => !isLimit(name))),
      textOf(names.filter(isLimit)),
      age(quota, nowMs),
    ]
  },
)
