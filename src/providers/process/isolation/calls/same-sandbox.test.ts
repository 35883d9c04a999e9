// SPDX-License-Identifier: Apache-2.0
// A sandbox is the same whether a list of system calls or bubblewrap has made it: what can be seen from inside of
// rights, mounts, devices, descriptors and processes is compared.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRoot, processWorld } from '../../../../../test/support/process-runtime.ts'
import type { ProcessWorld } from '../../../../../test/support/process-runtime.ts'
import {
  at,
  noSandbox,
  outputOf,
  sandboxWorld,
  startOf,
  volume,
} from '../../../../../test/support/sandbox-world.ts'
import type { SandboxStart } from '../../../../../test/support/sandbox-world.ts'

const look = `
exec 2>&1
grep -E '^(Umask|Uid|Gid|Groups|NSpid|NSsid|Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp:)' /proc/self/status
grep -E '^(Umask|Uid|Gid|Groups|NSpid|NSsid|Cap|NoNewPrivs|Seccomp:)' /proc/1/status
echo descriptors; echo /proc/$$/fd/*; readlink /proc/$$/fd/1
echo mounts
while read -r id parent device root at options rest; do echo "$at \${options%%,relatime*} \${rest##* - }"; done </proc/self/mountinfo
echo places
stat -c '%n %A %u %g %N' / /* /dev/* /proc/sys /proc/keys /sys/firmware /var/tmp /data/* /etc/vk-own /etc/vk-own/*
echo self; pwd; hostname; env | sort; cut -d' ' -f5-8 /proc/self/stat
for place in / /dev /proc/sys/kernel/core_pattern /proc/irq /sys /tmp /data /dev/shm; do [ -w "$place" ] && echo "writable $place"; done
mount -t tmpfs x /tmp; unshare -m true; chroot / true
exit 7
`

async function seen(world: ProcessWorld, what: Partial<SandboxStart>): Promise<string> {
  const dir = await volume(world, 'data', { inner: 'text' })
  const mounts = [at(dir, '/data'), at(dir, '/etc/vk-own/deep', { isReadOnly: true, name: 'w' })]
  const start = startOf(world, { script: look, mounts, ...what })
  const { stdout, stderr, exitCode } = await outputOf(world, start)
  assert.equal(exitCode, 7)
  assert.equal(stderr, '')
  return readable(stdout.replaceAll(world.dir, '/root-dir'))
}

/** Without what may differ: bubblewrap's own directories have the container's group, and it covers less. */
function readable(text: string): string {
  return text
    .replaceAll(',gid=65534', '')
    .replaceAll('tmpfs rw,mode=755', 'tmpfs rw')
    .replaceAll(/^(\S+ \S{10} 0) 65534 /gm, '$1 0 ')
    .replaceAll(/^\/proc\/(sys|sysrq-trigger|fs) ro,[^\n]*\n/gm, '')
}

const variants: Readonly<Record<string, Partial<SandboxStart>>> = {
  user: {
    env: { KEY: "a 'quoted' value\n" },
    pod: {
      securityContext: {
        supplementalGroups: [4321],
        fsGroup: 4322,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    },
  },
  root: {
    security: { runAsUser: 0 },
    spec: {
      securityContext: {
        readOnlyRootFilesystem: true,
        capabilities: { add: ['SYS_PTRACE'], drop: ['CHOWN'] },
      },
    },
  },
  terminal: { spec: { tty: true, stdin: true, workingDir: '/data' } },
}

test('sandboxes are the same by either way', { skip: noSandbox || !isRoot }, async (t) => {
  const config = { allowRoot: true, allowedGroups: [4321, 4322] }
  await using called = await sandboxWorld(config)
  if (!called.surroundings.caller) return t.skip('this machine leaves all to bubblewrap')
  await using wrapped = await processWorld(
    { isolation: 'bubblewrap', ...config },
    { surroundings: { ...called.surroundings, caller: undefined } },
  )
  for (const [uid, what] of Object.entries(variants)) {
    const [one, other] = await Promise.all([
      seen(called, { ...what, uid }),
      seen(wrapped, { ...what, uid }),
    ])
    assert.deepEqual(one.split('\n'), other.split('\n'), uid)
  }
})
