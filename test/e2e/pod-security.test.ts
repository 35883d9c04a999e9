// SPDX-License-Identifier: Apache-2.0
//
// Pod Security admission: what namespaces enforce and warn of by their labels, in the words of a real API
// server. Needs no node: nothing of it ever runs.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { ApiStatusError } from './api-client.ts'
import { eventually } from './eventually.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

const prefix = 'pod-security.kubernetes.io'
const unsafe = {
  hostNetwork: true,
  hostPID: true,
  securityContext: {
    runAsUser: 0,
    seLinuxOptions: { type: 'spc_t', role: 'r' },
    sysctls: [{ name: 'kernel.msgmax', value: '1' }],
  },
  volumes: [
    { name: 'etc', hostPath: { path: '/etc' } },
    { name: 'share', nfs: { server: 's', path: '/' } },
  ],
  initContainers: [{ name: 'init', image: 'a', securityContext: { privileged: true } }],
  containers: [
    {
      name: 'main',
      image: 'a',
      ports: [{ containerPort: 80, hostPort: 80 }],
      livenessProbe: { httpGet: { port: 80, host: '10.0.0.1' } },
      securityContext: {
        capabilities: { add: ['SYS_ADMIN', 'NET_BIND_SERVICE'] },
        seccompProfile: { type: 'Unconfined' },
        appArmorProfile: { type: 'Unconfined' },
      },
    },
  ],
}

/** What the checks say of that pod. */
const says = {
  appArmor:
    'forbidden AppArmor profile (container "main" must not set AppArmor profile type to "Unconfined")',
  added:
    'non-default capabilities (container "main" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
  namespaces: 'host namespaces (hostNetwork=true, hostPID=true)',
  hostPath: 'hostPath volumes (volume "etc")',
  hostPort: 'hostPort (container "main" uses hostPort 80)',
  probes: 'probe or lifecycle host (container "main" uses probe or lifecycle host "10.0.0.1")',
  privileged: 'privileged (container "init" must not set securityContext.privileged=true)',
  seLinux:
    'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; role may not be set)',
  seccomp:
    'seccompProfile (container "main" must not set securityContext.seccompProfile.type to "Unconfined")',
  sysctls: 'forbidden sysctls (kernel.msgmax)',
  escalation:
    'allowPrivilegeEscalation != false (containers "init", "main" must set securityContext.allowPrivilegeEscalation=false)',
  kept: 'unrestricted capabilities (containers "init", "main" must set securityContext.capabilities.drop=["ALL"]; container "main" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
  volumes:
    'restricted volume types (volumes "etc", "share" use restricted volume types "hostPath", "nfs")',
  nonRoot:
    'runAsNonRoot != true (pod or containers "init", "main" must set securityContext.runAsNonRoot=true)',
  user: 'runAsUser=0 (pod must not set runAsUser=0)',
}

const plain = { containers: [{ name: 'main', image: 'a' }] }
const ofPlain = [
  'allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false)',
  'unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"])',
  'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)',
  'seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
].join(', ')

describe('Pod Security', { skip: skipReason }, () => {
  const cluster = useCluster()

  before(async () => {
    await namespace('strict', { enforce: 'restricted' })
    await namespace('warned', {
      enforce: 'baseline',
      'enforce-version': 'v1.30',
      warn: 'restricted',
    })
    await namespace('free', {})
  })

  async function namespace(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const full = Object.entries(labels).map(([key, value]) => [`${prefix}/${key}`, value])
    const metadata = { name, labels: Object.fromEntries(full) as Record<string, string> }
    await cluster().create({ apiVersion: 'v1', kind: 'Namespace', metadata })
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`
    await eventually(() => cluster().api('GET', account), { what: `the account of ${name}` })
  }

  /** The sentences of warnings, or of the refusal behind a first `refused: `. */
  async function told(path: string, body: object, method = 'POST'): Promise<readonly string[]> {
    const sentences: string[] = []
    const onWarning = (sentence: string): void => void sentences.push(sentence)
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    try {
      await cluster().api(method, path, { body, contentType, onWarning })
      return sentences
    } catch (error) {
      if (!(error instanceof ApiStatusError)) throw error
      const { message } = JSON.parse(error.message.replace(/^[^{]*/, '')) as { message: string }
      return [...sentences, `refused: ${message}`]
    }
  }

  const podIn = async (name: string, spec: object, pod = 'web') =>
    await told(`/api/v1/namespaces/${name}/pods`, { metadata: { name: pod }, spec })

  test('a pod that violates the level is refused with all that is wrong', async () => {
    const { appArmor, namespaces, hostPort, privileged, seLinux, seccomp, sysctls, ...more } = says
    const restricted = [
      appArmor,
      namespaces,
      hostPort,
      more.probes,
      privileged,
      seLinux,
      sysctls,
      more.escalation,
      more.kept,
      more.volumes,
      more.nonRoot,
      more.user,
      seccomp,
    ].join(', ')
    assert.deepEqual(await podIn('strict', unsafe), [
      `refused: pods "web" is forbidden: violates PodSecurity "restricted:latest": ${restricted}`,
    ])
    const baseline = [
      appArmor,
      more.added,
      namespaces,
      more.hostPath,
      hostPort,
      privileged,
      seLinux,
      seccomp,
      sysctls,
    ].join(', ')
    assert.deepEqual(await podIn('warned', unsafe), [
      `refused: pods "web" is forbidden: violates PodSecurity "baseline:v1.30": ${baseline}`,
    ])
  })

  test('pods and templates that are let in with a warning', async () => {
    const warning = `would violate PodSecurity "restricted:latest": ${ofPlain}`
    assert.deepEqual(await podIn('warned', plain), [warning])
    const labels = { app: 'web' }
    const template = { metadata: { labels }, spec: plain }
    const deployment = {
      metadata: { name: 'web' },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    }
    for (const name of ['warned', 'strict']) {
      const path = `/apis/apps/v1/namespaces/${name}/deployments`
      assert.deepEqual(await told(path, deployment), [warning])
    }
  })

  test('what a controller makes is refused as its event says', async () => {
    const job = {
      metadata: { name: 'refused' },
      spec: { template: { spec: { ...plain, restartPolicy: 'Never' } } },
    }
    await told('/apis/batch/v1/namespaces/strict/jobs', job)
    const path = '/api/v1/namespaces/strict/events?fieldSelector=involvedObject.name%3Drefused'
    const event = await eventually(
      async () => {
        const { items } = await cluster().api<{
          readonly items: readonly { readonly reason: string; readonly message: string }[]
        }>('GET', path)
        return items.find(({ reason }) => reason === 'FailedCreate')
      },
      { what: 'the event of a refused pod' },
    )
    assert.equal(
      event.message.replace(/"refused-\w+"/, '"refused-x"'),
      `Error creating: pods "refused-x" is forbidden: violates PodSecurity "restricted:latest": ${ofPlain}`,
    )
  })

  test('labels that mean nothing are refused, and a stricter level tells of the pods there', async () => {
    assert.deepEqual(await podIn('free', { ...plain, hostNetwork: true }, 'host'), [])
    assert.deepEqual(await podIn('free', plain, 'one'), [])
    assert.deepEqual(await podIn('free', plain, 'two'), [])
    const relabel = async (labels: Readonly<Record<string, string>>, query = '') => {
      const full = Object.entries(labels).map(([key, value]) => [`${prefix}/${key}`, value])
      const body = { metadata: { labels: Object.fromEntries(full) as object } }
      return await told(`/api/v1/namespaces/free${query}`, body, 'PATCH')
    }
    // kube-apiserver has its pods from a watch of its own.
    await eventually(
      async () => {
        const sentences = (await relabel({ enforce: 'restricted' }, '?dryRun=All')).join()
        return /host: /.test(sentences) && /\(and 1 other pod\)/.test(sentences)
      },
      { what: 'admission to know of all three pods' },
    )
    const at = `metadata.labels[${prefix}/enforce`
    assert.deepEqual(await relabel({ enforce: 'safe', 'enforce-version': '1.30' }), [
      `refused: Namespace "free" is invalid: [${at}]: Invalid value: "safe": must be one of privileged, baseline, restricted, ${at}-version]: Invalid value: "1.30": must be "latest" or "v1.x"]`,
    ])
    const reasons =
      'allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile'
    assert.deepEqual(await relabel({ enforce: 'restricted' }), [
      'existing pods in namespace "free" violate the new PodSecurity enforce level "restricted:latest"',
      `host: host namespaces, ${reasons}`,
      `one (and 1 other pod): ${reasons}`,
    ])
    assert.deepEqual(await relabel({ enforce: 'baseline' }), [])
  })
})
