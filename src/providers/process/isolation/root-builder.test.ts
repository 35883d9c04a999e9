// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { FileTree, TreeEntry } from './file-tree.ts'
import { rootArguments } from './root-arguments.ts'
import { RootBuilder, RootError } from './root-builder.ts'
import { madeDir, readOnlyBind, writableBind } from './root-node.ts'
import type { RootNode } from './root-node.ts'

/** A tree of directories (`null`), files (`''`) and links (their targets), by path. */
function treeOf(entries: Readonly<Record<string, string | null>>): FileTree {
  const entry = (path: string): TreeEntry | undefined => {
    const found = path === '/' ? null : entries[path]
    if (found === undefined) return undefined
    return { kind: found === null ? 'dir' : found === '' ? 'file' : 'link', mode: 0o755 }
  }
  return {
    entry,
    target: (path) => entries[path] ?? '',
    real: (path) => (entry(path) ? path : undefined),
    names: (path) =>
      Object.keys(entries)
        .filter((one) => join(one, '..') === path)
        .map((one) => one.slice(one.lastIndexOf('/') + 1)),
  }
}

const host = treeOf({
  '/etc': null,
  '/etc/app': null,
  '/etc/app/old': '',
  '/etc/hosts': '',
  '/etc/loop': 'loop',
  '/run': null,
  '/var': null,
  '/var/run': '/run',
  '/var/up': '../etc/app',
  '/volumes': null,
  '/volumes/a': null,
  '/volumes/a/file': '',
  '/volumes/a/out': '/etc',
})

function builderOf(more: Readonly<Record<string, RootNode>> = {}): RootBuilder {
  const root = madeDir()
  for (const name of ['etc', 'var', 'run']) root.children.set(name, readOnlyBind(`/${name}`))
  for (const [name, node] of Object.entries(more)) root.children.set(name, node)
  return new RootBuilder(root, host)
}

const words = (builder: RootBuilder): string => rootArguments(builder.root).join(' ')

test('a mount point that is there is used as it is', () => {
  const builder = builderOf()
  assert.equal(builder.put('/etc/app', readOnlyBind('/volumes/a')), '/etc/app')
  assert.match(words(builder), /--ro-bind \/etc \/etc --ro-bind \/volumes\/a \/etc\/app /)
})

test('one that is missing takes the place of its parent, which keeps what it had', () => {
  const builder = builderOf()
  builder.put('/etc/app/new', readOnlyBind('/volumes/a'))
  assert.match(
    words(builder),
    /--ro-bind \/etc \/etc --perms 0755 --tmpfs \/etc\/app --ro-bind-try \/etc\/app\/old \/etc\/app\/old --ro-bind \/volumes\/a \/etc\/app\/new --remount-ro \/etc\/app/,
  )
  assert.equal(builder.find('/etc/app/old')?.hostPath, '/etc/app/old')
  assert.equal(builder.find('/etc/app/new/file')?.hostPath, '/volumes/a/file')
})

test('links on the way are the container’s own', () => {
  const builder = builderOf()
  assert.equal(builder.put('/var/run/secrets/x', readOnlyBind('/volumes/a')), '/run/secrets/x')
  assert.equal(builder.put('/var/up/new', readOnlyBind('/volumes/a')), '/etc/app/new')
  builder.put('/data', writableBind('/volumes/a'))
  assert.equal(builder.find('/data/out/hosts')?.hostPath, '/etc/hosts')
  assert.throws(() => builder.find('/etc/loop'), RootError)
})

test('an outer mount hides what is below it, and an inner one lies in it', () => {
  const builder = builderOf()
  builder.put('/data', readOnlyBind('/volumes/a'))
  builder.put('/data/file', readOnlyBind('/etc/hosts'))
  assert.equal(builder.find('/data/file')?.hostPath, '/etc/hosts')
  assert.match(words(builder), /\/volumes\/a \/data --ro-bind \/etc\/hosts \/data\/file/)
  assert.equal(builder.find('/data/missing'), undefined)
})

test('a file does not cover a directory, nor a directory a file, and nothing covers all', () => {
  const builder = builderOf()
  assert.throws(() => builder.put('/etc/hosts', readOnlyBind('/volumes/a')), /there is a file/)
  assert.throws(() => builder.put('/etc/app', readOnlyBind('/etc/hosts')), /there is a directory/)
  assert.throws(
    () => builder.put('/etc/hosts/x', readOnlyBind('/volumes/a')),
    /a file is in the way/,
  )
  assert.throws(() => builder.put('/', readOnlyBind('/volumes/a')), /take the place of everything/)
  builder.put('/proc', { kind: 'proc', children: new Map() })
  assert.throws(() => builder.put('/proc/1', readOnlyBind('/volumes/a')), /inside of \/proc/)
})

test('a place in what others change is told', () => {
  const builder = builderOf({ data: { ...writableBind('/volumes/a'), isShared: true } })
  assert.equal(builder.isWithinShared(builder.put('/data/x', readOnlyBind('/volumes/a'))), true)
  assert.equal(builder.isWithinShared('/data'), false)
  assert.equal(builder.isWithinShared('/etc/app'), false)
})

test('whatever is mounted where, each is found at its place unless a later one hides it', () => {
  const name = fc.constantFrom('etc', 'app', 'var', 'run', 'up', 'new', 'data', '..', '.')
  const paths = fc.array(
    fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => `/${names.join('/')}`),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(paths, (all) => {
      const builder = builderOf()
      let last: string | undefined
      for (const path of all) {
        try {
          last = builder.put(path, writableBind('/volumes/a'))
        } catch (error) {
          assert.ok(error instanceof RootError)
          continue
        }
        assert.equal(builder.find(path)?.hostPath, '/volumes/a')
        assert.ok(!last.split('/').includes('..'))
        assert.ok(words(builder).includes(` /volumes/a ${last}`))
      }
    }),
  )
})
