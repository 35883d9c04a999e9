// SPDX-License-Identifier: Apache-2.0
// Filters of system calls on real containers: what the program, whoever shares its namespaces, and every command
// that is run in there later find refused.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isRoot, type ProcessWorld } from '../../../../../test/support/process-runtime.ts'
import {
  at,
  noSandbox,
  outputOf,
  runInside,
  sandboxWorld,
  startOf,
  volume,
  type SandboxStart,
} from '../../../../../test/support/sandbox-world.ts'
import type { SeccompProfile } from '../../../../kube/types.gen.ts'
import type { VkError } from '../../../../util/vk-error.ts'

const skip = noSandbox

/** Says whether a user namespace can be made, and which processes are filtered. */
const probe = `unshare -U true 2>/dev/null && echo made || echo refused
for pid in 1 self; do
  while read -r name value; do [ "$name" != Seccomp: ] || echo "$pid $value"; done </proc/$pid/status
done
`
const filtered = 'refused\n1 2\nself 2\n'
const free = 'made\n1 0\nself 0\n'
const runtimeDefault: SeccompProfile = { type: 'RuntimeDefault' }

test(
  'RuntimeDefault keeps what the kernel offers beyond a container from programs and from bwrap’s own process',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    const run = async (uid: string, what: Partial<SandboxStart>) =>
      await outputOf(world, startOf(world, { script: probe, uid, ...what }))
    assert.equal((await run('a', asked(runtimeDefault))).stdout, filtered)
    assert.equal((await run('b', {})).stdout, free)
    assert.equal((await run('c', asked({ type: 'Unconfined' }))).stdout, free)
    const ofPod = await run('d', { security: { seccompProfile: runtimeDefault } })
    assert.equal(ofPod.stdout, filtered)
    const security = { seccompProfile: runtimeDefault }
    const own = await run('e', { security, ...asked({ type: 'Unconfined' }) })
    assert.equal(own.stdout, free)
  },
)

test('with seccompDefault a container that says nothing is filtered', { skip }, async () => {
  await using world = await sandboxWorld({ seccompDefault: true })
  assert.equal((await outputOf(world, startOf(world, { script: probe }))).stdout, filtered)
  const unconfined = asked({ type: 'Unconfined' })
  const { stdout } = await outputOf(
    world,
    startOf(world, { script: probe, uid: 'b', ...unconfined }),
  )
  assert.equal(stdout, free)
})

test('commands run in a container later are filtered as its program is', { skip }, async () => {
  await using world = await sandboxWorld({ allowRoot: true })
  const script = 'exec sleep 60'
  const root = isRoot ? { security: { runAsUser: 0 } } : {}
  // A variable that no shell can hold takes the other way to the program.
  for (const env of [{}, { 'no-shell': 'x' }]) {
    for (const who of [{}, root]) {
      const uid = JSON.stringify([env, who]).length.toString()
      const start = startOf(world, { script, uid, env, ...asked(runtimeDefault), ...who })
      await world.runtime.startContainer(start, world.context)
      assert.equal(await execIn(world, start), filtered)
      const later = await world.reopen()
      assert.equal(await execIn({ ...world, runtime: later }, start), filtered)
      await world.runtime.removeContainer(start.key)
    }
  }
})

test(
  'containers that share their processes find nobody among these who is not filtered',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld({ allowRoot: true })
    const start = startOf(world, {
      script: probe,
      ...asked(runtimeDefault),
      pod: { shareProcessNamespace: true },
      security: { runAsUser: 0 },
    })
    assert.equal((await outputOf(world, start)).stdout, filtered)
    await world.runtime.removeSandbox(start.key.pod)
  },
)

test(
  'Localhost names a profile below --root-dir, and a bad one says what is wrong',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    await mkdir(join(world.dir, 'seccomp', 'profiles'), { recursive: true })
    const write = async (name: string, text: string): Promise<void> =>
      await writeFile(join(world.dir, 'seccomp', 'profiles', name), text)
    const syscalls = [
      {
        names: ['setuid', 'setresuid', 'setgroups', 'capset', 'mkdir', 'mkdirat'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 5,
      },
    ]
    await write('no-mkdir.json', JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }))
    await write('broken.json', '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{}]}')
    const start = (localhostProfile: string, uid: string, script = 'exit 0') =>
      outputOf(
        world,
        startOf(world, { script, uid, ...asked({ type: 'Localhost', localhostProfile }) }),
      )
    // The steps that make the container its user's are none of the profile's business.
    const working = startOf(world, {
      script: 'mkdir /tmp/x 2>&1',
      ...asked({ type: 'Localhost', localhostProfile: 'profiles/no-mkdir.json' }),
    })
    assert.match((await outputOf(world, working)).stdout, /Input\/output error/)
    const refusals: readonly (readonly [string, RegExp])[] = [
      [
        'profiles/missing.json',
        /^cannot load seccomp profile "profiles\/missing.json": no such file/,
      ],
      [
        'profiles/broken.json',
        /^cannot load seccomp profile "profiles\/broken.json": "syscalls\.0\.names"/,
      ],
      ['../launch.json', /: it must lie in the directory "seccomp" of --root-dir$/],
      ['profiles', /: it is a directory$/],
    ]
    for (const [name, expected] of refusals) {
      await assert.rejects(start(name, name.length.toString()), (error: VkError) => {
        assert.match(error.message, expected)
        assert.equal(error.podReason, 'CreateContainerError')
        return true
      })
    }
  },
)

test('a pod cannot put a program of its own in the place of its filter', { skip }, async () => {
  await using world = await sandboxWorld()
  const dir = await volume(world, 'data', { filter: '#!/bin/sh\nexec "$@"\n' })
  for (const mount of [
    at(dir, '/.virtual-kubelet'),
    at(join(dir, 'filter'), '/.virtual-kubelet/filter', { kind: 'file' }),
  ]) {
    const start = startOf(world, { script: probe, mounts: [mount], ...asked(runtimeDefault) })
    await assert.rejects(world.runtime.startContainer(start, world.context), /take the place of/)
  }
})

function asked(seccompProfile: SeccompProfile): Pick<SandboxStart, 'spec'> {
  return { spec: { securityContext: { seccompProfile } } }
}

async function execIn(world: ProcessWorld, start: ReturnType<typeof startOf>): Promise<string> {
  return (await runInside(world, start, ['sh', '-c', probe])).stdout
}
