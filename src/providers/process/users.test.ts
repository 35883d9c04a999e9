// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSecurityContext, SecurityContext } from '../../kube/types.gen.ts'
import { parsePasswd } from './user-database.ts'
import { resolveUser } from './users.ts'
import type { UserRules } from './users.ts'

const passwd =
  'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:\n# no\nbob:x:1001:100::/h:'
const asRoot: UserRules = {
  config: { allowedUsers: [1000, '2000-2999'], allowedGroups: [50], allowRoot: false },
  own: { uid: 0, gid: 0, groups: [] },
  users: parsePasswd(passwd),
}
const asAnn: UserRules = { ...asRoot, own: { uid: 1000, gid: 1000, groups: [4, 27] } }

test('root’s virtual-kubelet runs pods as an unprivileged user unless they say otherwise', () => {
  const nobody = { uid: 65_534, gid: 65_534, supplementalGroups: [] }
  assert.deepEqual(resolve(asRoot), nobody)
  assert.equal(resolve(withConfig({ defaultUser: 2000 })).uid, 2000)
})

test('takes the group of the user that the host knows, and an unprivileged one otherwise', () => {
  assert.equal(resolve(asRoot, { runAsUser: 1000 }).gid, 1000)
  assert.equal(resolve(asRoot, { runAsUser: 2000 }).gid, 65_534)
})

test('the container’s words go before the pod’s', () => {
  assert.equal(resolve(asRoot, { runAsUser: 2000 }, { runAsUser: 2001 }).uid, 2001)
  assert.equal(resolve(asRoot, { runAsUser: 2000 }, {}).uid, 2000)
})

test('refuses users and groups that the configuration does not name', () => {
  refuses(() => resolve(asRoot, { runAsUser: 1001 }), /user 1001, which is not in .* allowedUsers/)
  refuses(() => resolve(asRoot, { runAsUser: 0 }), /asks for root/)
  refuses(() => resolve(asRoot, { runAsGroup: 0 }), /group 0, which is not in .* allowedGroups/)
  refuses(() => resolve(asRoot, { supplementalGroups: [6] }), /group 6/)
  refuses(() => resolve(asRoot, { fsGroup: 7 }), /group 7/)
  assert.deepEqual(resolve(asRoot, { supplementalGroups: [50, 50] }).supplementalGroups, [50])
})

test('allows root where the configuration does, and never against runAsNonRoot', () => {
  const rules = withConfig({ allowRoot: true })
  assert.deepEqual(resolve(rules, { runAsUser: 0, supplementalGroups: [6] }), {
    uid: 0,
    gid: 0,
    supplementalGroups: [6],
  })
  refuses(
    () => resolve(rules, { runAsUser: 0, runAsNonRoot: true }),
    /container's runAsUser breaks non-root policy/,
  )
  const byDefault = withConfig({ allowRoot: true, defaultUser: 0 })
  refuses(() => resolve(byDefault, { runAsNonRoot: true }), /would run as root/)
  assert.equal(resolve(asRoot, { runAsNonRoot: true }).uid, 65_534)
})

test('an ordinary user’s virtual-kubelet runs as that user only', () => {
  assert.deepEqual(resolve(asAnn), { uid: 1000, gid: 1000, supplementalGroups: [4, 27] })
  assert.equal(resolve(asAnn, { runAsUser: 1000, runAsGroup: 1000, fsGroup: 27 }).uid, 1000)
  refuses(() => resolve(asAnn, { runAsUser: 2000 }), /asks for user 2000, .* runs as user 1000/)
  refuses(() => resolve(asAnn, { runAsGroup: 50 }), /asks for group 50/)
  refuses(() => resolve(asAnn, { supplementalGroups: [50] }), /asks for group 50/)
})

test('reads passwd as the C library does: first entry of a uid, junk left out', () => {
  const users = parsePasswd('a:x:1:2::/a:\nb:x:1:3::/b:\nbroken\nc:x:x:1::/c:\nd:x:9:9:::')
  assert.deepEqual(
    [...users],
    [
      [1, { gid: 2, home: '/a' }],
      [9, { gid: 9, home: '/' }],
    ],
  )
})

function resolve(
  rules: UserRules,
  pod: PodSecurityContext = {},
  container?: SecurityContext,
): ReturnType<typeof resolveUser> {
  const spec = { name: 'main', ...(container && { securityContext: container }) }
  return resolveUser(
    { metadata: meta, spec: { containers: [spec], securityContext: pod } },
    spec,
    rules,
  )
}

const meta = { name: 'p', namespace: 'n', uid: 'u' }

function withConfig(config: Partial<UserRules['config']>): UserRules {
  return { ...asRoot, config: { ...asRoot.config, ...config } }
}

function refuses(act: () => unknown, message: RegExp): void {
  assert.throws(act, { code: 'Invalid', podReason: 'CreateContainerConfigError', message })
}
