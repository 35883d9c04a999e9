// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { createAuthority } from '../../test/e2e/certificates.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { UserError, VkError } from '../util/vk-error.ts'
import type { ClusterConnection } from './cluster-connection.ts'
import { inClusterConnection } from './in-cluster.ts'
import { loadConnection } from './kubeconfig.ts'
import type { LoadConnectionOptions } from './kubeconfig.ts'

const secret = 'SECRET-0815'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A directory with files; gone at the end of the test. */
async function directoryOf(files: Readonly<Record<string, string>>) {
  const path = await mkdtemp(join(tmpdir(), 'vk-kubeconfig-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  return {
    path,
    file: (name: string): string => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  }
}

/** A kubeconfig with one context, whose cluster and user are given as YAML flow maps. */
function kubeconfig(user: string, cluster = '{server: "https://one:6443"}'): string {
  return `{apiVersion: v1, kind: Config, current-context: c,
    contexts: [{name: c, context: {cluster: k, user: u, namespace: team}}],
    clusters: [{name: k, cluster: ${cluster}}],
    users: [{name: u, user: ${user}}]}`
}

async function load(
  kubeconfig: string,
  options: Partial<LoadConnectionOptions> = {},
): Promise<ClusterConnection> {
  return await loadConnection({ kubeconfig, env: {}, log: silentLogger, ...options })
}

/** The one line that a broken kubeconfig gives; it must not hold what the kubeconfig holds. */
async function complaintAbout(
  content: string,
  files: Record<string, string> = {},
): Promise<string> {
  await using directory = await directoryOf({ ...files, config: content })
  try {
    await load(directory.file('config'), { env: { PATH: process.env['PATH'] } })
  } catch (error) {
    assert.ok(error instanceof UserError, String(error))
    const line = `${error.message} | ${error.hint ?? ''}`
    assert.ok(!line.includes(secret), `${line} gives the secret away`)
    assert.ok(!line.includes('\n'), `${line} is more than a line`)
    return line.replaceAll(directory.path, '')
  }
  return assert.fail('the kubeconfig was accepted')
}

test('reads server, namespace, token and authority of the current context', async () => {
  const { certificate } = await createAuthority('ca')
  const cluster = `{server: "https://one:6443/prefix/", certificate-authority-data: ${base64(certificate)},
    tls-server-name: kubernetes, proxy-url: "socks5://p:1080"}`
  await using directory = await directoryOf({ config: kubeconfig(`{token: ${secret}}`, cluster) })
  const connection = await load(directory.file('config'))
  assert.equal(connection.server, 'https://one:6443/prefix')
  assert.equal(connection.namespace, 'team')
  assert.equal(connection.tls.caPem, certificate)
  assert.equal(connection.tls.serverName, 'kubernetes')
  assert.equal(connection.proxyUrl, 'socks5://p:1080')
  assert.deepEqual(await connection.credentials.identity(), { token: secret })
  assert.match(connection.source, /context "c"$/)
})

test('reads certificates from files beside the kubeconfig, and impersonation', async () => {
  const authority = await createAuthority('ca')
  const { certificate, key } = await authority.issue({ commonName: 'me' })
  await using directory = await directoryOf({
    'pki/me.crt': certificate,
    'pki/me.key': key,
    'pki/ca.crt': authority.certificate,
    config: kubeconfig(
      '{client-certificate: pki/me.crt, client-key: pki/me.key, as: you, as-groups: [a, b]}',
      '{server: "https://one", certificate-authority: pki/ca.crt}',
    ),
  })
  const connection = await load(directory.file('config'))
  const identity = await connection.credentials.identity()
  assert.deepEqual(identity.certificate, { certificatePem: certificate, keyPem: key })
  assert.equal(connection.tls.caPem, authority.certificate)
  assert.deepEqual(connection.headers, [
    ['impersonate-user', 'you'],
    ['impersonate-group', 'a'],
    ['impersonate-group', 'b'],
  ])
})

test('merges the files of KUBECONFIG: the first one to name something wins, whole', async () => {
  await using directory = await directoryOf({
    one: '{users: [{name: u, user: {token: first}}], current-context: ""}',
    two: kubeconfig('{token: second}', '{server: "https://two"}'),
    three: kubeconfig('{tokenFile: missing}', '{server: "https://three"}'),
  })
  const files = ['one', 'absent', 'two', 'three'].map((name) => directory.file(name))
  const env = { KUBECONFIG: ['', ...files].join(delimiter) }
  const connection = await loadConnection({ env, log: silentLogger })
  assert.equal(connection.server, 'https://two')
  assert.deepEqual(await connection.credentials.identity(), { token: 'first' })
})

test('takes another context when told to', async () => {
  const config = `{contexts: [{name: a, context: {cluster: k}}, {name: b, context: {cluster: l}}],
    clusters: [{name: k, cluster: {server: "https://k"}}, {name: l, cluster: {server: "http://l"}}]}`
  await using directory = await directoryOf({ config })
  const connection = await load(directory.file('config'), { context: 'b' })
  assert.equal(connection.server, 'http://l')
  assert.deepEqual(await connection.credentials.identity(), {})
  assert.equal(connection.namespace, 'default')
})

test('looks into the home directory, then for a service account, then gives up with a hint', async () => {
  await using directory = await directoryOf({ '.kube/config': kubeconfig('{token: home}') })
  const home = await loadConnection({ env: { HOME: directory.path }, log: silentLogger })
  assert.deepEqual(await home.credentials.identity(), { token: 'home' })
  const nowhere = loadConnection({ env: { HOME: '/nonexistent' }, log: silentLogger })
  await assert.rejects(nowhere, (error) => error instanceof UserError && error.hint !== undefined)
})

test('reads the service account of a pod, and its token again when it changes', async () => {
  await using directory = await directoryOf({ token: 'one\n', 'ca.crt': 'CA', namespace: 'team' })
  const clock = new FakeClock()
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
  const options = { env, clock, log: silentLogger, directory: directory.path }
  const { server, namespace, tls, credentials } = await inClusterConnection(options)
  assert.deepEqual([server, namespace, tls.caPem], ['https://[fd00::1]:443', 'team', 'CA'])
  const first = await credentials.identity()
  assert.deepEqual(first, { token: 'one' })
  await writeFile(directory.file('token'), 'two')
  assert.equal(await credentials.identity(), first)
  await clock.advance(60_000)
  assert.deepEqual(await credentials.identity(), { token: 'two' })
  await writeFile(directory.file('token'), '')
  await clock.advance(60_000)
  assert.deepEqual(await credentials.identity(), { token: 'two' }, 'an empty file changes nothing')
})

test('reads files again at once after a 401', async () => {
  await using directory = await directoryOf({ t: 'one', config: kubeconfig('{tokenFile: t}') })
  const { credentials } = await load(directory.file('config'), { clock: new FakeClock() })
  const refused = await credentials.identity()
  assert.equal(await credentials.renew(refused), false)
  await writeFile(directory.file('t'), 'two')
  assert.equal(await credentials.renew(refused), true)
  assert.deepEqual(await credentials.identity(), { token: 'two' })
})

test('keeps the old certificate while only one of its two files was rewritten', async () => {
  const authority = await createAuthority('ca')
  const one = await authority.issue({ commonName: 'one' })
  const two = await authority.issue({ commonName: 'two' })
  await using directory = await directoryOf({
    crt: one.certificate,
    key: one.key,
    config: kubeconfig('{client-certificate: crt, client-key: key}'),
  })
  const clock = new FakeClock(Date.now())
  const { credentials } = await load(directory.file('config'), { clock })
  await writeFile(directory.file('crt'), two.certificate)
  await clock.advance(60_000)
  const half = await credentials.identity()
  assert.equal(half.certificate?.certificatePem, one.certificate)
  await writeFile(directory.file('key'), two.key)
  await clock.advance(60_000)
  const whole = await credentials.identity()
  assert.equal(whole.certificate?.certificatePem, two.certificate)
})

test('warns of an expired client certificate', async () => {
  const { certificate, key } = await createAuthority('me')
  const user = `{client-certificate-data: ${base64(certificate)}, client-key-data: ${base64(key)}}`
  await using directory = await directoryOf({ config: kubeconfig(user) })
  const warnings: string[] = []
  const log = { ...silentLogger, warn: (_fields: object, text: string) => void warnings.push(text) }
  await load(directory.file('config'), { log })
  assert.deepEqual(warnings, [])
  await load(directory.file('config'), { log, clock: new FakeClock(Date.now() + 1e10) })
  assert.match(warnings[0] ?? '', /has expired/)
})

test('complains in one line that names the file and what to do, and gives no secret away', async () => {
  const { certificate } = await createAuthority('ca')
  const other = await createAuthority('other')
  const table: readonly (readonly [config: string, complaint: RegExp])[] = [
    [`token: ${secret}\n\t- x: [`, /^Cannot read kubeconfig "\/config": line \d+ is no YAML/],
    [
      `just text ${secret}`,
      /^Cannot use "\/config" as kubeconfig: it holds plain text \| name anoth/,
    ],
    [
      `-----BEGIN CERTIFICATE-----\n${secret}\n`,
      /as kubeconfig: it holds plain text \| name another/,
    ],
    [`[${secret}]`, /as kubeconfig: it holds a list \|/],
    [
      `{kind: Pod, metadata: {name: ${secret}}}`,
      /it describes an object of kind Pod \| name anothe/,
    ],
    [`{kind: "${secret} x"}`, /it holds none of clusters, contexts, users \| name another/],
    [`{a: b}\n---\n{token: ${secret}}`, /it holds several YAML documents \| name another/],
    [
      `{clusters: ${secret}}`,
      /^Cannot read kubeconfig "\/config": clusters must be Array \| compare/,
    ],
    [kubeconfig(`{token: [${secret}]}`), /users\.0\.user\.token must be string/],
    [
      '',
      /it has no current-context \| it has no contexts at all; name another file with --kubecon/,
    ],
    ['{current-context: x, contexts: [{name: y, context: {cluster: k}}]}', /no context "x" .*: y$/],
    ['{current-context: y, contexts: [{name: y, context: {cluster: k}}]}', /no cluster "k"/],
    [kubeconfig('{}').replace('name: u,', 'name: v,'), /it has no user "u" \| it has: v$/],
    [kubeconfig('{}', '{}'), /server is no URL \| write it like https:\/\/host:6443$/],
    [kubeconfig('{}', '{server: "one:6443"}'), /server is no URL/],
    [kubeconfig('{}', '{server: "https://a", certificate-authority: ca.crt}'), /ca.crt": ENOENT/],
    [
      kubeconfig('{}', '{server: "https://a", certificate-authority-data: bm9wZQ==}'),
      /certificate-authority-data is no base64 of PEM/,
    ],
    [
      kubeconfig(
        '{}',
        `{server: "https://a", insecure-skip-tls-verify: true, certificate-authority-data: ${base64(certificate)}}`,
      ),
      /insecure-skip-tls-verify exclude each other/,
    ],
    [
      kubeconfig('{}', `{server: "https://a", proxy-url: "ftp://me:${secret}@p"}`),
      /proxy-url is no URL of a proxy/,
    ],
    [kubeconfig('{tokenFile: missing}'), /credentials from "\/missing": ENOENT/],
    [kubeconfig('{client-certificate: missing}'), /client-key is missing/],
    [
      kubeconfig(
        `{client-certificate-data: ${base64(certificate)}, client-key-data: ${base64(other.key)}}`,
      ),
      /Cannot use the client certificate of user "u" .*: \S+MISMATCH/,
    ],
    [
      kubeconfig(`{username: me, password: ${secret}}`),
      /no user names with passwords .*exec plugin/,
    ],
    [
      kubeconfig(`{auth-provider: {name: oidc, config: {id-token: ${secret}}}}`),
      /auth-provider "oidc" is no longer supported \| use an exec plugin/,
    ],
    [
      kubeconfig(
        `{token: ${secret}, exec: {apiVersion: client.authentication.k8s.io/v1, command: x}}`,
      ),
      /both a token and an exec plugin/,
    ],
    [kubeconfig('{exec: {apiVersion: v1alpha1, command: x}}'), /"v1alpha1" is not supported/],
    [
      kubeconfig(
        '{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}',
      ),
      /wants a terminal/,
    ],
    [
      kubeconfig(
        '{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-command, installHint: "get it\\nfrom x"}}',
      ),
      /plugin "no-such-command": there is no such command; get it from x/,
    ],
  ]
  for (const [config, complaint] of table) {
    assert.match(await complaintAbout(config), complaint)
  }
})

/** A kubeconfig whose plugin is a shell script beside it. */
async function pluginDirectory(script: string, exec = '') {
  const command = `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin${exec}}}`
  const directory = await directoryOf({
    plugin: `#!/bin/sh\ncd "$(dirname "$0")"\n${script}`,
    config: kubeconfig(command),
  })
  await chmod(directory.file('plugin'), 0o755)
  return directory
}

const answerWith = (token: string, expires = ''): string =>
  `echo run >> runs; cat <<END
  {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
   "status": {"token": "${token}"${expires && `, "expirationTimestamp": "${expires}"`}}}
END`

test('runs a plugin with its arguments, environment and what it needs to know', async () => {
  const script = `echo "$1 $WHO $KUBERNETES_EXEC_INFO" > asked; ${answerWith(secret)}`
  const exec = ', args: [login], env: [{name: WHO, value: me}], provideClusterInfo: true'
  await using directory = await pluginDirectory(script, exec)
  const env = { PATH: process.env['PATH'] }
  const { credentials } = await load(directory.file('config'), { env })
  assert.deepEqual(await credentials.identity(), { token: secret })
  const asked = await readFile(directory.file('asked'), 'utf8')
  assert.match(asked, /^login me \{/)
  assert.deepEqual(JSON.parse(asked.slice('login me '.length)), {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { interactive: false, cluster: { server: 'https://one:6443' } },
  })
})

test('keeps what a plugin gave until it expires, and runs it again after a 401', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  await using directory = await pluginDirectory(
    answerWith('token-$(wc -l < runs | tr -d " ")', '2026-01-01T01:00:00Z'),
  )
  const env = { PATH: process.env['PATH'] }
  const { credentials } = await load(directory.file('config'), { env, clock })
  const first = await credentials.identity()
  assert.deepEqual(first, { token: 'token-1' })
  await clock.advance(50 * 60_000)
  assert.equal(await credentials.identity(), first)
  assert.equal(await credentials.renew(first), true)
  const second = await credentials.identity()
  assert.deepEqual(second, { token: 'token-2' })
  assert.equal(await credentials.renew(second), false, 'a plugin that just ran is left alone')
  await clock.advance(10 * 60_000)
  assert.deepEqual(await credentials.identity(), { token: 'token-3' })
})

test('says why a plugin failed, without its output', async () => {
  const table: readonly (readonly [script: string, complaint: RegExp])[] = [
    [`echo ${secret}; echo "please log in" >&2; exit 3`, /it ended with 3: please log in$/],
    [`echo ${secret}`, /its output is no JSON$/],
    [`echo '{"kind": "${secret}"}'`, /its output is no ExecCredential/],
    [answerWith(''), /neither a token nor a client certificate/],
    [answerWith(secret, 'tomorrow'), /expirationTimestamp is no timestamp/],
    [answerWith(secret).replace('k8s.io/v1"', 'k8s.io/v1beta1"'), /answered in .*v1beta1" instead/],
  ]
  for (const [script, complaint] of table) {
    await using directory = await pluginDirectory(script)
    const loading = load(directory.file('config'), { env: { PATH: process.env['PATH'] } })
    await assert.rejects(loading, (error) => {
      assert.ok(error instanceof UserError && error.cause instanceof VkError)
      assert.ok(!error.message.includes(secret))
      assert.match(error.message, complaint)
      return true
    })
  }
})

test('a plugin that does not end in time is ended with what it has started', async () => {
  // It would hear of no TERM, and its helper has its output.
  const script = "trap '' TERM; sleep 1000 & echo $! >pid.tmp; mv pid.tmp pid; wait"
  await using directory = await pluginDirectory(script)
  const clock = new FakeClock()
  const options = { env: { PATH: process.env['PATH'] }, clock }
  const refused = assert.rejects(
    load(directory.file('config'), options),
    /did not end within 60 s$/,
  )
  let helper = ''
  while (helper === '') {
    helper = await readFile(directory.file('pid'), 'utf8').catch(() => '')
    await clock.advance(0)
  }
  await clock.advance(60_000)
  await refused
  while (isRunning(Number(helper))) await clock.advance(0)
})

/** A zombie has no command line; who should bury it may take its time. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}
