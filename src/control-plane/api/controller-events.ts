// SPDX-License-Identifier: Apache-2.0
// Events that this process's controllers record: repeats are counted as everywhere in Kubernetes, and a
// failure to write one is nobody's concern but the log's.
import { hostname } from 'node:os'
import { EventCorrelator } from '../../kube/event-correlator.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { User } from '../auth/user.ts'
import type { EventRecord, EventSubject } from '../controllers/cluster-api.ts'
import { StatusError } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { findResource } from '../resources/registry.ts'
import type { ApiCore } from './api-core.ts'
import { createObject } from './create-object.ts'
import { updateObject } from './update-object.ts'
import { wireMicroTime, wireTime } from '../../util/wire-time.ts'

export class ControllerEvents {
  readonly #core: ApiCore
  readonly #correlator: EventCorrelator
  readonly #user: User
  readonly #component: string
  readonly #log: Logger

  /** `component` is the event's source, such as `job-controller`. */
  constructor(
    core: ApiCore,
    {
      user,
      component,
      log,
    }: { readonly user: User; readonly component: string; readonly log: Logger },
  ) {
    this.#core = core
    this.#correlator = new EventCorrelator(core.clock)
    this.#user = user
    this.#component = component
    this.#log = log
  }

  record(about: EventSubject, event: EventRecord): void {
    const { apiVersion = '', kind = '', metadata } = about
    const { name = '', namespace = '', uid = '', resourceVersion = '' } = metadata
    const subject = {
      apiVersion,
      kind,
      name,
      ...(namespace !== '' && { namespace }),
      uid,
      resourceVersion,
    }
    const series = this.#correlator.take(subject, event)
    if (!series) return
    try {
      if (series.count > 1 && this.#countUp(series)) return
      this.#create(series)
    } catch (error) {
      const { reason } = event
      this.#log.debug({ reason, error: messageOf(error) }, 'Event could not be recorded')
    }
  }

  #create(series: Series): void {
    const resource = eventResource()
    const { action } = series.event as EventRecord
    const object = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: series.name, namespace: series.namespace },
      involvedObject: series.about,
      type: series.event.type,
      reason: series.event.reason,
      message: series.message,
      reportingComponent: this.#component,
      ...(action === undefined ? this.#countedParts(series) : this.#actionParts(series, action)),
    } as KubeObject
    createObject(this.#core, { resource, namespace: series.namespace }, object, this.#options())
  }

  /** The form of components that record through the core API. */
  #countedParts({ firstMs, lastMs, count }: Series): object {
    return {
      source: { component: this.#component },
      reportingInstance: '',
      firstTimestamp: wireTime(firstMs),
      lastTimestamp: wireTime(lastMs),
      count,
    }
  }

  /** The form of those that record through events.k8s.io, such as the scheduler. */
  #actionParts({ firstMs }: Series, action: string): object {
    return {
      action,
      eventTime: wireMicroTime(firstMs * 1000),
      reportingInstance: `${this.#component}-${hostname()}`,
    }
  }

  /** False when the event has been deleted meanwhile. */
  #countUp(series: Series): boolean {
    const place = {
      resource: eventResource(),
      namespace: series.namespace,
      name: series.name,
      subresource: '',
    }
    const change = (old: KubeObject): KubeObject => ({
      ...old,
      message: series.message,
      ...(old['eventTime'] ? { series: seriesOf(series) } : countOf(series)),
    })
    try {
      updateObject(this.#core, place, change, this.#options())
      return true
    } catch (error) {
      if (error instanceof StatusError && error.code === 404) return false
      throw error
    }
  }

  #options() {
    return { user: this.#user, isDryRun: false, warn: () => {} }
  }
}

function countOf({ count, lastMs }: Series): object {
  return { count, lastTimestamp: wireTime(lastMs) }
}

function seriesOf({ count, lastMs }: Series): object {
  return { count, lastObservedTime: wireMicroTime(lastMs * 1000) }
}

type Series = NonNullable<ReturnType<EventCorrelator['take']>>

function eventResource() {
  const resource = findResource('', 'v1', 'events')
  if (!resource) throw new Error('Cannot record events: the registry has no resource for them')
  return resource
}
