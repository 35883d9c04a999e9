// SPDX-License-Identifier: Apache-2.0
// Names of what can be asked for, limited and counted: `cpu`, `hugepages-2Mi`, `example.com/gpu`.
import { invalidValue, type FieldError } from '../../objects/field-error.ts'
import { nanosOf } from '../canonical-quantity.ts'
import { qualifiedNameFaults } from './name-rules.ts'

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage'])
const counted = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
])
const quotaResources = new Set([
  ...containerResources,
  ...counted,
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
  'requests.storage',
])

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-')
}

/** Not something that a device plugin or the like brought into the cluster. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

/** Whether a limit may be above the request. */
export function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name)
}

export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith('requests.')) return false
  return qualifiedNameFaults(`requests.${name}`).length === 0
}

/** Whether amounts of it are whole numbers. */
export function isIntegerResource(name: string): boolean {
  return counted.has(name) || isExtendedResource(name)
}

export function isQuotaResource(name: string): boolean {
  return quotaResources.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-')
}

/** A resource of any sort. */
export function* validateResourceName(name: string, path: string): Iterable<FieldError> {
  const faults = qualifiedNameFaults(name)
  for (const fault of faults) yield invalidValue(path, name, fault)
  if (faults.length > 0 || name.includes('/')) return
  if (name !== 'storage' && !isQuotaResource(name)) {
    yield invalidValue(path, name, 'must be a standard resource type or fully qualified')
  }
}

/** A resource that containers may ask for. */
export function* validateContainerResourceName(name: string, path: string): Iterable<FieldError> {
  if (containerResources.has(name)) return
  yield* validateResourceName(name, path)
  if (!name.includes('/')) {
    if (!isHugePages(name)) {
      yield invalidValue(path, name, 'must be a standard resource for containers')
    }
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    yield invalidValue(path, name, "doesn't follow extended resource name standard")
  }
}

/** Not negative, and whole where only whole ones make sense. */
export function* validateAmount(name: string, amount: string, path: string): Iterable<FieldError> {
  const nanos = nanosOf(amount)
  if (nanos === undefined) {
    yield invalidValue(path, amount, 'quantities must match the regular expression ' + quantityForm)
    return
  }
  if (nanos < 0n) yield invalidValue(path, amount, 'must be greater than or equal to 0')
  if (nanos % 1_000_000_000n !== 0n && isIntegerResource(name)) {
    yield invalidValue(path, amount, 'must be an integer')
  }
}

const quantityForm = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
