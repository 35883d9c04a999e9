// SPDX-License-Identifier: Apache-2.0
// What a container in a sandbox finds, and what it cannot get at.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rmdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { eventually, pidOf, stateOf } from '../../../../test/support/process-probes.ts'
import { isRoot, processWorld } from '../../../../test/support/process-runtime.ts'
import {
  at,
  noSandbox,
  outputOf,
  runInside,
  sandboxWorld,
  startOf,
  volume,
} from '../../../../test/support/sandbox-world.ts'
import { VkError } from '../../../util/vk-error.ts'

const skip = noSandbox

test(
  'volumes are at their mount paths, among what the host has there, and nothing is made on the host',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data', { key: 'value' })
    const mountPaths = [
      '/data',
      '/etc/vk-app/config',
      '/usr/share/vk-x/y',
      '/var/run/secrets/x',
      '/dev/vk',
      '/etc/vk-file',
    ]
    const places = ['/', '/etc', '/usr/share', '/run', '/var', '/dev', '/usr', '/opt']
    const before = places.map((place) => readdirSync(place))
    const mounts = mountPaths.map((path) =>
      path === '/etc/vk-file'
        ? at(join(dir, 'key'), path, { kind: 'file', isReadOnly: true })
        : at(dir, path, { isReadOnly: true }),
    )
    const files = mountPaths.map((path) => (path === '/etc/vk-file' ? path : `${path}/key`))
    const script = `cat ${files.join(' ')}; for place in /etc /usr/share; do echo :; ls -A $place; done`
    const { stdout, stderr } = await outputOf(world, startOf(world, { script, mounts }))
    const [values, ...inside] = stdout.split(':\n').map((part) => part.trimEnd())
    assert.equal(stderr, '')
    assert.equal(values, 'value'.repeat(mounts.length))
    const after = places.map((place) => readdirSync(place))
    // What others make or remove on the host meanwhile may be there or not.
    for (const [index, added] of [['vk-app', 'vk-file'], ['vk-x']].entries()) {
      const found = inside[index]?.split('\n') ?? []
      const always = before[index + 1]?.filter((name) => after[index + 1]?.includes(name))
      for (const name of [...(always ?? []), ...added]) assert.ok(found.includes(name), name)
    }
    const own = ['data', 'vk-app', 'vk-x', 'secrets', 'vk', 'vk-file', 'oldroot', 'newroot']
    for (const [index, names] of after.entries()) {
      const made = names.filter((name) => !before[index]?.includes(name))
      assert.deepEqual(
        made.filter((name) => own.includes(name)),
        [],
        places[index],
      )
    }
  },
)

test('nested mounts lie in each other, whatever their order', { skip }, async () => {
  await using world = await sandboxWorld()
  const outer = await volume(world, 'outer', { a: 'outer' })
  const inner = await volume(world, 'inner', { a: 'inner' })
  const mounts = [at(inner, '/x/y/z', { name: 'i' }), at(outer, '/x', { name: 'o' })]
  const script = 'cat /x/a /x/y/z/a; echo new >/x/y/z/b'
  const { stdout } = await outputOf(world, startOf(world, { script, mounts }))
  assert.equal(stdout, 'outerinner')
  assert.equal(await readFile(join(inner, 'b'), 'utf8'), 'new\n')
})

test('what is read-only is, and so is the host', { skip }, async () => {
  await using world = await sandboxWorld({ allowRoot: true })
  const dir = await volume(world, 'data')
  const mounts = [at(dir, '/ro', { isReadOnly: true }), at(dir, '/rw')]
  const script =
    'for d in /ro /rw / /etc /usr /var /opt /tmp /var/tmp; do touch $d/vk-probe 2>/dev/null && echo $d; done'
  const write = async (what: object, uid: string): Promise<string> =>
    (await outputOf(world, startOf(world, { script, mounts, uid, ...what }))).stdout
  const security = isRoot ? { runAsUser: 0 } : {}
  const all = '/rw\n/tmp\n/var/tmp\n'
  assert.equal(await write({ security }, 'a'), all)
  const spec = { securityContext: { readOnlyRootFilesystem: true } }
  assert.equal(await write({ security, spec }, 'b'), '/rw\n')
})

test(
  'people’s places, other processes and our own directory are not to be found',
  { skip },
  async () => {
    await using world = await sandboxWorld({ allowRoot: true })
    await writeFile(join(world.dir, 'kubeconfig'), 'credential')
    const other = spawn('sleep', ['61'], { stdio: 'ignore' })
    try {
      const script = `ls -A /home /root /run /tmp /mnt; ls -A /proc | grep -c '^[0-9]'; cat /proc/*/cmdline | tr '\\0' ' '; ls ${world.dir}; kill -0 ${other.pid} || echo none`
      const security = isRoot ? { runAsUser: 0 } : {}
      const { stdout, stderr } = await outputOf(world, startOf(world, { script, security }))
      const listed = stdout.split(':\n')
      assert.doesNotMatch(stdout, /kubeconfig|sleep 61/)
      assert.match(stderr, /No such file/)
      assert.match(stdout, /none\n$/)
      assert.ok(listed.length >= 5)
    } finally {
      other.kill()
    }
  },
)

test(
  'a pod cannot take the place of what runs with our rights',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data', { setpriv: '#!/bin/sh\nid >/tmp/who\n' })
    const file = join(dir, 'setpriv')
    const preload = at(file, '/etc/ld.so.preload', { kind: 'file' })
    const attacks = [
      at(file, '/usr/bin/setpriv', { kind: 'file' }),
      at(dir, '/usr/bin'),
      at(dir, '/lib/x86_64-linux-gnu'),
      at(dir, '/lib64'),
      at(dir, '/bin'),
      at(dir, '/usr'),
      preload,
    ]
    for (const [index, mount] of attacks.entries()) {
      const start = startOf(world, { script: 'id', mounts: [mount], uid: `attack-${index}` })
      await assert.rejects(world.runtime.startContainer(start, world.context), (error) => {
        assert.ok(error instanceof VkError)
        assert.match(error.message, /^Cannot mount volume "v" at ".*": (it would take|there is)/)
        return true
      })
    }
  },
)

test('a mount point in what others can write to is refused', { skip }, async () => {
  await using world = await sandboxWorld()
  const dir = await volume(world, 'data')
  const mounts = [at(dir, '/data'), at(dir, '/data/x', { name: 'w' })]
  const volumes = [
    { name: 'v', hostPath: { path: dir } },
    { name: 'w', emptyDir: {} },
  ]
  const start = startOf(world, { script: 'true', mounts, volumes })
  await assert.rejects(
    world.runtime.startContainer(start, world.context),
    /Cannot mount volume "\w+" at "\/data\/x": it lies in a volume that others can write to/,
  )
})

test(
  'a subPath that becomes a link leads nowhere but into the pod’s own volumes',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data')
    const secret = await volume(world, 'other', { secret: 'not yours' })
    await mkdir(join(dir, 'sub'))
    const volumes = [{ name: 'v', hostPath: { path: dir } }]
    const mount = at(join(dir, 'sub'), '/sub')
    const begin = startOf(world, { script: 'ls -A /sub; cat /sub/file', mounts: [mount], volumes })
    const start = { ...begin, volumeDirs: new Map([['v', dir]]) }
    await writeFile(join(dir, 'sub', 'file'), 'mine')
    assert.equal((await outputOf(world, start)).stdout, 'file\nmine')
    for (const [index, target] of [
      secret,
      `/oldroot${secret}`,
      '/oldroot/root',
      '/root',
      '/proc/1/root/root',
    ].entries()) {
      const link = `link-${index}`
      await symlink(target, join(dir, link))
      const key = { ...start.key, attempt: index + 1 }
      const attemptDir = join(start.containerDir, String(index + 1))
      const evil = { ...start, key, attemptDir, mounts: [{ ...mount, hostPath: join(dir, link) }] }
      const output = await outputOf(world, evil).catch(() => undefined)
      assert.doesNotMatch(output?.stdout ?? '', /secret|\.ssh|\.bash/)
    }
  },
)

test('the program has pid, signals, exit code and reaper of a container', { skip }, async () => {
  await using world = await sandboxWorld()
  const script =
    'echo $$; (sleep 0.01 &) ; sleep 0.3; ls /proc | grep -c "^[0-9]"; trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
  const start = startOf(world, { script })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)).includes('ready'))
  const pid = await pidOf(world, start.key)
  await world.runtime.stopContainer(start.key, { graceMs: 20_000 }, world.context)
  const state = await stateOf(world.runtime, start.key)
  assert.ok(state?.kind === 'exited' && state.exitCode === 7, JSON.stringify(state))
  assert.match(await world.output(start), /^2\n/)
  assert.equal((await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).length, 0)
  const killed = startOf(world, { script: 'kill -SEGV $$', uid: 'killed' })
  assert.equal((await outputOf(world, killed)).exitCode, 139)
})

test(
  'all that a container left ends with it, sessions of their own included',
  { skip },
  async () => {
    await using world = await sandboxWorld({ cgroupRoot: false })
    const mark = `7${process.pid}`
    const script = `setsid sh -c 'trap "" TERM HUP; sleep ${mark}' & sleep 0.2; exit 0`
    await outputOf(world, startOf(world, { script }))
    await eventually(() => !commandLines().includes(`sleep\0${mark}`))
  },
)

test(
  'a command in a sandbox has its root, rights and exit code, by signals too',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data', { key: 'value' })
    const start = startOf(world, { script: 'exec sleep 60', mounts: [at(dir, '/data')] })
    await world.runtime.startContainer(start, world.context)
    const run = async (script: string) => await runInside(world, start, ['sh', '-c', script])
    const seen = await run(
      'cat /data/key; hostname; grep -E "NoNewPrivs|CapEff" /proc/self/status; ls /tmp; exit 3',
    )
    assert.equal(seen.stdout, 'valuepod-1\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n')
    assert.equal(seen.exitCode, 3)
    assert.equal((await run('kill -TERM $$')).exitCode, 143)
    assert.equal((await run('kill -9 $$')).exitCode, 137)
  },
)

test(
  'root in a container changes nothing of the host: no settings, no mounts',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld({ allowRoot: true })
    const attacks = [
      'cat /proc/sys/vm/swappiness >/proc/sys/vm/swappiness',
      'echo h >/proc/sysrq-trigger',
      'chmod 600 /proc/keys',
      'mount -t tmpfs x /tmp',
      'mount -o remount,rw /',
      'umount /usr',
      'unshare --mount true',
      'mknod /tmp/disk b 254 0',
      'nsenter --target 1 --mount true',
      'chmod 777 /sys',
      'kill -9 1 && sleep 0.1 && test ! -d /proc/1',
    ]
    const script = attacks.map((attack) => `(${attack}) 2>/tmp/why && echo '${attack}'`).join('; ')
    const security = { runAsUser: 0 }
    const start = startOf(world, { script: `${script}; echo done`, security })
    assert.equal((await outputOf(world, start)).stdout, 'done\n')
  },
)

test('of what a volume shows of the host, our own directory is empty', { skip }, async () => {
  await using world = await sandboxWorld({ allowRoot: true })
  await writeFile(join(world.dir, 'kubeconfig'), 'credential')
  const mounts = [at(join(world.dir, '..'), '/host')]
  const script = `ls -A /host/${basename(world.dir)}; touch /host/${basename(world.dir)}/x; ls /proc/self/fd | wc -l`
  const security = isRoot ? { runAsUser: 0 } : {}
  const { stdout, stderr } = await outputOf(world, startOf(world, { script, mounts, security }))
  assert.equal(stdout, '4\n')
  assert.match(stderr, /Read-only file system|Permission denied/)
})

for (const way of ['calls', 'bubblewrap']) {
  test(
    `what the host mounts later does not come into a container, where it would be writable: ${way}`,
    { skip: skip || !isRoot },
    async (t) => {
      const host = await mkdtemp(join(tmpdir(), 'vk-host-'))
      const mount = (...words: string[]) => assert.equal(spawnSync('mount', words).status, 0)
      const mountAt = (dir: string, name: string) =>
        mount('-t', 'tmpfs', '-o', 'mode=777', name, dir)
      await using plain = await sandboxWorld({ visibleHostPaths: [host] })
      if (way === 'calls' && !plain.surroundings.caller) return t.skip('not on this machine')
      const caller = way === 'calls' ? plain.surroundings.caller : undefined
      const surroundings = { ...plain.surroundings, caller }
      const config = { isolation: 'bubblewrap', visibleHostPaths: [host] }
      await using world = await processWorld(config, { surroundings })
      const dir = await volume(world, 'data')
      try {
        for (const place of [host, dir]) {
          mountAt(place, 'vk-volume')
          // As systemd has the whole root.
          mount('--make-shared', place)
          await mkdir(join(place, 'later'))
        }
        const mounts = [at(dir, '/data', { isReadOnly: true })]
        const start = startOf(world, { script: 'exec sleep 60', mounts })
        await world.runtime.startContainer(start, world.context)
        await pidOf(world, start.key)
        for (const place of [host, dir]) mountAt(join(place, 'later'), 'vk-later')
        const script = `grep -c vk-volume /proc/self/mountinfo; grep vk-later /proc/self/mountinfo
          for place in /data ${host}; do touch $place/later/x && echo written; done`
        const { stdout } = await runInside(world, start, ['sh', '-c', script])
        assert.equal(stdout, '2\n')
      } finally {
        for (const place of [host, dir]) spawnSync('umount', ['--recursive', place])
        await rmdir(host)
      }
    },
  )
}

function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readCommandLine)
    .join('\n')
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
