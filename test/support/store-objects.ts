// SPDX-License-Identifier: Apache-2.0
// Small objects and stores for tests of storage.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KubeObject } from '../../src/control-plane/objects/kube-object.ts'
import type { StoreOptions } from '../../src/control-plane/storage/journaled-store.ts'
import { createMemoryStore } from '../../src/control-plane/storage/memory-store.ts'
import { openSqliteStore } from '../../src/control-plane/storage/sqlite-store.ts'
import type { ObjectKey, Store } from '../../src/control-plane/storage/store.ts'

export function keyOf(name: string, namespace = 'default', resource = 'pods'): ObjectKey {
  return { resource, namespace, name }
}

/** An object for `key`; `text` tells states apart. */
export function objectFor({ namespace, name }: ObjectKey, text = ''): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(namespace !== '' && { namespace }),
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    data: { text },
  }
}

/** A temporary folder, gone with all in it when disposed. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'store-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The kinds of store, each opened empty; disposing removes what it left. */
export const storeKinds: Readonly<Record<string, (options?: StoreOptions) => Promise<Store>>> = {
  memory: async (options) => createMemoryStore(options),
  sqlite: async (options) => {
    const folder = await temporaryFolder()
    const store = await openSqliteStore({ ...options, path: join(folder.path, 'store.db') })
    const close = store[Symbol.asyncDispose].bind(store)
    store[Symbol.asyncDispose] = async () => {
      await close()
      await folder[Symbol.asyncDispose]()
    }
    return store
  },
}
