// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { pods, services } from '../../../kube/resources.ts'
import type { Pod, Service } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { endpointSlices, endpoints } from '../namespaces/cluster-kinds.ts'
import { startEndpointSliceController } from './endpoint-slice-controller.ts'
import { startEndpointsController } from './endpoints-controller.ts'
import { maxEndpoints, planSlices, sliceContents } from './slice-plan.ts'

const labels = { app: 'web' }

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const context = { api, clock, log: silentLogger }
  const stack = new AsyncDisposableStack()
  stack.use(startEndpointsController(context))
  stack.use(startEndpointSliceController(context))
  const settle = async () => {
    await clock.advance(100)
    await api.settled()
  }
  return { api, settle, stack }
}

const backend = (
  name: string,
  ip: string,
  isReady = true,
  metadata: Partial<Pod['metadata']> = {},
) =>
  buildPod({
    metadata: { name, labels, ...metadata },
    spec: {
      nodeName: 'one',
      containers: [buildContainer({ ports: [{ name: 'http', containerPort: 8080 }] })],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  })

const spec: Service['spec'] = {
  selector: labels,
  clusterIP: '10.96.0.9',
  ports: [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' }],
}
const at = { namespace: 'ns', name: 'svc' }

describe('startEndpointsController and startEndpointSliceController', () => {
  it('name the addresses of pods, ready and not', async () => {
    const { api, settle, stack } = start()
    await using _ = stack
    api.seed(services, { metadata: at, spec })
    await settle()
    assert.deepEqual(api.get(endpoints, at)?.subsets ?? [], [])
    assert.deepEqual(api.list(endpointSlices)[0]?.endpoints, [])
    api.seed(pods, backend('b', '10.0.0.2', false))
    api.seed(pods, backend('a', '10.0.0.1'))
    api.seed(pods, backend('other', '10.0.0.3', true, { labels: {} }))
    await settle()
    const object = api.get(endpoints, at)
    assert.deepEqual(
      object?.subsets?.map((subset) => ({
        addresses: subset.addresses?.map(({ ip }) => ip),
        notReady: subset.notReadyAddresses?.map(({ ip }) => ip),
        ports: subset.ports,
      })),
      [
        {
          addresses: ['10.0.0.1'],
          notReady: ['10.0.0.2'],
          ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
        },
      ],
    )
    assert.equal(
      object?.metadata.labels?.['endpoints.kubernetes.io/managed-by'],
      'endpoint-controller',
    )
    const slices = api.list(endpointSlices)
    assert.equal(slices.length, 1)
    assert.match(slices[0]?.metadata.name ?? '', /^svc-/)
    assert.equal(slices[0]?.metadata.labels?.['kubernetes.io/service-name'], 'svc')
    assert.deepEqual(
      slices[0]?.endpoints?.map(({ addresses, conditions }) => [addresses[0], conditions?.ready]),
      [
        ['10.0.0.1', true],
        ['10.0.0.2', false],
      ],
    )
  })

  it('let go of a pod that ends, and of the Service', async () => {
    const { api, settle, stack } = start()
    await using _ = stack
    api.seed(services, { metadata: at, spec })
    api.seed(pods, backend('a', '10.0.0.1'))
    await settle()
    await api.delete(pods, { namespace: 'ns', name: 'a' })
    await settle()
    // Terminating: not among the Endpoints any more, marked in the slice.
    assert.deepEqual(api.get(endpoints, at)?.subsets ?? [], [])
    assert.equal(api.list(endpointSlices)[0]?.endpoints?.[0]?.conditions?.terminating, true)
    await api.delete(services, at)
    await settle()
    assert.equal(api.get(endpoints, at), undefined)
  })

  it('leave the endpoints of a Service without selector alone', async () => {
    const { api, settle, stack } = start()
    await using _ = stack
    api.seed(services, { metadata: at, spec: { ports: [{ port: 80 }] } })
    api.seed(endpoints, { metadata: at, subsets: [{ addresses: [{ ip: '10.0.0.9' }] }] })
    await settle()
    assert.equal(api.get(endpoints, at)?.subsets?.[0]?.addresses?.[0]?.ip, '10.0.0.9')
    assert.equal(api.list(endpointSlices).length, 0)
    await api.delete(services, at)
    await settle()
    assert.ok(api.get(endpoints, at))
  })

  it('write nothing when nothing that they show has changed', async () => {
    const { api, settle, stack } = start()
    await using _ = stack
    api.seed(services, { metadata: at, spec: { ...spec, clusterIP: 'None' } })
    api.seed(pods, backend('a', '10.0.0.1'))
    await settle()
    assert.equal(api.get(endpoints, at)?.metadata.labels?.['service.kubernetes.io/headless'], '')
    const before = api.writes.length
    await api.patch(pods, { namespace: 'ns', name: 'a' }, { metadata: { annotations: { x: 'y' } } })
    await settle()
    assert.equal(api.writes.length, before + 1)
  })
})

describe('planSlices', () => {
  it('comes to rest with all endpoints in slices of bounded size', () => {
    const service: Service = { metadata: { ...at, uid: 'u' }, spec }
    fc.assert(
      fc.property(fc.nat(350), fc.nat(350), (before, after) => {
        const contentsFor = (count: number) => {
          const all = Array.from({ length: count }, (_, index) =>
            backend(`p${index}`, `10.0.${index >> 8}.${index & 255}`),
          )
          return sliceContents(service, all, () => undefined)
        }
        let names = 0
        const stored = (content: ReturnType<typeof contentsFor>[number]) => ({
          metadata: { namespace: 'ns', name: `s${names++}`, uid: '' },
          ...content,
        })
        let slices = contentsFor(before).map(stored)
        const contents = contentsFor(after)
        const plan = planSlices(contents, slices)
        const untouched = slices.filter(
          (slice) =>
            !plan.remove.includes(slice) && !plan.update.some((one) => one.slice === slice),
        )
        slices = [
          ...untouched,
          ...[...plan.create, ...plan.update.map((one) => one.content)].map(stored),
        ]
        const rest = planSlices(contents, slices)
        assert.equal(rest.create.length + rest.update.length + rest.remove.length, 0)
        const total = slices.reduce((sum, slice) => sum + slice.endpoints.length, 0)
        assert.equal(total, after)
        assert.ok(slices.every((slice) => slice.endpoints.length <= maxEndpoints))
      }),
      { numRuns: 30 },
    )
  })
})
