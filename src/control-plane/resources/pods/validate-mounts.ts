// SPDX-License-Identifier: Apache-2.0
// Judges where a container sees the pod's volumes: as files, or as devices.
import type { Container, VolumeDevice, VolumeMount } from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { validateDescendingPath } from '../meta/validate-paths.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import type { ContainerRules } from './container-rules.ts'

export function* validateMounts(
  container: Container,
  path: string,
  { volumes }: ContainerRules,
): Iterable<FieldError> {
  const devices = listOf(container.volumeDevices)
  const seen = new Set<string>()
  for (const [index, mount] of listOf(container.volumeMounts).entries()) {
    const at = `${path}[${index}]`
    const name = textOf(mount.name)
    const mountPath = textOf(mount.mountPath)
    if (name === '') yield required(`${at}.name`)
    if (!volumes.has(name)) yield notFoundValue(`${at}.name`, name)
    if (mountPath === '') yield required(`${at}.mountPath`)
    if (seen.has(mountPath)) yield invalidValue(`${at}.mountPath`, mountPath, 'must be unique')
    seen.add(mountPath)
    if (devices.some((device) => device.name === name)) {
      yield invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices')
    }
    if (devices.some((device) => device.devicePath === mountPath)) {
      const why = 'must not already exist as a path in volumeDevices'
      yield invalidValue(`${at}.mountPath`, mountPath, why)
    }
    yield* validateSubPaths(mount, path, at)
    yield* validatePropagation(mount, path, container)
  }
}

/** Some of these faults are reported at the list, as the API server does. */
function* validateSubPaths(mount: VolumeMount, path: string, at: string): Iterable<FieldError> {
  const subPath = textOf(mount.subPath)
  const expression = textOf(mount.subPathExpr)
  if (subPath !== '') yield* validateDescendingPath(subPath, `${path}.subPath`)
  if (expression === '') return
  if (subPath !== '') {
    const why = 'subPathExpr and subPath are mutually exclusive'
    yield invalidValue(`${at}.subPathExpr`, expression, why)
  }
  yield* validateDescendingPath(expression, `${path}.subPathExpr`)
}

const propagations = ['Bidirectional', 'HostToContainer', 'None']
const recursions = ['Disabled', 'Enabled', 'IfPossible']

function* validatePropagation(
  mount: VolumeMount,
  path: string,
  container: Container,
): Iterable<FieldError> {
  const { mountPropagation, recursiveReadOnly } = mount
  if (!isMissing(mountPropagation)) {
    const at = `${path}.mountPropagation`
    if (!propagations.includes(mountPropagation)) {
      yield notSupported(at, mountPropagation, propagations)
    }
    if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      const why = 'Bidirectional mount propagation is available only to privileged containers'
      yield forbiddenField(at, why)
    }
  }
  if (isMissing(recursiveReadOnly) || recursiveReadOnly === 'Disabled') return
  const at = `${path}.recursiveReadOnly`
  if (!recursions.includes(recursiveReadOnly)) {
    yield notSupported(at, recursiveReadOnly, recursions)
    return
  }
  if (mount.readOnly !== true) {
    yield forbiddenField(at, 'may only be specified when readOnly is true')
  }
  if (!isMissing(mountPropagation) && mountPropagation !== 'None') {
    yield forbiddenField(at, 'may only be specified when mountPropagation is None or not specified')
  }
}

export function* validateDevices(
  container: Container,
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  const names = new Set<string>()
  const paths = new Set<string>()
  for (const [index, device] of listOf(container.volumeDevices).entries()) {
    const at = `${path}[${index}]`
    const name = textOf(device.name)
    if (name === '') yield required(`${at}.name`)
    if (names.has(name)) yield invalidValue(`${at}.name`, name, 'must be unique')
    yield* validateDeviceVolume(name, `${at}.name`, rules)
    yield* validateDevicePath(device, at, paths)
    const mounts = listOf(container.volumeMounts)
    if (mounts.some((mount) => mount.name === name)) {
      yield invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts')
    }
    const devicePath = textOf(device.devicePath)
    if (mounts.some(({ mountPath }) => mountPath === devicePath)) {
      const why = 'must not already exist as a path in volumeMounts'
      yield invalidValue(`${at}.devicePath`, devicePath, why)
    }
    if (name !== '') names.add(name)
  }
}

function* validateDeviceVolume(
  name: string,
  path: string,
  { volumes }: ContainerRules,
): Iterable<FieldError> {
  const volume = volumes.get(name)
  if (volume === undefined) yield notFoundValue(path, name)
  else if (isMissing(volume.persistentVolumeClaim) && isMissing(volume.ephemeral)) {
    const why =
      'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
    yield invalidValue(path, name, why)
  }
}

function* validateDevicePath(
  device: VolumeDevice,
  at: string,
  seen: Set<string>,
): Iterable<FieldError> {
  const devicePath = textOf(device.devicePath)
  if (devicePath === '') yield required(`${at}.devicePath`)
  if (seen.has(devicePath)) yield invalidValue(`${at}.devicePath`, devicePath, 'must be unique')
  if (devicePath.split('/').includes('..')) {
    const why = "can not contain backsteps ('..')"
    yield invalidValue(`${at}.devicePath`, devicePath, why)
  } else seen.add(devicePath)
}
