// SPDX-License-Identifier: Apache-2.0
// Keeps the shape of the house: which folder may import which, no circles between files, files that
// fit a head, and a licence line on top. docs/architecture.md shows the same table.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What each folder of src may import, besides itself. Tests may import anything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  util: [],
  observe: ['util'],
  kube: ['util', 'observe'],
  provider: ['util', 'kube'],
  runtime: ['util', 'observe', 'kube', 'provider'],
  node: ['util', 'observe', 'kube', 'provider', 'runtime'],
  pods: ['util', 'observe', 'kube', 'provider', 'runtime'],
  kubelet: ['util', 'observe', 'kube', 'provider', 'runtime', 'node', 'pods'],
  providers: ['util', 'provider', 'runtime', 'kube'],
  testing: ['util', 'kube', 'provider', 'runtime'],
  'control-plane': ['util', 'observe', 'kube'],
  cli: [
    'util',
    'observe',
    'kube',
    'provider',
    'runtime',
    'node',
    'pods',
    'kubelet',
    'providers',
    'control-plane',
  ],
}

/** Of kube, providers may use the types and what an event is; never the client. */
const kubeForProviders = ['kube/types.gen.ts', 'kube/event-recorder.ts']

const lineCeiling = 400

interface Import {
  readonly from: string
  readonly to: string
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'))
const sources = files.filter((file) => !file.endsWith('.test.ts'))
const imports = sources.flatMap(importsOf)

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, 'src', file), 'utf8')
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...found].map(([, path]) => ({
    from: file,
    to: relative(join(root, 'src'), normalize(join(root, 'src', dirname(file), path ?? ''))),
  }))
}

const folderOf = (file: string): string => (file.includes('/') ? (file.split('/', 1)[0] ?? '') : '')
const providerOf = (file: string): string => file.split('/')[1] ?? ''

test('there is something to check', () => {
  assert.ok(sources.length > 50, `only ${sources.length} source files were found`)
  assert.ok(imports.length > 100, `only ${imports.length} imports were found`)
})

test('folders import only what lies below them', () => {
  const wrong = imports.filter(({ from, to }) => {
    const [source, target] = [folderOf(from), folderOf(to)]
    if (source === '' || source === target) return false
    return !(mayImport[source] ?? []).includes(target)
  })
  assert.deepEqual(wrong, [])
})

test('nothing that ships imports from outside src', () => {
  assert.deepEqual(
    imports.filter(({ to }) => to.startsWith('..')),
    [],
  )
})

test('a provider imports no other provider, and of kube only types', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (folderOf(from) !== 'providers') return false
    if (folderOf(to) === 'providers') return providerOf(from) !== providerOf(to)
    return folderOf(to) === 'kube' && !kubeForProviders.includes(to)
  })
  assert.deepEqual(wrong, [])
})

test('no file imports itself by a detour', () => {
  const graph = new Map<string, string[]>()
  for (const { from, to } of imports) graph.set(from, [...(graph.get(from) ?? []), to])
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...way, file])
    done.add(file)
  }
  for (const file of sources) walk(file, [])
  assert.deepEqual(circles, [])
})

test('a start loads nothing that writes certificates: few starts need it, and it is slow to load', () => {
  const loaded = new Set<string>()
  const load = (file: string): void => {
    if (loaded.has(file)) return
    loaded.add(file)
    const text = readFileSync(join(root, 'src', file), 'utf8')
    for (const [, name = ''] of text.matchAll(
      /^(?:import|export) (?!type )(?:[^'()]*? from )?'([^']+)'/gm,
    )) {
      if (name.startsWith('.')) load(join(dirname(file), name))
      else loaded.add(name)
    }
  }
  load('cli/start.ts')
  assert.ok(loaded.has('undici'), 'its client')
  assert.ok(!loaded.has('@peculiar/x509'))
})

test(`files of logic have at most ${lineCeiling} lines`, () => {
  const long = sources
    .filter((file) => !file.endsWith('.gen.ts'))
    .map((file) => ({
      file,
      lines: readFileSync(join(root, 'src', file), 'utf8').split('\n').length - 1,
    }))
    .filter(({ lines }) => lines > lineCeiling)
  assert.deepEqual(long, [])
})

test('each file opens with its licence and what it is for', () => {
  const bare = files.filter((file) => {
    const [licence = '', purpose = ''] = readFileSync(join(root, 'src', file), 'utf8').split('\n')
    const opens = licence === '// SPDX-License-Identifier: Apache-2.0'
    return !opens || (!file.endsWith('.test.ts') && !purpose.startsWith('// '))
  })
  assert.deepEqual(bare, [])
})
