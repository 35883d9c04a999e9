// SPDX-License-Identifier: Apache-2.0
// Objects and lists as the bytes of an answer, in each of the shapes of negotiation.ts. The usual shape
// of a stored object is its bytes in storage: nothing is encoded twice.
import { shown } from '../api/api-core.ts'
import type { ListPage } from '../api/list-objects.ts'
import type { WatchEvent } from '../api/watch-objects.ts'
import { notAcceptable } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { printerOf } from '../printing/printers.ts'
import type { TablePrinter } from '../printing/table-printer.ts'
import { apiVersionOf } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { Stored } from '../storage/store.ts'
import type { AnswerShape } from './negotiation.ts'

/** Encodes for one request. */
export interface Encoder {
  readonly object: (object: KubeObject) => Buffer
  /** In parts, so that a large list need not be copied into one piece. */
  readonly list: (page: ListPage) => Iterable<Buffer>
  readonly event: (event: WatchEvent) => Buffer
}

/** What a table may say of its objects besides the cells: `includeObject` of the query. */
export interface EncoderOptions {
  readonly shape: AnswerShape
  readonly includeObject: string
  readonly nowMs: () => number
}

export function encoderFor(resource: ResourceDefinition, options: EncoderOptions): Encoder {
  const { shape } = options
  switch (shape.as) {
    case 'object':
      return objectEncoder(resource)
    case 'metadata':
      return metadataEncoder(resource, shape.apiVersion)
    case 'table': {
      const printer = printerOf(resource)
      if (!printer) throw notAcceptable(['application/json'])
      return tableEncoder(resource, { ...options, printer, apiVersion: shape.apiVersion })
    }
    default:
      return shape satisfies never
  }
}

const firstObject = Buffer.from('{')
const nextObject = Buffer.from(',{')
const batchBytes = 256 * 1024

function objectEncoder(resource: ResourceDefinition): Encoder {
  const bytesOf = (stored: Stored): Buffer =>
    resource.fromStorage ? encode(resource.fromStorage(stored.object)) : stored.json
  const kinds = kindFields(resource)
  return {
    object: encode,
    *list(page) {
      const head = encode({
        kind: `${resource.kind}List`,
        apiVersion: apiVersionOf(resource),
        metadata: listMeta(page),
      })
      yield Buffer.concat([head.subarray(0, -1), Buffer.from(',"items":[')])
      yield* joined(page.items, (stored) => withoutKind(bytesOf(stored), kinds))
      yield Buffer.from(']}\n')
    },
    event: (event) => {
      if (event.type === 'ERROR') return framed('ERROR', encode(event.status))
      if (event.type === 'BOOKMARK') return framed('BOOKMARK', encode(bookmark(resource, event)))
      return resource.fromStorage
        ? framed(event.type, bytesOf(event.stored))
        : cachedFrame(event.type, event.stored)
    },
  }
}

/** How objects of this kind begin, with what a list says once for all of them. */
function kindFields(resource: ResourceDefinition): readonly Buffer[] {
  const kind = `"kind":${JSON.stringify(resource.kind)}`
  const apiVersion = `"apiVersion":${JSON.stringify(apiVersionOf(resource))}`
  return [`{${apiVersion},${kind},`, `{${kind},${apiVersion},`].map((text) => Buffer.from(text))
}

/** All but the opening brace. An object that names its kind somewhere in the middle keeps it. */
function withoutKind(json: Buffer, kinds: readonly Buffer[]): Buffer {
  const known = kinds.find(
    (fields) => json.compare(fields, 0, fields.length, 0, fields.length) === 0,
  )
  return json.subarray(known?.length ?? 1)
}

function* joined(items: readonly Stored[], restOf: (stored: Stored) => Buffer): Iterable<Buffer> {
  let batch: Buffer[] = []
  let bytes = 0
  for (const [index, stored] of items.entries()) {
    batch.push(index > 0 ? nextObject : firstObject)
    const json = restOf(stored)
    batch.push(json)
    bytes += json.length + 1
    if (bytes < batchBytes) continue
    yield Buffer.concat(batch)
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield Buffer.concat(batch)
}

// All watchers of an object get the same bytes.
const frames = { ADDED: new WeakMap(), MODIFIED: new WeakMap(), DELETED: new WeakMap() } as const

function cachedFrame(type: keyof typeof frames, stored: Stored): Buffer {
  const cache = frames[type] as WeakMap<Stored, Buffer>
  let frame = cache.get(stored)
  if (!frame) cache.set(stored, (frame = framed(type, stored.json)))
  return frame
}

function metadataEncoder(resource: ResourceDefinition, apiVersion: string): Encoder {
  const reduced = (object: KubeObject) => ({
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata: object.metadata,
  })
  return {
    object: (object) => encode(reduced(object)),
    *list(page) {
      yield encode({
        kind: 'PartialObjectMetadataList',
        apiVersion,
        metadata: listMeta(page),
        items: page.items.map((stored) => reduced(shown(resource, stored))),
      })
    },
    event: (event) => {
      if (event.type === 'ERROR') return framed('ERROR', encode(event.status))
      const object =
        event.type === 'BOOKMARK' ? bookmark(resource, event) : shown(resource, event.stored)
      return framed(event.type, encode(reduced(object)))
    },
  }
}

interface TableOptions extends EncoderOptions {
  readonly printer: TablePrinter
  readonly apiVersion: string
}

function tableEncoder(resource: ResourceDefinition, options: TableOptions): Encoder {
  let hasSentColumns = false
  const rowOf = (object: KubeObject) => {
    const conditions = options.printer.conditions?.(object) ?? []
    return {
      cells: options.printer.row(object, options.nowMs()),
      ...(conditions.length > 0 && { conditions }),
      object: includedObject(object, options),
    }
  }
  const table = (metadata: object, rows: readonly object[], withColumns = true) => ({
    kind: 'Table',
    apiVersion: options.apiVersion,
    metadata,
    columnDefinitions: withColumns ? options.printer.columns : null,
    rows,
  })
  return {
    object: (object) => encode(table(versionOf(object), [rowOf(object)])),
    *list(page) {
      const rows = page.items.map((stored) => rowOf(shown(resource, stored)))
      yield encode(table(listMeta(page), rows))
    },
    event: (event) => {
      if (event.type === 'ERROR') return framed('ERROR', encode(event.status))
      const object =
        event.type === 'BOOKMARK' ? bookmark(resource, event) : shown(resource, event.stored)
      const rows = event.type === 'BOOKMARK' ? [] : [rowOf(object)]
      const content = table(object.metadata, rows, !hasSentColumns)
      hasSentColumns = true
      return framed(event.type, encode(content))
    },
  }
}

function includedObject(object: KubeObject, { includeObject, apiVersion }: TableOptions): unknown {
  if (includeObject === 'None') return null
  if (includeObject === 'Object') return object
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata }
}

function versionOf({ metadata }: KubeObject): object {
  return { resourceVersion: metadata.resourceVersion }
}

function bookmark(
  resource: ResourceDefinition,
  { revision, isInitialEnd }: WatchEvent & { readonly type: 'BOOKMARK' },
): KubeObject {
  return {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(revision),
      ...(isInitialEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
    },
  }
}

function listMeta({ revision, continue: token, remainingItemCount }: ListPage): object {
  return {
    resourceVersion: String(revision),
    ...(token !== undefined && { continue: token }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  }
}

function framed(type: string, object: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, Buffer.from('}\n')])
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
