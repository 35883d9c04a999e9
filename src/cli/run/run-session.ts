// SPDX-License-Identifier: Apache-2.0
// One run from the first object to the last process: applies, follows, shows, reads the logs to their
// end, and deletes what it made with its grace, also when it is stopped midway.
import { isNotFound } from '../../kube/api-error.ts'
import { pods as podResource } from '../../kube/resources.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { UserError, messageOf } from '../../util/vk-error.ts'
import type { ClusterAccess } from '../cluster-access.ts'
import { applyObjects, titleOf } from './apply-objects.ts'
import type { AppliedObject } from './apply-objects.ts'
import { judgeRun, podMakers } from './judge-run.ts'
import type { RunView } from './judge-run.ts'
import { keepVerdict } from './keep-verdict.ts'
import { noPods } from './no-pods.ts'
import { PodLogs } from './pod-logs.ts'
import type { LogSource } from './pod-logs.ts'
import type { Manifest } from './read-manifests.ts'
import type { RunDisplay } from './run-display.ts'
import type { RunOutcome } from './run-report.ts'
import { RunWatch } from './run-watch.ts'

export interface RunOptions {
  readonly access: ClusterAccess
  readonly namespace: string
  readonly display: RunDisplay
  readonly clock: Clock
  readonly log: Logger
  /** Ends the run in order: what it made is deleted with grace. */
  readonly stop: AbortSignal
  /** Shortens the grace to a second. */
  readonly hurry: AbortSignal
  /** Fails the run after this long. */
  readonly timeoutMs?: number
  /** Leaves what it made in the cluster. */
  readonly keep: boolean
}

export interface RunResult {
  readonly outcome: RunOutcome
  readonly view: RunView
}

/** Beyond their grace, what pods may take to go. */
const goneSlackMs = 30_000
const logsEndMs = 30_000

/** Throws a UserError when there is nothing to run in it. */
export function requirePods(manifests: readonly Manifest[]): void {
  if (!manifests.some(({ kind }) => podMakers.includes(kind))) throw noPods('run', manifests)
}

/** Runs manifests; rejects with a UserError for what cannot be run at all. */
export async function runManifests(
  manifests: readonly Manifest[],
  options: RunOptions,
): Promise<RunResult> {
  const applied: AppliedObject[] = []
  const onApplied = (object: AppliedObject): void => {
    applied.push(object)
    options.display.note(`${titleOf(object.object)} ${object.isCreated ? 'created' : 'configured'}`)
  }
  try {
    await applyObjects(manifests, { ...options, signal: options.stop, onApplied })
  } catch (error) {
    await deleteCreated(applied, options)
    if (!options.stop.aborted) throw asUserError(error)
  }
  const roots = applied.filter(({ resource }) => podMakers.includes(resource.kind))
  return await follow({ applied, roots }, options)
}

async function follow(
  made: { readonly applied: readonly AppliedObject[]; readonly roots: readonly AppliedObject[] },
  options: RunOptions,
): Promise<RunResult> {
  const { access, clock, log, display } = options
  const { applied, roots } = made
  await using watch = new RunWatch(access, { roots, clock, log })
  await using logs = new PodLogs(access, {
    clock,
    onLine: (source, line) => display.logLine(nameOf(source), line),
    onProblem: (source, why) => display.note(`The log of ${nameOf(source)} is incomplete: ${why}`),
  })
  using following = watch.onChange(() => logs.update(watch.pods()))
  let outcome: RunOutcome = 'stopped'
  let verdict: RunView | undefined
  try {
    if (!options.stop.aborted) {
      refuseFinished(roots)
      await watch.start(options.stop)
      outcome = await untilOver(watch, options)
      verdict = judgeRun(watch.world())
    }
    await logs.settled(AbortSignal.any([options.hurry, AbortSignal.timeout(logsEndMs)]))
  } catch (error) {
    if (!options.stop.aborted) throw error
  } finally {
    if (!options.keep) await end(watch, { applied, options, verdict })
  }
  await logs.settled(AbortSignal.any([options.hurry, AbortSignal.timeout(logsEndMs)]))
  following[Symbol.dispose]()
  const view = keepVerdict(judgeRun({ ...watch.world(), isEnding: !options.keep }), verdict)
  display.show(view)
  return { outcome, view }
}

/** A Job that ended before this run began would be mistaken for one that it ran. */
function refuseFinished(roots: readonly AppliedObject[]): void {
  for (const { isCreated, object } of roots) {
    const status = object['status'] as
      | { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
      | undefined
    const hasEnded = status?.conditions?.some(
      ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
    )
    if (isCreated || !hasEnded) continue
    throw new UserError(`Cannot run ${titleOf(object)}: it is in the cluster already, and over`, {
      hint: 'Delete it first, or use metadata.generateName for a new name each time.',
    })
  }
}

async function untilOver(watch: RunWatch, options: RunOptions): Promise<RunOutcome> {
  const { stop, display, clock, timeoutMs } = options
  const startedMs = clock.monotonicMs()
  let hasSaidEndless = false
  for (;;) {
    const view = judgeRun(watch.world())
    display.show(view)
    if (view.outcome !== 'running') return view.outcome
    if (stop.aborted) return 'stopped'
    if (timeoutMs !== undefined && clock.monotonicMs() - startedMs >= timeoutMs) return 'timed-out'
    if (view.isEndless && !hasSaidEndless) {
      display.note('Nothing here ends by itself: runs until Ctrl-C')
      hasSaidEndless = true
    }
    await nextLook(watch, options)
  }
}

/** Resolves after a change, when the picture wants to be drawn anew, or at a stop. */
async function nextLook(watch: RunWatch, { stop, display, clock }: RunOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  using _changed = watch.onChange(resolve)
  using _timer = clock.setTimer(display.refreshMs, resolve)
  const onStop = (): void => resolve()
  stop.addEventListener('abort', onStop, { once: true })
  await promise
  stop.removeEventListener('abort', onStop)
  // Changes come in swarms; one look serves them all.
  await clock.sleep(20)
}

async function end(
  watch: RunWatch,
  {
    applied,
    options,
    verdict,
  }: {
    readonly applied: readonly AppliedObject[]
    readonly options: RunOptions
    readonly verdict: RunView | undefined
  },
): Promise<void> {
  const { clock, display, hurry } = options
  await deleteCreated(applied, options)
  // A run that was stopped early has not looked yet at what there is.
  await watch.start(AbortSignal.timeout(goneSlackMs))
  const created = new Set(applied.filter((one) => one.isCreated).map(({ uid }) => uid))
  const left = () => watch.pods().filter((one) => !one.isGone && created.has(one.rootUid))
  const graceSeconds = left().map(({ pod }) => pod.spec.terminationGracePeriodSeconds ?? 30)
  const deadlineMs = clock.monotonicMs() + Math.max(0, ...graceSeconds) * 1000 + goneSlackMs
  let isHurried = false
  while (left().length > 0) {
    if (hurry.aborted && !isHurried) {
      isHurried = true
      await Promise.all(left().map(({ pod }) => deletePodSoon(pod.metadata, options)))
    }
    if (clock.monotonicMs() > deadlineMs) {
      display.note(
        `Still ending: ${left()
          .map(({ pod }) => pod.metadata.name)
          .join(', ')}`,
      )
      return
    }
    display.show(keepVerdict(judgeRun({ ...watch.world(), isEnding: true }), verdict))
    await nextLook(watch, { ...options, stop: hurry })
  }
}

async function deleteCreated(
  applied: readonly AppliedObject[],
  { access, display }: RunOptions,
): Promise<void> {
  for (const { resource, namespace, name, uid, isCreated, object } of applied.toReversed()) {
    if (!isCreated) continue
    try {
      const at = { name, ...(namespace !== undefined && { namespace }) }
      const preconditions = { uid }
      await access.client.delete(resource, at, { propagationPolicy: 'Background', preconditions })
    } catch (error) {
      if (!isNotFound(error)) display.note(`Cannot delete ${titleOf(object)}: ${messageOf(error)}`)
    }
  }
}

async function deletePodSoon(
  {
    namespace,
    name,
    uid,
  }: { readonly namespace: string; readonly name: string; readonly uid: string },
  { access, display }: RunOptions,
): Promise<void> {
  try {
    const options = { gracePeriodSeconds: 1, preconditions: { uid } }
    await access.client.delete(podResource, { namespace, name }, options)
  } catch (error) {
    if (!isNotFound(error)) display.note(`Cannot end pod/${name}: ${messageOf(error)}`)
  }
}

function nameOf({ pod, container }: LogSource): string {
  const count = pod.spec.containers.length + (pod.spec.initContainers?.length ?? 0)
  return count > 1 ? `${pod.metadata.name}/${container}` : pod.metadata.name
}

/** What the API server refuses is a mistake in the manifest. */
function asUserError(error: unknown): unknown {
  const isRefusal =
    error instanceof Error &&
    'httpStatus' in error &&
    [400, 403, 404, 409, 422].includes(Number(error.httpStatus))
  return isRefusal ? new UserError(messageOf(error), { cause: error }) : error
}
