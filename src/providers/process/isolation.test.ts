// SPDX-License-Identifier: Apache-2.0
// What a container gets to see and to be, and what it does not.
import assert from 'node:assert/strict'
import { mkdir, readFile, readdir, readlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { ended, pidOf } from '../../../test/support/process-probes.ts'
import { containerUid, isRoot, keyOf, processWorld } from '../../../test/support/process-runtime.ts'

const linuxOnly = process.platform === 'linux' ? false : 'needs /proc'

test('gives a container exactly the environment of its pod, and no descriptor', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const env = {
    PLAIN: 'a b',
    EMPTY: '',
    HOSTILE: `'"\`$(id)\\ \n;&|<>*?[]{}~! é\t`,
    PATH: '/usr/bin:/bin',
    LD_PRELOAD: '',
    PWD: '/never/was',
    IFS: 'x',
    PS4: '$(touch /tmp/never)',
  }
  const start = world.start({ command: ['sleep', '60'], env })
  await world.runtime.startContainer(start, world.context)
  const pid = await pidOf(world, start.key)
  assert.deepEqual(await environmentOf(pid), { HOME: '/', HOSTNAME: 'pod-1', ...env })
  assert.deepEqual((await readdir(`/proc/${pid}/fd`)).sort(), ['0', '1', '2'])
  assert.equal(await readlink(`/proc/${pid}/fd/0`), '/dev/null')
  assert.equal(await readlink(`/proc/${pid}/fd/1`), `${start.attemptDir}/stdout.log`)
})

test('hands on variables that no shell could', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const env = { 'app.conf': 'x=1\ny=2', 'a-b': '', '1ST': 'é', UID: '7', OPTIND: 'no' }
  const start = world.start({ command: ['sleep', '60'], env })
  await world.runtime.startContainer(start, world.context)
  const pid = await pidOf(world, start.key)
  const { PATH, ...others } = await environmentOf(pid)
  assert.ok(PATH)
  assert.deepEqual(others, { HOME: '/', HOSTNAME: 'pod-1', ...env })
  assert.deepEqual((await readdir(`/proc/${pid}/fd`)).sort(), ['0', '1', '2'])
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  if (world.surroundings.tools.env) assert.match(status, /SigIgn:\t0{16}/)
  assert.match(status, new RegExp(`Uid:\t${containerUid}\t${containerUid}`))
})

test('shows no value of the environment on any command line', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const secret = 'hunter2-in-the-environment'
  const start = world.start({ command: ['sleep', '60'], env: { SECRET: secret } })
  const [, seen] = await Promise.all([
    world.runtime.startContainer(start, world.context),
    commandLinesFor(200),
  ])
  assert.equal(seen.includes(secret), false)
})

test('takes names that mean something to shells and file systems for mere names', async () => {
  await using world = await processWorld()
  const hostile = `../../'$(touch x)'\n;"`
  const start = {
    ...world.start({ command: ['printf', '%s', `${hostile}$HOME`] }),
    key: keyOf(hostile, hostile),
  }
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  assert.equal(await world.output(start), `${hostile}$HOME`)
  assert.equal((await readdir(`${world.dir}/process`)).length, 1)
})

test('runs as another user with its groups where virtual-kubelet is root', async (t) => {
  if (!isRoot) return t.skip('needs root')
  await using world = await processWorld({ allowedUsers: [12_345], allowedGroups: ['20000-20010'] })
  const start = world.start({
    command: ['sh', '-c', 'id -u; id -g; id -G'],
    security: { runAsUser: 12_345, runAsGroup: 20_000, supplementalGroups: [20_001, 20_002] },
  })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  assert.equal(await world.output(start), '12345\n20000\n20000 20001 20002\n')
})

test('gives up privileges for good where the pod says so', async (t) => {
  await using world = await processWorld()
  if (!world.surroundings.tools.setpriv) return t.skip('no setpriv')
  const start = world.start({
    command: ['grep', 'NoNewPrivs', '/proc/self/status'],
    spec: { securityContext: { allowPrivilegeEscalation: false } },
  })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  assert.equal(await world.output(start), 'NoNewPrivs:\t1\n')
})

test('drops capabilities for good, from its own root too', async (t) => {
  await using world = await processWorld({ allowRoot: true })
  if (!world.surroundings.canDropCapabilities) return t.skip('needs root and setpriv')
  assert.equal(world.runtime.features['security.capabilities.drop'], true)
  const capsOf = async (
    uid: string,
    what: { readonly runAsUser: number; readonly drop: readonly string[] },
  ): Promise<Record<string, bigint>> => {
    const capabilities = what.drop.length === 0 ? {} : { drop: [...what.drop] }
    const start = world.start({
      uid,
      command: ['grep', '^Cap', '/proc/self/status'],
      spec: { securityContext: { runAsUser: what.runAsUser, capabilities } },
    })
    await world.runtime.startContainer(start, world.context)
    await ended(world.runtime, start.key)
    const lines = (await world.output(start)).trim().split('\n')
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, 6), BigInt(`0x${line.split('\t')[1]}`)]),
    )
  }
  const none = { CapInh: 0n, CapPrm: 0n, CapEff: 0n, CapBnd: 0n, CapAmb: 0n }
  for (const runAsUser of [0, 65_534]) {
    assert.deepEqual(await capsOf(`all-${runAsUser}`, { runAsUser, drop: ['ALL'] }), none)
    const { CapBnd: before = 0n } = await capsOf(`no-${runAsUser}`, { runAsUser, drop: [] })
    const drop = ['NET_RAW', 'CAP_KILL']
    const { CapBnd } = await capsOf(`some-${runAsUser}`, { runAsUser, drop })
    assert.notEqual(before, 0n)
    assert.equal(CapBnd, before & ~((1n << 13n) | (1n << 5n)))
  }
})

test('where capabilities cannot be dropped it says so, and a lenient node runs the pod', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using plain = await processWorld()
  const surroundings = { ...plain.surroundings, canDropCapabilities: false }
  await using world = await processWorld({}, { dir: plain.dir, surroundings })
  assert.equal(world.runtime.features['security.capabilities.drop'], false)
  const start = world.start({
    command: ['grep', 'CapBnd', '/proc/self/status'],
    spec: { securityContext: { capabilities: { drop: ['ALL'] } } },
  })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  const own = /^CapBnd.*\n/m.exec(await readFile('/proc/self/status', 'utf8'))?.[0]
  assert.equal(await world.output(start), own)
})

test('hides the root directory, but for the pod’s own volumes', async (t) => {
  await using world = await processWorld({ allowRoot: true })
  if (!world.surroundings.canHide) return t.skip('needs root, unshare and mount')
  const volume = join(world.dir, 'pods', 'pod-1', 'volumes', 'token')
  await mkdir(volume, { recursive: true })
  await writeFile(join(volume, 'token'), 'secret')
  await writeFile(join(world.dir, 'kubeconfig'), 'credential')
  for (const runAsUser of [0, 65_534]) {
    const uid = `as-${runAsUser}`
    const start = {
      ...world.start({
        uid,
        command: ['sh', '-c', `cat ${volume}/token; cat ${world.dir}/kubeconfig; ls /tmp >&2`],
        security: { runAsUser },
      }),
      mounts: [
        {
          name: 'token',
          hostPath: volume,
          mountPath: '/token',
          isReadOnly: true,
          kind: 'dir' as const,
        },
      ],
    }
    await world.runtime.startContainer(start, world.context)
    await ended(world.runtime, start.key)
    assert.equal(await world.output(start), 'secret')
    const errors = await world.output(start, 'stderr')
    assert.match(errors, /kubeconfig: No such file/)
    assert.ok(errors.includes(basename(world.dir)))
  }
})

test('lets a program open its standard output anew', async (t) => {
  if (linuxOnly) return t.skip(linuxOnly)
  await using world = await processWorld()
  const start = world.start({ command: ['sh', '-c', 'echo one; echo two >>/dev/stdout'] })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  assert.equal(await world.output(start), 'one\ntwo\n')
})

async function environmentOf(pid: number): Promise<Record<string, string>> {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8')
  return Object.fromEntries(
    text
      .split('\0')
      .filter(Boolean)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

async function commandLinesFor(durationMs: number): Promise<string> {
  let seen = ''
  for (const endMs = performance.now() + durationMs; performance.now() < endMs;) {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    for (const pid of pids) seen += await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  }
  return seen
}
