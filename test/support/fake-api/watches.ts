// SPDX-License-Identifier: Apache-2.0
// The open watches of the fake API server: past changes first, then each change as it happens.
import type { ServerResponse } from 'node:http'
import type { ApiRequest } from './api-request.ts'
import { selectorOf } from './selector.ts'
import type { Matches } from './selector.ts'
import type { Store, StoredChange } from './store.ts'
import { Refusal } from './wire-object.ts'
import type { WireObject } from './wire-object.ts'

interface Watch {
  readonly request: ApiRequest
  readonly response: ServerResponse
  readonly matches: Matches
  readonly held: string[]
}

/** Serves watches of a store. */
export class Watches {
  /** False answers `sendInitialEvents` with 422, as servers without that feature do. */
  hasInitialEvents = true
  readonly #store: Store
  readonly #open = new Set<Watch>()
  #isHeld = false

  constructor(store: Store) {
    this.#store = store
    store.onChange((change) => this.#send(change))
  }

  get size(): number {
    return this.#open.size
  }

  /** Answers a watch request; the answer ends with the watch. */
  serve(request: ApiRequest, response: ServerResponse): void {
    const { query, namespace, collection } = request
    const matches = selectorOf({
      namespace,
      fieldSelector: query.get('fieldSelector'),
      labelSelector: query.get('labelSelector'),
    })
    const watch: Watch = { request, response, matches, held: [] }
    const isStreamedList = query.get('sendInitialEvents') === 'true'
    if (isStreamedList && !this.hasInitialEvents) {
      const message = 'sendInitialEvents is forbidden for watch unless the WatchList feature is on'
      throw new Refusal(422, 'Invalid', message)
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const revision = Number(query.get('resourceVersion') ?? 0)
    if (isStreamedList || revision === 0) {
      for (const object of this.#store.list(collection)) {
        if (matches(object)) write(watch, 'ADDED', object)
      }
      if (isStreamedList) this.#bookmark(watch, { 'k8s.io/initial-events-end': 'true' })
    } else if (!this.#replay(watch, revision)) {
      return
    }
    this.#keep(watch)
  }

  /** Ends the watches that match, normally: as the server does after its timeout. */
  close(matches: (request: ApiRequest) => boolean): void {
    for (const watch of this.#open) {
      if (matches(watch.request)) watch.response.end()
    }
  }

  /** Cuts the connections of the watches that match. */
  destroy(matches: (request: ApiRequest) => boolean): void {
    for (const watch of this.#open) {
      if (matches(watch.request)) watch.response.destroy()
    }
  }

  /** Sends an ERROR event that says 410 to the watches that match, and ends them. */
  expire(matches: (request: ApiRequest) => boolean): void {
    for (const watch of this.#open) {
      if (matches(watch.request)) expire(watch)
    }
  }

  /** Tells all watches the newest resourceVersion. */
  bookmark(): void {
    for (const watch of this.#open) this.#bookmark(watch)
  }

  /** While held, watches stay silent and keep what they would send. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (isHeld) return
    for (const { held, response } of this.#open) {
      for (const line of held.splice(0)) response.write(line)
    }
  }

  #keep(watch: Watch): void {
    this.#open.add(watch)
    const seconds = Number(watch.request.query.get('timeoutSeconds') ?? 0)
    const timer = seconds > 0 ? setTimeout(() => watch.response.end(), seconds * 1000) : undefined
    timer?.unref()
    watch.response.on('close', () => {
      clearTimeout(timer)
      this.#open.delete(watch)
    })
  }

  #replay(watch: Watch, revision: number): boolean {
    const changes = this.#store.changesSince(revision)
    if (!changes) {
      expire(watch)
      return false
    }
    for (const change of changes) this.#sendTo(watch, change)
    return true
  }

  #send(change: StoredChange): void {
    for (const watch of this.#open) this.#sendTo(watch, change)
  }

  #sendTo(watch: Watch, { collection, object, previous }: StoredChange): void {
    if (collection !== watch.request.collection) return
    const isIn = object !== undefined && watch.matches(object)
    const wasIn = previous !== undefined && watch.matches(previous)
    const held = this.#isHeld ? watch.held : undefined
    if (isIn) write(watch, wasIn ? 'MODIFIED' : 'ADDED', object, held)
    else if (wasIn) {
      // An object that left the selection is sent as it was, at the revision of the change.
      const { metadata } = object ?? previous
      const last = { ...previous, metadata: { ...previous.metadata, ...revisionOf(metadata) } }
      write(watch, 'DELETED', last, held)
    }
  }

  #bookmark(watch: Watch, annotations?: Record<string, string>): void {
    const metadata = {
      resourceVersion: String(this.#store.revision),
      ...(annotations && { annotations }),
    }
    write(watch, 'BOOKMARK', { metadata }, this.#isHeld ? watch.held : undefined)
  }
}

function revisionOf({ resourceVersion }: WireObject['metadata']): { resourceVersion: string } {
  return { resourceVersion }
}

function expire({ response }: Watch): void {
  const { status } = new Refusal(410, 'Expired', 'too old resource version')
  response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
}

function write({ response }: Watch, type: string, object: unknown, held?: string[]): void {
  const line = `${JSON.stringify({ type, object })}\n`
  if (held) held.push(line)
  else response.write(line)
}
