// SPDX-License-Identifier: Apache-2.0
// Ways out of a sandbox that were tried, as pods and as programs in them: each found its way once, or could.
import assert from 'node:assert/strict'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, pidOf } from '../../../../test/support/process-probes.ts'
import { isRoot } from '../../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../../test/support/process-runtime.ts'
import {
  at,
  noSandbox,
  outputOf,
  runInside,
  sandboxWorld,
  startOf,
  volume,
} from '../../../../test/support/sandbox-world.ts'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import { parseStat, readProc } from '../process-identity.ts'

const skip = noSandbox || !isRoot

async function run(world: ProcessWorld, start: ContainerStart, script: string) {
  return await runInside(world, start, ['sh', '-c', script])
}

test(
  'what a pod says about users does not decide who its programs and commands are',
  { skip },
  async () => {
    await using world = await sandboxWorld({ allowedGroups: [4321] })
    const dir = await volume(world, 'data', {
      passwd: '65534:x:0:0::/:/bin/sh\n',
      group: '65534:x:0:\n4321:x:0:\n',
      'nsswitch.conf': 'passwd: evil\ngroup: evil\n',
    })
    for (const name of ['passwd', 'group', 'nsswitch.conf']) {
      const mounts = [at(join(dir, name), `/etc/${name}`, { kind: 'file', isReadOnly: true })]
      const pod = { securityContext: { supplementalGroups: [4321] } }
      const script = 'id -u; id -g; id -G; echo ready; exec sleep 60'
      const start = startOf(world, { script, mounts, pod, uid: name })
      await world.runtime.startContainer(start, world.context)
      await eventually(async () => (await world.output(start)).includes('ready'))
      const expected = '65534\n65534\n65534 4321\n'
      assert.equal(await world.output(start), `${expected}ready\n`, name)
      assert.equal((await run(world, start, 'id -u; id -g; id -G')).stdout, expected, name)
    }
  },
)

test('a command has no descriptors but its own three', { skip: noSandbox }, async () => {
  await using world = await sandboxWorld()
  const start = startOf(world, { script: 'echo /proc/self/fd/*; exec sleep 60' })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)).includes('\n'))
  // The shell's own look at the directory is one, gone by the time it is printed.
  const own = ['0', '1', '2', '3'].map((name) => `/proc/self/fd/${name}`).join(' ')
  assert.equal(await world.output(start), `${own}\n`)
  assert.equal((await run(world, start, 'echo /proc/self/fd/*')).stdout, `${own}\n`)
})

test('a mount path with a zero in it is no words for bubblewrap', { skip: noSandbox }, async () => {
  await using world = await sandboxWorld()
  const dir = await volume(world, 'data')
  const mounts = [at(dir, '/a\0--bind\0.\0q')]
  const start = startOf(world, { script: 'ls -d /q/etc', mounts })
  await assert.rejects(
    outputOf(world, start),
    /^VkError: Cannot mount volume "v" at "\/a\\u0000--bind.*": it holds a character that no path can$/,
  )
})

test(
  'a program that makes namespaces of its own gets no command of ours into them',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data', { setpriv: '#!/bin/sh\nid -u\n' })
    await chmod(join(dir, 'setpriv'), 0o755)
    const inside = 'mount --bind /data/setpriv /usr/bin/setpriv; echo ready; exec sleep 60'
    const script = `exec unshare --user --map-root-user --mount sh -c '${inside}'`
    const pod = { shareProcessNamespace: true }
    const start = startOf(world, { script, mounts: [at(dir, '/data')], pod })
    await world.runtime.startContainer(start, world.context)
    await eventually(async () => (await world.output(start)).includes('ready'))
    await assert.rejects(run(world, start, 'true'), /the container's program has left its sandbox/)
  },
)

test(
  'a host path whose directory has become a link leads to nothing that pods do not see anyway',
  { skip: noSandbox },
  async () => {
    const base = await mkdtemp(join(tmpdir(), 'vk-escape-'))
    try {
      const [allowed, secret] = [join(base, 'allowed'), join(base, 'secret')]
      await mkdir(join(allowed, 'x'), { recursive: true })
      await mkdir(secret)
      await writeFile(join(secret, 'key'), 'not yours')
      await using world = await sandboxWorld({ hostPathPrefixes: [allowed] })
      const volumes = [{ name: 'v', hostPath: { path: join(allowed, 'x') } }]
      const attempt = async (uid: string) => {
        const mounts = [at(join(allowed, 'x'), '/x')]
        const script = 'ls -A /x; cat /x/key; touch /x/mine'
        return await outputOf(world, startOf(world, { script, mounts, volumes, uid }))
      }
      await chmod(join(allowed, 'x'), 0o777)
      assert.equal((await attempt('before')).exitCode, 0)
      assert.ok((await readFile(join(allowed, 'x', 'mine'), 'utf8').catch(() => false)) === '')
      await rename(join(allowed, 'x'), join(allowed, 'y'))
      for (const target of [secret, '../../secret', '/root', '/proc', '/proc/self', '/dev/shm']) {
        await symlink(target, join(allowed, 'x'))
        const output = await attempt(`link-${target}`).catch(() => undefined)
        assert.ok(!output?.stdout, `${target}: ${output?.stdout}`)
        await unlink(join(allowed, 'x'))
      }
    } finally {
      await rm(base, { recursive: true })
    }
  },
)

test(
  'root in a container cannot fill our memory by what commands are started with',
  { skip },
  async () => {
    await using world = await sandboxWorld({ allowRoot: true })
    // Where the first process has the file open at all.
    const script = 'truncate -s 8G /proc/1/fd/0 2>/dev/null; echo ready; exec sleep 60'
    const start = startOf(world, { script, security: { runAsUser: 0 }, env: { KEY: 'value' } })
    await world.runtime.startContainer(start, world.context)
    await eventually(async () => (await world.output(start)).includes('ready'))
    assert.equal((await run(world, start, 'echo $KEY')).stdout, 'value\n')
  },
)

test(
  'root in a container gets at nothing of the processes that hold its sandbox, and by hostPID not at their root',
  { skip },
  async (t) => {
    await using world = await sandboxWorld({
      allowRoot: true,
      allowedCapabilities: ['SYS_PTRACE'],
    })
    if (!world.surroundings.caller) return t.skip('this machine leaves all to bubblewrap')
    const security = { runAsUser: 0 }
    const own = startOf(world, {
      script: 'ls /proc/1/root/; readlink /proc/1/exe; cat /proc/1/maps',
      security,
    })
    assert.equal((await outputOf(world, own)).stdout, '')
    const other = startOf(world, { script: 'exec sleep 60', uid: 'other' })
    await world.runtime.startContainer(other, world.context)
    const first = parentOf(await pidOf(world, other.key))
    const script = [parentOf(first), first].map((pid) => `ls /proc/${pid}/root/`).join('; ')
    const watching = startOf(world, { script, uid: 'watching', pod: { hostPID: true }, security })
    assert.equal((await outputOf(world, watching)).stdout, '')
  },
)

function parentOf(pid: number): number {
  return parseStat(readProc(`${pid}/stat`))?.parent ?? assert.fail(`process ${pid} has ended`)
}
