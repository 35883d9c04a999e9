// SPDX-License-Identifier: Apache-2.0
//
// Exec, attach and port-forward as Kubernetes' own client library speaks them, through the API server,
// over each of its two protocols.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { startComponent } from './component.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { isQuick } from './scenario-size.ts'
import { ECHO_SERVER, echoPort } from './stream-pods.ts'
import { buildStreamsClient, streamsSkipReason } from './streams/build.ts'
import { useCluster } from './use-cluster.ts'

const CASES = [
  'input, its end, both outputs',
  'exit code 3',
  'a command that is not there',
  '64 MiB of output',
  '64 MiB of input',
  'a terminal that changes its size',
  'a connection that is idle for 12 s',
  '200 commands at a time',
  'a client that leaves ends its command',
  'attach',
  '3 forwarded connections at a time',
  '64 MiB through a port and back',
  'a port where nobody listens',
]

const tooLong = isQuick && 'takes a minute and hundreds of megabytes: not in a quick run'

describe('a client of client-go', { skip: skipReason || streamsSkipReason() || tooLong }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    await startProcessNode(cluster())
    const echo = 'while read -r line; do echo "got $line"; echo err >&2; done'
    await pods.create(
      { name: 'box', spec: { containers: [shell('sleep 100000')] } },
      { name: 'echo', spec: { containers: [shell(echo, { stdin: true })] } },
      { name: 'net', spec: { containers: [ECHO_SERVER] } },
    )
    await Promise.all(['box', 'echo', 'net'].map((name) => pods.untilPhase(name, 'Running')))
  })

  for (const executor of ['websocket', 'spdy']) {
    describe(`over ${executor}`, () => {
      let log = ''

      before(async () => {
        await using client = await startComponent({
          name: `streams ${executor}`,
          command: buildStreamsClient(),
          args: [
            `-kubeconfig=${cluster().kubeconfig}`,
            `-executor=${executor}`,
            `-port=${await echoPort(pods, 'net')}`,
          ],
          logFile: cluster().files.logFile(`streams-${executor}`),
        })
        await client.exited
        log = client.log()
      })

      for (const name of CASES) {
        test(name, () => assert.ok(log.split('\n').includes(`PASS ${name}`), log))
      }

      test('has no other cases', () => {
        assert.equal(log.match(/^(PASS|FAIL) /gm)?.length, CASES.length, log)
      })
    })
  }
})
