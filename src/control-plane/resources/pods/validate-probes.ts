// SPDX-License-Identifier: Apache-2.0
// Judges what is done to a container from outside: probes and hooks.
import type { Container, HTTPGetAction, LifecycleHandler, Probe } from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { patternFault } from '../meta/name-rules.ts'
import { validateNonNegative, validatePortOrName } from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import type { ContainerRules } from './container-rules.ts'

/** All probes and hooks of a container that may have them. */
export function* validateProbesAndHooks(
  container: Container,
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container
  if (!isMissing(lifecycle)) {
    const { postStart, preStop } = lifecycle
    if (!isMissing(postStart))
      yield* validateHandler(postStart, `${path}.lifecycle.postStart`, rules)
    if (!isMissing(preStop)) yield* validateHandler(preStop, `${path}.lifecycle.preStop`, rules)
  }
  if (!isMissing(livenessProbe)) {
    yield* validateOnceProbe(livenessProbe, `${path}.livenessProbe`, rules)
  }
  if (!isMissing(readinessProbe)) {
    yield* validateReadinessProbe(readinessProbe, `${path}.readinessProbe`, rules)
  }
  if (!isMissing(startupProbe)) {
    yield* validateOnceProbe(startupProbe, `${path}.startupProbe`, rules)
  }
}

/** Liveness and startup: one success is enough, always. */
function* validateOnceProbe(
  probe: Probe,
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  yield* validateProbe(probe, path, rules)
  const successes = probe.successThreshold ?? 0
  if (successes !== 1) yield invalidValue(`${path}.successThreshold`, successes, 'must be 1')
}

function* validateReadinessProbe(
  probe: Probe,
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  yield* validateProbe(probe, path, rules)
  const seconds = probe.terminationGracePeriodSeconds
  if (isMissing(seconds)) return
  const why = 'must not be set for readinessProbes'
  yield invalidValue(`${path}.terminationGracePeriodSeconds`, seconds, why)
}

const counters = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const

function* validateProbe(probe: Probe, path: string, rules: ContainerRules): Iterable<FieldError> {
  yield* validateHandler(probe, path, rules)
  for (const field of counters) yield* validateNonNegative(probe[field], `${path}.${field}`)
  const seconds = probe.terminationGracePeriodSeconds
  if (typeof seconds !== 'number' || seconds > 0) return
  yield invalidValue(`${path}.terminationGracePeriodSeconds`, seconds, 'must be greater than 0')
}

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>

const handlerKinds = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const

function* validateHandler(
  handler: Handler,
  path: string,
  rules: ContainerRules,
): Iterable<FieldError> {
  let count = 0
  for (const kind of handlerKinds) {
    if (isMissing(handler[kind])) continue
    count++
    if (count > 1) {
      yield forbiddenField(`${path}.${kind}`, 'may not specify more than 1 handler type')
    } else yield* validateAction(handler, `${path}.${kind}`, rules)
  }
  if (count === 0) yield required(path, 'must specify a handler type')
}

function* validateAction(
  { exec, httpGet, tcpSocket, grpc, sleep }: Handler,
  path: string,
  { spec }: ContainerRules,
): Iterable<FieldError> {
  if (!isMissing(exec)) {
    if (listOf(exec.command).length === 0) yield required(`${path}.command`)
  } else if (!isMissing(httpGet)) yield* validateHttpGet(httpGet, path)
  else if (!isMissing(tcpSocket)) yield* validatePortOrName(tcpSocket.port, `${path}.port`)
  else if (!isMissing(grpc)) yield* validatePortOrName(grpc.port, `${path}.port`)
  else if (!isMissing(sleep)) {
    const seconds = sleep.seconds ?? 0
    const max = spec.terminationGracePeriodSeconds
    if (isMissing(max) || (seconds >= 0 && seconds <= max)) return
    const why = `must be non-negative and less than terminationGracePeriodSeconds (${max})`
    yield invalidValue(path, seconds, why)
  }
}

const schemes = ['HTTP', 'HTTPS']

function* validateHttpGet(action: HTTPGetAction, path: string): Iterable<FieldError> {
  if (textOf(action.path) === '') yield required(`${path}.path`)
  yield* validatePortOrName(action.port, `${path}.port`)
  const scheme = textOf(action.scheme)
  if (!schemes.includes(scheme)) yield notSupported(`${path}.scheme`, scheme, schemes)
  for (const { name } of listOf(action.httpHeaders)) {
    if (/^[-A-Za-z0-9]+$/.test(textOf(name))) continue
    const rule = "a valid HTTP header must consist of alphanumeric characters or '-'"
    const why = patternFault(rule, '[-A-Za-z0-9]+', 'X-Header-Name')
    yield invalidValue(`${path}.httpHeaders`, textOf(name), why)
  }
}
