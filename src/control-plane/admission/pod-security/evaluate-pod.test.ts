// SPDX-License-Identifier: Apache-2.0
// Each check with a pod that violates it; the sentences are those of a real API server 1.36.3.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../../kube/types.gen.ts'
import { detailText, evaluatePod, reasonText } from './evaluate-pod.ts'
import type { LevelVersion } from './policy.ts'

interface Shape {
  readonly spec?: object
  readonly container?: object
  readonly annotations?: Readonly<Record<string, string>>
}

const safe = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

/** A pod that the restricted level allows, and what is different about it. */
function pod({ spec = {}, container = {}, annotations = {} }: Shape) {
  const main = { name: 'main', image: 'a', securityContext: safe, ...container }
  return { annotations, spec: { containers: [main], ...spec } as unknown as PodSpec }
}

function said(shape: Shape, level: LevelVersion['level'], version = 'latest'): string {
  return detailText(evaluatePod({ level, version }, pod(shape)))
}

const context = (more: object): Shape => ({ container: { securityContext: { ...safe, ...more } } })
const ofPod = (securityContext: object): Shape => ({ spec: { securityContext } })
const { seccompProfile: _, ...withoutSeccomp } = safe

const baseline: Readonly<Record<string, Shape>> = {
  'host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)': {
    spec: { hostNetwork: true, hostPID: true, hostIPC: true },
  },
  'hostPath volumes (volumes "a", "b")': {
    spec: {
      volumes: [
        { name: 'a', hostPath: { path: '/' } },
        { name: 'b', hostPath: { path: '/' } },
      ],
    },
  },
  'hostPort (container "main" uses hostPorts 10, 9)': {
    container: { ports: [{ hostPort: 9 }, { hostPort: 10 }, { hostPort: 0 }] },
  },
  'probe or lifecycle host (container "main" uses probe or lifecycle hosts "10.0.0.1", "there")': {
    container: {
      livenessProbe: { httpGet: { port: 80, host: 'there' } },
      lifecycle: { preStop: { tcpSocket: { port: 80, host: '10.0.0.1' } } },
    },
  },
  'privileged (container "main" must not set securityContext.privileged=true)': context({
    privileged: true,
  }),
  'non-default capabilities (container "main" must not include "ALL", "SYS_ADMIN" in securityContext.capabilities.add)':
    context({ capabilities: { add: ['SYS_ADMIN', 'CHOWN', 'ALL'] } }),
  'procMount (container "main" must not set securityContext.procMount to "Unmasked")': context({
    procMount: 'Unmasked',
  }),
  'seLinuxOptions (pod and container "main" set forbidden securityContext.seLinuxOptions: types "x_t", "y_t"; user may not be set; role may not be set)':
    {
      ...ofPod({ seLinuxOptions: { type: 'y_t', role: 'r' } }),
      ...context({ seLinuxOptions: { type: 'x_t', user: 'u' } }),
    },
  'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")': ofPod({
    seccompProfile: { type: 'Unconfined' },
  }),
  'forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/main="unconfined"")':
    {
      ...ofPod({ appArmorProfile: { type: 'Unconfined' } }),
      annotations: { 'container.apparmor.security.beta.kubernetes.io/main': 'unconfined' },
    },
  'forbidden sysctls (kernel.msgmax, net.core.somaxconn)': ofPod({
    sysctls: ['kernel.msgmax', 'net.ipv4.tcp_rmem', 'net.core.somaxconn'].map((name) => ({ name })),
  }),
  'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)': ofPod({
    windowsOptions: { hostProcess: true },
  }),
}

const restricted: Readonly<Record<string, Shape>> = {
  'allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false)':
    context({ allowPrivilegeEscalation: undefined }),
  'unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]; container "main" must not include "CHOWN" in securityContext.capabilities.add)':
    context({ capabilities: { add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
  'restricted volume types (volume "a" uses restricted volume type "nfs")': {
    spec: { volumes: [{ name: 'a', nfs: {} }] },
  },
  'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)':
    context({ runAsNonRoot: undefined }),
  'runAsNonRoot != true (pod and container "main" must not set securityContext.runAsNonRoot=false)':
    { ...ofPod({ runAsNonRoot: false }), ...context({ runAsNonRoot: false }) },
  'runAsUser=0 (pod must not set runAsUser=0)': ofPod({ runAsUser: 0 }),
  'seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")':
    { container: { securityContext: withoutSeccomp } },
}

test('a pod that gives everything away that it can is allowed by all', () => {
  assert.equal(said({}, 'restricted'), '')
  assert.equal(said(ofPod(safe), 'restricted'), '')
})

for (const [sentence, shape] of Object.entries(baseline)) {
  test(`baseline: ${sentence}`, () => {
    assert.equal(said(shape, 'baseline'), sentence)
    assert.equal(said(shape, 'privileged'), '')
    assert.notEqual(said(shape, 'restricted'), '')
  })
}

for (const [sentence, shape] of Object.entries(restricted)) {
  test(`restricted: ${sentence}`, () => {
    assert.equal(said(shape, 'restricted'), sentence)
    assert.equal(said(shape, 'baseline'), '')
  })
}

test('a bare pod violates all that restricted asks for, in this order', () => {
  const bare = { container: { securityContext: undefined } }
  assert.equal(
    reasonText(evaluatePod({ level: 'restricted', version: 'latest' }, pod(bare))),
    'allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
  )
})

test('init and ephemeral containers are looked at too', () => {
  const main = { name: 'main', image: 'a', securityContext: { privileged: true } }
  const others = {
    initContainers: [{ ...main, name: 'init' }],
    ephemeralContainers: [{ ...main, name: 'debug' }],
  }
  assert.equal(
    said({ spec: others, container: main }, 'baseline'),
    'privileged (containers "init", "main", "debug" must not set securityContext.privileged=true)',
  )
})

test('a check is as it was in the version that is asked for', () => {
  const host = { container: { livenessProbe: { tcpSocket: { port: 1, host: 'h' } } } }
  assert.equal(said(host, 'baseline', 'v1.33'), '')
  assert.notEqual(said(host, 'baseline', 'v1.34'), '')
  const reserved = ofPod({ sysctls: [{ name: 'net.ipv4.ip_local_reserved_ports' }] })
  assert.notEqual(said(reserved, 'baseline', 'v1.26'), '')
  assert.equal(said(reserved, 'baseline', 'v1.27'), '')
  const annotations = { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' }
  assert.equal(
    said({ annotations }, 'baseline', 'v1.18'),
    'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  )
  assert.equal(said({ annotations }, 'baseline', 'v1.19'), '')
  assert.notEqual(said(host, 'baseline', 'v1.400'), '')
})

test('pods of Windows, and of a user namespace, are free of what does not concern them', () => {
  const bare = { container: { securityContext: undefined } }
  const windows = { ...bare, spec: { os: { name: 'windows' } } }
  assert.match(said(windows, 'restricted'), /^runAsNonRoot/)
  assert.match(said(windows, 'restricted', 'v1.24'), /^allowPrivilegeEscalation/)
  const inNamespace = {
    ...context({ runAsUser: 0, procMount: 'Unmasked' }),
    spec: { hostUsers: false },
  }
  assert.equal(said(inNamespace, 'baseline'), '')
  assert.match(said(inNamespace, 'restricted'), /^procMount \(/)
  assert.match(said(inNamespace, 'restricted', 'v1.34'), /^procMount .*, runAsUser=0/)
})
