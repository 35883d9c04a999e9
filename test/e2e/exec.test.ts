// SPDX-License-Identifier: Apache-2.0
//
// kubectl exec, cp and attach as users type them, over both of the protocols that kubectl speaks.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import { Pods, TOLERATIONS, shell } from './pods.ts'
import { pidsWithArgument, uniqueSleep, untilNoneHas } from './host-processes.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { skipReason } from './requirements.ts'
import { provider, scenarioImage } from './scenario-provider.ts'
import { Terminal } from './stream-pods.ts'
import { useCluster } from './use-cluster.ts'

const VARIABLE = 'KUBECTL_REMOTE_COMMAND_WEBSOCKETS'
const ECHO = 'while read -r line; do echo "got $line"; done; echo eof; sleep 1000'

describe('kubectl exec and attach', { skip: skipReason || kubectlSkipReason }, () => {
  const cluster = useCluster()
  const folder = useSharedFolder()
  const pods = new Pods(cluster)

  before(async () => {
    await startProcessNode(cluster())
    await pods.create({ name: 'box', spec: { containers: [shell('sleep 100000')] } })
    await pods.untilPhase('box', 'Running')
  })
  after(() => {
    delete process.env[VARIABLE]
  })

  for (const [protocol, value] of [
    ['WebSocket', 'true'],
    ['SPDY', 'false'],
  ] as const) {
    describe(`over ${protocol}`, () => {
      before(() => {
        process.env[VARIABLE] = value
      })

      test('hands input, outputs and exit code through', async () => {
        const script = 'cat; id -u; echo err >&2; exit 3'
        const result = await cluster().kubectl(['exec', '-i', 'box', '--', 'sh', '-c', script], {
          input: 'hello\n',
          allowFailure: true,
        })
        assert.equal(result.stdout, `hello\n${provider.podUser}\n`)
        assert.equal(result.stderr, 'err\ncommand terminated with exit code 3\n')
        assert.equal(result.code, 3)
      })

      test('says what cannot be run', async () => {
        const missing = await cluster().kubectl(['exec', 'box', '--', 'no-such-program'], {
          allowFailure: true,
        })
        assert.match(missing.stderr, /exec: "no-such-program": executable file not found in \$PATH/)
        const other = await cluster().kubectl(['exec', 'box', '-c', 'other', '--', 'true'], {
          allowFailure: true,
        })
        assert.match(other.stderr, /container other is not valid for pod box/)
      })

      test('gives a terminal with its size, and the new one when it changes', async () => {
        const args = ['exec', '-it', 'box', '--', 'sh']
        const terminal = new Terminal(cluster().kubectlProgram(), args)
        await terminal.typeUntil('stty size\n', /33 101\r\n/)
        terminal.resize(44, 22)
        await terminal.typeUntil('stty size\n', /22 44\r\n/)
        terminal.type('exit 4\n')
        assert.equal(await terminal.exited(), 4)
      })

      test('ends the command of a kubectl that is killed', async () => {
        const seconds = uniqueSleep()
        const command = ['exec', 'box', '--', 'sh', '-c', `sleep ${seconds}; :`]
        const kubectl = cluster().spawnKubectl(command)
        await eventually(() => pidsWithArgument(seconds).length > 0, { what: 'the command to run' })
        kubectl.kill('SIGKILL')
        await untilNoneHas(seconds)
      })

      test('cp copies to a pod and back', async () => {
        const [local, back] = ['there', 'back'].map((name) => join(folder(), `${name}-${protocol}`))
        assert.ok(local && back)
        const content = randomBytes(3_000_000)
        writeFileSync(local, content)
        await cluster().kubectl(['cp', local, `box:${local}-copied`])
        await cluster().kubectl(['cp', `box:${local}-copied`, back])
        assert.ok(content.equals(readFileSync(back)))
      })

      const { lastingInput } = provider.without
      test(
        'attach reads and writes, and leaves the program running',
        { skip: lastingInput },
        async () => {
          const name = `echo-${value}`
          await pods.create({ name, spec: { containers: [shell(ECHO, { stdin: true })] } })
          await pods.untilPhase(name, 'Running')
          for (const text of ['one', 'two']) {
            const kubectl = cluster().spawnKubectl(['attach', '-i', name])
            let output = ''
            kubectl.stdout.on('data', (piece: Buffer) => {
              output += piece.toString()
            })
            await eventually(
              () => {
                kubectl.stdin.write(`${text}\n`)
                return output.includes(`got ${text}\n`)
              },
              { what: `${text} to come back`, intervalMs: 200 },
            )
            kubectl.kill('SIGKILL')
          }
          assert.equal((await pods.get(name)).status?.phase, 'Running')
          assert.doesNotMatch(await pods.logs(name), /eof/)
        },
      )

      test('run --rm -i hands a pipe through and removes the pod', async () => {
        const { stdout } = await cluster().kubectl(
          runArgs(`piped-${value}`, ['-i', '--quiet'], ['sh', '-c', 'sleep 0.5; cat; echo end']),
          { input: 'hello\n' },
        )
        assert.match(stdout, /^(hello\n)?end\n/)
        await pods.untilGone(`piped-${value}`)
      })

      test('run --rm -it gives a container a terminal of its own', async () => {
        const args = runArgs(`terminal-${value}`, ['-it'], ['sh'])
        const terminal = new Terminal(cluster().kubectlProgram(), args)
        await terminal.typeUntil('stty size; tty\n', /33 101\r\n\/dev\/pts\/\d+\r\n/)
        terminal.type('exit 5\n')
        await terminal.exited()
        await pods.untilGone(`terminal-${value}`)
      })
    })
  }
})

function runArgs(name: string, flags: readonly string[], command: readonly string[]): string[] {
  const spec = { tolerations: TOLERATIONS, terminationGracePeriodSeconds: 1 }
  const overrides = `--overrides=${JSON.stringify({ spec })}`
  const fixed = [
    '--rm',
    `--image=${scenarioImage}`,
    '--restart=Never',
    overrides,
    '--command',
    '--',
  ]
  return ['run', name, ...flags, ...fixed, ...command]
}
