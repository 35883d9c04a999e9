// SPDX-License-Identifier: Apache-2.0
//
// Who may do what: tokens of service accounts, RBAC, impersonation, and reviews of all of them.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { accountUser, grant, serviceAccount, untilAllowed } from './access.ts'
import { ApiStatusError } from './api-client.ts'
import type { ApiClient } from './api-client.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

const PODS = '/api/v1/namespaces/default/pods'
const SECRETS = '/api/v1/namespaces/default/secrets'
const ACCOUNT = 'system:serviceaccount:default:reader'
const GROUPS = ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated']
const RBAC = '/apis/rbac.authorization.k8s.io/v1'

interface TokenReview {
  readonly status: {
    readonly authenticated?: boolean
    readonly error?: string
    readonly user?: { readonly username: string; readonly groups: readonly string[] }
  }
}

interface AccessReview {
  readonly status: { readonly allowed: boolean; readonly reason?: string }
}

describe('access to the API', { skip: skipReason }, () => {
  const cluster = useCluster({ scheduler: false })

  before(async () => {
    await cluster().create(
      serviceAccount('reader'),
      ...grant('reader', 'Role', [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
      ]),
    )
    const attributes = { namespace: 'default', verb: 'list', resource: 'pods' }
    await untilAllowed(cluster(), accountUser('reader'), attributes)
  })

  async function as<T>(account: string, work: (client: ApiClient) => Promise<T>): Promise<T> {
    await using client = cluster().clientWith({
      token: await cluster().tokenOf('default', account),
    })
    return await work(client)
  }

  const isRefused = (status: number, message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ApiStatusError)
    assert.equal(error.status, status, error.message)
    assert.match(error.message, message)
    return true
  }

  test('is what a role allows an account, and nothing beside it', async () => {
    await as('reader', async (client) => {
      await client.call('GET', PODS)
      await assert.rejects(
        client.call('GET', SECRETS),
        isRefused(
          403,
          /secrets is forbidden: User \\"system:serviceaccount:default:reader\\" cannot list resource \\"secrets\\" in API group \\"\\" in the namespace \\"default\\"/,
        ),
      )
      await assert.rejects(
        client.call('GET', '/api/v1/pods'),
        isRefused(403, /at the cluster scope/),
      )
    })
  })

  test('follows a binding at once, when it is made and when it is removed', async () => {
    const lists = async (client: ApiClient) =>
      await client.call('GET', '/api/v1/nodes').then(
        () => true,
        () => false,
      )
    await cluster().create(serviceAccount('guest'))
    await as('guest', async (client) => {
      assert.equal(await lists(client), false)
      const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }]
      await cluster().create(...grant('guest', 'ClusterRole', rules))
      await eventually(() => lists(client), { what: 'the role to count' })
      await cluster().delete(`${RBAC}/clusterrolebindings/guest`)
      await eventually(async () => !(await lists(client)), { what: 'the role not to count' })
    })
  })

  test('is told by reviews', async () => {
    const allowed = async (verb: string, resource: string) => {
      const resourceAttributes = { namespace: 'default', verb, resource }
      const { status } = await cluster().api<AccessReview>(
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          body: {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SubjectAccessReview',
            spec: { user: ACCOUNT, groups: GROUPS, resourceAttributes },
          },
        },
      )
      return status
    }
    assert.deepEqual(await allowed('list', 'pods'), {
      allowed: true,
      reason:
        'RBAC: allowed by RoleBinding "reader/default" of Role "reader" to ServiceAccount "reader/default"',
    })
    assert.equal((await allowed('delete', 'pods')).allowed, false)
  })

  test('ends with the account: its token is worth nothing any more', async () => {
    const review = async (token: string) => {
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token },
      }
      const path = '/apis/authentication.k8s.io/v1/tokenreviews'
      return (await cluster().api<TokenReview>('POST', path, { body })).status
    }
    await cluster().create(serviceAccount('brief'))
    const token = await cluster().tokenOf('default', 'brief')
    const { authenticated, user } = await review(token)
    assert.equal(authenticated, true)
    assert.equal(user?.username, 'system:serviceaccount:default:brief')
    assert.deepEqual(user.groups.toSorted(), GROUPS.toSorted())
    await cluster().delete('/api/v1/namespaces/default/serviceaccounts/brief')
    await eventually(async () => (await review(token)).authenticated !== true, {
      what: 'the token to be refused',
    })
    await using client = cluster().clientWith({ token })
    await assert.rejects(client.call('GET', PODS), isRefused(401, /Unauthorized/))
    assert.equal((await review(`${token}x`)).authenticated, undefined)
  })

  test('can be taken on for a request, by those who may impersonate', async () => {
    const headers = { 'impersonate-user': ACCOUNT }
    await cluster().api('GET', PODS, { headers })
    await assert.rejects(cluster().api('GET', SECRETS, { headers }), isRefused(403, /:reader/))
    await as('reader', async (client) => {
      await assert.rejects(
        client.call('GET', PODS, { headers: { 'impersonate-user': 'admin' } }),
        isRefused(403, /forbidden: User .*:reader.* cannot impersonate/),
      )
    })
  })

  test('cannot be given by one who has not got it', async () => {
    const rules = [
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['create'] },
    ]
    await cluster().create(serviceAccount('clerk'), ...grant('clerk', 'ClusterRole', rules))
    const group = 'rbac.authorization.k8s.io'
    await untilAllowed(cluster(), accountUser('clerk'), {
      verb: 'create',
      group,
      resource: 'roles',
    })
    const role: Manifest = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'all-secrets' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    }
    await as('clerk', async (client) => {
      await assert.rejects(
        client.call('POST', `${RBAC}/namespaces/default/roles`, { body: role }),
        isRefused(403, /is attempting to grant RBAC permissions not currently held/),
      )
    })
  })
})
