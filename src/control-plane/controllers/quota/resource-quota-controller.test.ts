// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildContainer, buildPod } from '../../../../test/support/build-pod.ts'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { configMaps, pods, services } from '../../../kube/resources.ts'
import type { PodSpec } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { resourceQuotas } from '../namespaces/cluster-kinds.ts'
import { jobs, persistentVolumeClaims } from '../workload/workload-resources.ts'
import { startResourceQuotaController } from './resource-quota-controller.ts'

const at = { namespace: 'ns', name: 'q' }
const resources = [configMaps, pods, services, jobs, persistentVolumeClaims]

async function usage(
  spec: { hard: Readonly<Record<string, string>>; scopes?: readonly string[] },
  seed: (api: FakeClusterApi) => void,
) {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  await using _ = startResourceQuotaController({ api, clock, log: silentLogger }, { resources })
  api.seed(resourceQuotas, { metadata: at, spec })
  await api.settled()
  seed(api)
  await clock.advance(200)
  await api.settled()
  assert.deepEqual(api.get(resourceQuotas, at)?.status?.hard, spec.hard)
  return api.get(resourceQuotas, at)?.status?.used
}

const asking = (
  name: string,
  {
    requests = {},
    limits = {},
  }: { requests?: Record<string, string>; limits?: Record<string, string> },
  spec: Partial<PodSpec> = {},
  phase = 'Running',
) =>
  buildPod({
    metadata: { name },
    spec: { containers: [buildContainer({ resources: { requests, limits } })], ...spec },
    status: { phase },
  })

describe('startResourceQuotaController', () => {
  it('sums up what pods that have not ended ask for, in their notation', async () => {
    const hard = {
      pods: '10',
      'count/pods': '10',
      'requests.cpu': '4',
      'limits.memory': '8Gi',
      'requests.example.com/gpu': '2',
    }
    const used = await usage({ hard }, (api) => {
      const requests = { cpu: '250m', 'example.com/gpu': '1' }
      api.seed(pods, asking('a', { requests, limits: { memory: '64Mi' } }))
      api.seed(pods, asking('b', { requests: { cpu: '1' }, limits: { memory: '64Mi' } }))
      api.seed(pods, asking('c', { requests: { cpu: '9' } }, {}, 'Succeeded'))
    })
    assert.deepEqual(used, {
      pods: '2',
      'count/pods': '3',
      'requests.cpu': '1250m',
      'limits.memory': '128Mi',
      'requests.example.com/gpu': '1',
    })
  })

  it('counts objects, node ports and storage', async () => {
    const hard = {
      'count/jobs.batch': '5',
      configmaps: '5',
      services: '5',
      'services.nodeports': '5',
      'requests.storage': '10Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'count/things.example.com': '1',
    }
    const used = await usage({ hard }, (api) => {
      api.seed(jobs, { metadata: { namespace: 'ns', name: 'j' }, spec: { template: {} } })
      api.seed(configMaps, { metadata: { namespace: 'ns', name: 'c' } })
      api.seed(configMaps, { metadata: { namespace: 'elsewhere', name: 'c' } })
      const ports = [{ port: 80 }, { port: 81 }]
      api.seed(services, {
        metadata: { namespace: 'ns', name: 's' },
        spec: { type: 'NodePort', ports },
      })
      api.seed(persistentVolumeClaims, {
        metadata: { namespace: 'ns', name: 'v' },
        spec: { storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } },
      })
    })
    assert.deepEqual(used, {
      'count/jobs.batch': '1',
      configmaps: '1',
      services: '1',
      'services.nodeports': '2',
      'requests.storage': '1Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    })
  })

  it('counts only pods in its scopes', async () => {
    const used = await usage(
      { hard: { pods: '5' }, scopes: ['BestEffort', 'NotTerminating'] },
      (api) => {
        api.seed(pods, asking('plain', {}))
        api.seed(pods, asking('asking', { requests: { cpu: '1' } }))
        api.seed(pods, asking('short', {}, { activeDeadlineSeconds: 10 }))
      },
    )
    assert.deepEqual(used, { pods: '1' })
  })
})
