// SPDX-License-Identifier: Apache-2.0
// The command as a person meets it: a process with arguments, an exit code and what it prints.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function vk(args: readonly string[], env: NodeJS.ProcessEnv = {}, stdin = ''): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const options = { env: { PATH, NODE_COMPILE_CACHE, HOME: '/nonexistent', ...env } }
  const child = execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
  })
  // One that has ended without reading does not mind.
  child.stdin?.on('error', () => {}).end(stdin)
  return promise
}

function folder(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'vk-program-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const helloPod =
  'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: a, image: host, command: [id] }] }\n'

test('an unknown flag is one clear line with what was meant, and exit 2', async () => {
  const { code, stderr } = await vk(['start', '--node-name', 'x'])
  assert.equal(code, 2)
  assert.match(stderr, /^error: unknown option '--node-name'\n\(Did you mean --nodename\?\)\n/)
  assert.doesNotMatch(stderr, /\bat \//)
})

test('an unknown command, and none at all, exit 2 with help', async () => {
  assert.equal((await vk(['strat'])).code, 2)
  assert.equal((await vk([])).code, 2)
})

test('an unknown provider is named, with those there are', async () => {
  using dir = folder()
  const kubeconfig = join(dir.path, 'kubeconfig')
  const { code, stderr } = await vk(['explain', '--provider', 'dokcer', kubeconfig])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^Cannot use provider "dokcer": there is none of that name\nThere are: docker, mock, process\.\n$/,
  )
})

test('an unknown provider is told before anything is read, connected or made', async () => {
  using dir = folder()
  const data = join(dir.path, 'data')
  const commands = [
    ['start', '--kubeconfig', join(dir.path, 'none'), '--root-dir', data],
    ['up', '--data-dir', data],
    ['run', join(dir.path, 'none.yaml')],
  ]
  const outcomes = await Promise.all(
    commands.map((words) => vk([...words, '--provider', 'dokcer'])),
  )
  for (const { code, stderr } of outcomes) {
    assert.equal(code, 2)
    assert.match(stderr, /^Cannot use provider "dokcer": .*\nThere are: docker, mock, process\.\n$/)
  }
  assert.ok(!existsSync(data))
})

test('no kubeconfig anywhere: one line that says where it looked, exit 2', async () => {
  using dir = folder()
  const { code, stderr } = await vk(['start', '--provider', 'mock', '--root-dir', dir.path])
  assert.equal(code, 2)
  assert.match(stderr, /kubeconfig/)
  assert.doesNotMatch(stderr, /\n\s+at /)
})

test('a wrong kubeconfig is said before a start makes anything', async () => {
  using dir = folder()
  const wrong = join(dir.path, 'wrong')
  writeFileSync(wrong, 'apiVersion: v1\nkind: Config\n')
  const rootDir = join(dir.path, 'state')
  const cases = [
    ['--kubeconfig', wrong],
    ['--kubeconfig', join(dir.path, 'none')],
    ['--bootstrap-kubeconfig', join(dir.path, 'none')],
  ]
  const start = ['start', '--provider', 'mock', '--root-dir', rootDir]
  for (const { code, stderr } of await Promise.all(cases.map((more) => vk([...start, ...more])))) {
    assert.equal(code, 2)
    assert.match(stderr, /^Cannot .*(wrong|none)".*/)
  }
  assert.ok(!existsSync(rootDir))
})

test('providers lists them, and one by its features', async () => {
  assert.match((await vk(['providers'])).stdout, /^docker +.+\nmock +.+\nprocess +.+\n$/)
  const { stdout } = await vk(['providers', 'process'])
  assert.match(stdout, /^serviceAccountVolume +only where bubblewrap gives containers a root/m)
})

test('explain lists every field that a provider cannot do, without a cluster, and exits 1', async () => {
  using dir = folder()
  const file = join(dir.path, 'pods.yaml')
  writeFileSync(
    file,
    `apiVersion: batch/v1
kind: Job
metadata: { name: crunch }
spec:
  template:
    spec:
      containers:
        - { name: a, image: host, command: [echo], securityContext: { privileged: true } }
---
apiVersion: v1
kind: Pod
metadata: { name: plain }
spec:
  containers: [{ name: a, image: host, command: [echo] }]
`,
  )
  const { code, stdout } = await vk(['explain', file, '--provider', 'process'])
  assert.equal(code, 1)
  assert.match(stdout, /^Job crunch: spec\.containers\[0\]\.securityContext\.privileged: .+$/m)
  assert.match(stdout, /^Pod plain: runs on process as written$/m)
})

test('explain says what the process provider would refuse, as its pods would be told', async () => {
  using dir = folder()
  const file = join(dir.path, 'pods.yaml')
  const pods = [
    pod('web', { image: 'nginx' }),
    pod('gone', { image: '/does/not/exist' }),
    pod('idle', { image: 'host' }),
    pod('root', { image: 'host', command: ['id'], securityContext: { runAsUser: 0 } }),
    pod('mapped', { ...host, ports: [{ containerPort: 80, hostPort: 8080 }] }),
    pod('able', { ...host, securityContext: { capabilities: { add: ['NO_SUCH'] } } }),
    {
      ...podHead,
      metadata: { name: 'userns' },
      spec: { hostUsers: false, containers: [host] },
    },
    { ...podHead, metadata: { name: 'empty' }, spec: {} },
    { ...podHead, metadata: { name: 'null' }, spec: null },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: {
        selector: { matchLabels: { app: 'db' } },
        template: { metadata: { labels: { app: 'db' } }, spec: { containers: [host] } },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
      },
    },
    pod('fine', {
      ...host,
      ports: [{ containerPort: 80, hostPort: 80 }],
      securityContext: { capabilities: { drop: ['ALL'] } },
    }),
  ]
  writeFileSync(file, JSON.stringify({ kind: 'List', items: pods }))
  const { code, stdout, stderr } = await vk(['explain', file, '--provider', 'process'])
  assert.equal(stderr, '')
  assert.equal(code, 1)
  const lines = stdout.trimEnd().split('\n')
  const expected = [
    /^Pod web: spec\.containers\[0\]: Cannot use image "nginx": it is neither "host" nor /,
    /^Pod gone: spec\.containers\[0\]: Cannot use image "\/does\/not\/exist": /,
    /^Pod idle: spec\.containers\[0\]: .* so a command is needed$/,
    /^Pod root: spec\.containers\[0\]: Cannot run container "main": it asks for (root|user 0)/,
    /^Pod mapped: spec\.containers\[0\]\.ports\[0\]\.hostPort: .* hostPortMapping$/,
    /^Pod able: .*capabilities\.add holds "NO_SUCH", which (the node itself lacks|is not in )/,
    /^Pod userns: spec\.hostUsers: .* hostUsers$/,
    /^Pod empty: spec\.containers: Required value$/,
    /^Pod null: spec\.containers: Required value$/,
    /^StatefulSet db: spec\.volumeClaimTemplates: .* volume\.persistentVolumeClaim$/,
    /^Pod fine: runs on process as written$/,
  ]
  assert.equal(lines.length, expected.length, stdout)
  for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern)
})

const podHead = { apiVersion: 'v1', kind: 'Pod' }
const host = { name: 'main', image: 'host', command: ['true'] }
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }

function pod(name: string, container: object): object {
  return { ...podHead, metadata: { name }, spec: { containers: [{ name: 'main', ...container }] } }
}

test('explain takes files, folders and standard input, and asks the process provider first', async () => {
  using dir = folder()
  const config = join(dir.path, 'config')
  mkdirSync(config)
  writeFileSync(join(dir.path, 'a.json'), JSON.stringify(pod('a', host)))
  writeFileSync(join(config, 'b.yaml'), JSON.stringify(pod('b', host)))
  writeFileSync(join(config, 'notes.txt'), 'no manifest')
  const stdin = JSON.stringify(pod('c', { image: 'nginx' }))
  const { code, stdout } = await vk(['explain', join(dir.path, 'a.json'), config, '-'], {}, stdin)
  assert.equal(code, 1)
  assert.match(
    stdout,
    /^Pod a: runs on process as written\nPod b: runs on process as written\nPod c: .*"nginx".*\n$/,
  )
  const none = await vk(['explain', join(dir.path, 'gone.yaml')])
  assert.equal(none.code, 2)
  assert.match(none.stderr, /^Cannot read ".*gone\.yaml": .*\n$/)
})

test('explain says all that the API server would refuse, and skips what makes no pods', async () => {
  using dir = folder()
  const files: Readonly<Record<string, string>> = {
    'a.yaml': `apiVersion: v1
kind: Pod
metadata: { name: Bad_Name }
spec: { restartPolicyy: Never, containers: [{ name: main, image: host, command: [id], ports: [{}] }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: always }
spec: { template: { spec: { containers: [{ name: main, image: host, command: [id] }] } } }
---
apiVersion: v1
kind: Pod
metadata: { name: typed }
spec: { containers: [{ name: main, image: host, command: id }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: root, namespace: strict }
spec: { hostPID: true, containers: [{ name: main, image: host, command: [id] }] }
---
apiVersion: v1
kind: Namespace
metadata: { name: strict, labels: { pod-security.kubernetes.io/enforce: baseline } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: door }
---
apiVersion: v1
kind: Pod
metadata: { generateName: fine- }
spec: { containers: [{ name: main, image: host, command: [id] }] }
`,
    'nodes.yaml': 'logLevel: info\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir.path, name), text)
  const { code, stdout, stderr } = await vk(['explain', dir.path])
  assert.equal(stderr, '')
  assert.equal(code, 1)
  const expected = [
    /^Skipped ".*nodes\.yaml", line 1: it is no Kubernetes object$/,
    /^Pod Bad_Name: unknown field "spec\.restartPolicyy"$/,
    /^Pod Bad_Name: metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain /,
    /^Pod Bad_Name: spec\.containers\[0\]\.ports\[0\]\.containerPort: Required value$/,
    /^Job always: spec\.template\.spec\.restartPolicy: Required value: valid values: "OnFailure", "Never"$/,
    /^Pod typed: Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into /,
    /^Service web: skipped: it makes no pods$/,
    /^Pod root: pods "root" is forbidden: violates PodSecurity "baseline:latest": host namespaces /,
    /^Namespace strict: skipped: it makes no pods$/,
    /^Ingress door: skipped: kind Ingress of networking\.k8s\.io\/v1 is not one that `up` serves$/,
    /^Pod fine-: runs on process as written$/,
  ]
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, expected.length, stdout)
  for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern)
})

test('explain and run say of what cannot be read what the API server says, and no stack', async () => {
  using dir = folder()
  const file = join(dir.path, 'pods.json')
  const broken = { name: 'a', image: 5, env: {}, command: 'id', ports: 3, volumeMounts: [null] }
  const spec = { volumes: 'x', containers: [broken], initContainers: 4 }
  const metadata = { name: 'odd' }
  const template = { metadata: 3, spec }
  const items = [
    { ...podHead, metadata, spec },
    { ...podHead, metadata, spec: { volumes: [null], containers: [null] } },
    { ...podHead, metadata, spec: 'none' },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: 'none' },
    { apiVersion: 'example.com/v1', kind: 'Thing', metadata, spec: { template } },
  ]
  writeFileSync(file, JSON.stringify({ kind: 'List', items }))
  const explained = await vk(['explain', file])
  assert.equal(explained.stderr, '')
  assert.equal(explained.code, 1)
  const lines = explained.stdout.trimEnd().split('\n')
  const told = (kind: string) => lines.filter((line) => line.startsWith(`${kind} odd: `))
  assert.match(
    told('Thing').join(),
    /^Thing odd: spec: Pod in version "v1" cannot be handled as a /,
  )
  assert.match(
    told('Deployment').join(),
    /cannot be handled as a Deployment: json: cannot unmarshal/,
  )
  for (const kind of ['Pod', 'Deployment']) assert.ok(told(kind).length >= 2, explained.stdout)
  const ran = await vk(['run', file])
  assert.equal(ran.code, 2)
  assert.doesNotMatch(ran.stderr, /\n\s+at /)
})

test('explain refuses a file without pods', async () => {
  using dir = folder()
  const file = join(dir.path, 'service.yaml')
  writeFileSync(file, 'apiVersion: v1\nkind: Pood\nmetadata: { name: web }\n')
  const { code, stderr } = await vk(['explain', file, '--provider', 'mock'])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^Cannot explain this: no object in it makes pods, only Pood was found\nDid you mean "kind: Pod"\? It takes /,
  )
})

test('explain tells a kind of Kubernetes that is in another apiVersion, and leaves those of others alone', async () => {
  using dir = folder()
  const file = join(dir.path, 'jobs.yaml')
  const template = { spec: { restartPolicy: 'Never', containers: [host] } }
  const job = (apiVersion: string, name: string): object => ({
    apiVersion,
    kind: 'Job',
    metadata: { name },
    spec: { template },
  })
  const items = [job('batch/v2', 'old'), job('batch.volcano.sh/v1alpha1', 'other')]
  writeFileSync(file, JSON.stringify({ kind: 'List', items }))
  const { code, stdout } = await vk(['explain', file])
  assert.equal(code, 1)
  assert.equal(
    stdout,
    'Job old: apiVersion: there is no Job in batch/v2; it is in batch/v1\n' +
      'Job other: runs on process as written\n',
  )
})

test('a run whose temporary files have no place says so, exit 2', async () => {
  using dir = folder()
  const manifest = join(dir.path, 'pod.yaml')
  writeFileSync(manifest, helloPod)
  const { code, stderr } = await vk(['run', manifest], { TMPDIR: join(dir.path, 'none') })
  assert.equal(code, 2)
  assert.match(stderr, /^Cannot use the directory ".*none": it is not there\n.*TMPDIR\.\n$/)
})

test('a run on a cluster that cannot be reached says so, and ends when its time is over', async () => {
  using dir = folder()
  const manifest = join(dir.path, 'pod.yaml')
  writeFileSync(manifest, helloPod)
  const kubeconfig = join(dir.path, 'kubeconfig')
  // Nobody listens on port 1.
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      clusters: [{ name: 'a', cluster: { server: 'http://127.0.0.1:1' } }],
      users: [{ name: 'a', user: {} }],
    }),
  )
  const { code, stderr } = await vk([
    'run',
    '--kubeconfig',
    kubeconfig,
    '--timeout',
    '1s',
    manifest,
  ])
  assert.equal(code, 1)
  assert.match(stderr, /^Waiting for the API server at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/)
  assert.match(stderr, /\nCannot reach the API server within 1 s \(--timeout\)\n$/)
  assert.doesNotMatch(stderr, /\n\s+at /)
})
