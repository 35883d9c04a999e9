// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { PodSpec } from '../../kube/types.gen.ts'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { hasStorageLimit, ownBytes, storageExcess, type LimitedStorage } from './storage-limits.ts'

const mib = 1024 * 1024

interface Used {
  readonly volumes?: Readonly<Record<string, number>>
  readonly logs?: Readonly<Record<string, number>>
  readonly layers?: Readonly<Record<string, number>>
}

/** Figures in MiB. */
function usage({ volumes = {}, logs = {}, layers = {} }: Used): LimitedStorage {
  const inBytes = (figures: Readonly<Record<string, number>>) =>
    Object.entries(figures).map(([name, amount]) => [name, amount * mib] as const)
  const asUsage = (figures: Readonly<Record<string, number>>) =>
    new Map(inBytes(figures).map(([name, usedBytes]) => [name, { usedBytes, inodes: 1 }]))
  return { volumes: asUsage(volumes), logs: asUsage(logs), layers: new Map(inBytes(layers)) }
}

const limited = (name: string, limit: string) =>
  buildContainer({ name, resources: { limits: { 'ephemeral-storage': limit } } })

const excess = (spec: Partial<PodSpec>, used: Used): string | undefined =>
  storageExcess(buildPod({ spec }), usage(used))?.message

test('an emptyDir may hold as much as its sizeLimit, and not more', () => {
  const volumes = [
    { name: 'cache', emptyDir: { sizeLimit: '1Gi' } },
    { name: 'data', emptyDir: { sizeLimit: '1024Ki' } },
  ]
  assert.equal(excess({ volumes }, { volumes: { data: 1 } }), undefined)
  assert.equal(
    excess({ volumes }, { volumes: { cache: 1, data: 2 } }),
    'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
  )
})

test('an emptyDir in memory bounds itself, and a limit of zero is none', () => {
  const memory = [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]
  assert.equal(excess({ volumes: memory }, { volumes: { m: 5 } }), undefined)
  const none = [{ name: 'm', emptyDir: { sizeLimit: '0' } }]
  assert.equal(excess({ volumes: none }, { volumes: { m: 5 } }), undefined)
})

test('a pod may take what its containers may in all: output, layers, emptyDirs and ConfigMaps', () => {
  const spec = {
    containers: [limited('a', '10Mi'), limited('b', '10Mi')],
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'settings', configMap: {} },
      { name: 'keys', secret: {} },
    ],
  }
  const within = {
    volumes: { scratch: 5, settings: 5, keys: 50 },
    logs: { a: 5 },
    layers: { b: 5 },
  }
  assert.equal(excess(spec, within), undefined)
  assert.equal(
    excess(spec, { ...within, logs: { a: 6 } }),
    'Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ',
  )
})

test('a container may take its own limit of output and layer', () => {
  const spec = { containers: [limited('a', '10Mi'), limited('b', '100Mi')] }
  assert.equal(excess(spec, { logs: { a: 5 }, layers: { a: 5, b: 60 } }), undefined)
  assert.equal(
    excess(spec, { logs: { a: 6 }, layers: { a: 5 } }),
    'Container a exceeded its local ephemeral storage limit "10Mi". ',
  )
})

test('only pods with a limit need to be measured', () => {
  assert.equal(hasStorageLimit(buildPod()), false)
  const volume = (emptyDir: object) => buildPod({ spec: { volumes: [{ name: 'v', emptyDir }] } })
  assert.equal(hasStorageLimit(volume({})), false)
  assert.equal(hasStorageLimit(volume({ sizeLimit: '1Gi' })), true)
  assert.equal(hasStorageLimit(volume({ sizeLimit: '1Gi', medium: 'Memory' })), false)
  const pod = buildPod({ spec: { initContainers: [limited('i', '1Gi')] } })
  assert.equal(hasStorageLimit(pod), true)
})

test('more usage never makes an excess go away, and without a limit there is none', () => {
  const figures = fc.record({
    volumes: fc.dictionary(fc.constantFrom('v', 'w'), fc.nat(40)),
    logs: fc.dictionary(fc.constantFrom('a', 'b'), fc.nat(40)),
    layers: fc.dictionary(fc.constantFrom('a', 'b'), fc.nat(40)),
  })
  const optionalLimit = fc.option(
    fc.nat(60).map((amount) => `${amount}Mi`),
    { nil: undefined },
  )
  fc.assert(
    fc.property(
      figures,
      fc.tuple(optionalLimit, optionalLimit, optionalLimit),
      ({ volumes, logs, layers }, [ofA, ofB, ofVolume]) => {
        const bare = (name: string) => buildContainer({ name })
        const pod = buildPod({
          spec: {
            containers: [
              ofA === undefined ? bare('a') : limited('a', ofA),
              ofB === undefined ? bare('b') : limited('b', ofB),
            ],
            volumes: [
              { name: 'v', emptyDir: ofVolume === undefined ? {} : { sizeLimit: ofVolume } },
              { name: 'w', emptyDir: {} },
            ],
          },
        })
        const before = storageExcess(pod, usage({ volumes, logs, layers }))
        if (!hasStorageLimit(pod)) assert.equal(before, undefined)
        if (before === undefined) return
        const more = (map: Readonly<Record<string, number>>) =>
          Object.fromEntries(Object.entries(map).map(([name, amount]) => [name, amount + 7]))
        const grown = usage({ volumes: more(volumes), logs: more(logs), layers: more(layers) })
        assert.notEqual(storageExcess(pod, grown), undefined)
      },
    ),
  )
})

test('what a runtime keeps for a container is its layer and its output, as far as it tells', () => {
  const about = { name: 'main', startTime: '' }
  const used = (usedBytes: number) => ({ time: '', usedBytes })
  assert.equal(ownBytes(about), undefined)
  assert.equal(ownBytes({ ...about, rootfs: used(1) }), 1)
  assert.equal(ownBytes({ ...about, logs: used(2) }), 2)
  assert.equal(ownBytes({ ...about, rootfs: used(1), logs: used(2) }), 3)
})
