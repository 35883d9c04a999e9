// SPDX-License-Identifier: Apache-2.0
// Events that this process's controllers record: repeats are counted as everywhere in Kubernetes, and a
// failure to write one is nobody's concern but the log's.
import { EventCorrelator } from '../../kube/event-correlator.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { User } from '../auth/user.ts'
import type { EventRecord, EventSubject } from '../controllers/cluster-api.ts'
import { StatusError } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { findResource } from '../resources/registry.ts'
import { wireSeconds } from './api-core.ts'
import type { ApiCore } from './api-core.ts'
import { createObject } from './create-object.ts'
import { updateObject } from './update-object.ts'

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
    const time = wireSeconds(series.firstMs)
    const object = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: series.name, namespace: series.namespace },
      involvedObject: series.about,
      type: series.event.type,
      reason: series.event.reason,
      message: series.message,
      source: { component: this.#component },
      reportingComponent: this.#component,
      reportingInstance: '',
      firstTimestamp: time,
      lastTimestamp: wireSeconds(series.lastMs),
      count: series.count,
    } as KubeObject
    createObject(this.#core, { resource, namespace: series.namespace }, object, this.#options())
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
      count: series.count,
      lastTimestamp: wireSeconds(series.lastMs),
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

type Series = NonNullable<ReturnType<EventCorrelator['take']>>

function eventResource() {
  const resource = findResource('', 'v1', 'events')
  if (!resource) throw new Error('Cannot record events: the registry has no resource for them')
  return resource
}
