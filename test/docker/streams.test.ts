// SPDX-License-Identifier: Apache-2.0
//
// Commands, terminals, attached clients and forwarded ports, through the engine.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buffer, text } from 'node:stream/consumers'
import type { Duplex } from 'node:stream'
import type { Pod } from '../../src/kube/types.gen.ts'
import type { ExecOptions, ProcessStreams } from '../../src/provider/streams.ts'
import { ProviderFixture, refOf } from '../../src/testing/provider-fixture.ts'
import { StreamOutput } from '../../src/testing/stream-output.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { describeEngines, script, untilStopped } from './use-engine.ts'

const streams = { stdin: false, stdout: true, stderr: true, tty: false }

async function exec(
  { provider, context }: ProviderFixture,
  pod: Pod,
  options: Partial<ExecOptions> & Pick<ExecOptions, 'command'>,
): Promise<ProcessStreams> {
  const running = await provider.exec?.(refOf(pod), 'c0', { ...streams, ...options }, context)
  return running ?? assert.fail('the provider runs no commands')
}

/** A connection to a port that is being opened. */
async function forwardOnce(fixture: ProviderFixture, pod: Pod, port: number): Promise<Duplex> {
  const untilMs = performance.now() + fixture.timeoutMs
  for (;;) {
    try {
      return await forward(fixture, pod, port)
    } catch (error) {
      assert.ok(performance.now() < untilMs, String(error))
      await fixture.host.clock.sleep(50)
    }
  }
}

async function forward(
  { provider, context }: ProviderFixture,
  pod: Pod,
  port: number,
): Promise<Duplex> {
  const connection = await provider.portForward?.(refOf(pod), port, context)
  return connection ?? assert.fail('the provider forwards no ports')
}

describeEngines('streams', (engine) => {
  test('input, both outputs and the exit code of a command come through', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    await fixture.run(pod)
    const command = ['sh', '-c', 'cat; echo error >&2; exit 7']
    const { stdin, stdout, stderr, exited } = await exec(fixture, pod, { command, stdin: true })
    assert.ok(stdin && stdout && stderr)
    const bytes = Buffer.alloc(3_000_000, 'abcdefgh\n')
    stdin.end(bytes)
    const [out, error] = await Promise.all([buffer(stdout), text(stderr)])
    assert.ok(out.equals(bytes), `${out.length} of ${bytes.length} bytes came back`)
    assert.equal(error, 'error\n')
    assert.deepEqual(await exited, { exitCode: 7 })
  })

  test('a terminal has its size, and the new one when it changes', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    await fixture.run(pod)
    const terminal = await exec(fixture, pod, {
      command: ['sh'],
      stdin: true,
      stderr: false,
      tty: true,
    })
    const { stdin, stdout } = terminal
    assert.ok(stdin && stdout)
    let output = ''
    stdout.on('data', (piece: Buffer) => {
      output += piece.toString()
    })
    for (const [height, width] of [
      [33, 101],
      [44, 22],
    ] as const) {
      const untilMs = performance.now() + fixture.timeoutMs
      // A change comes when it comes: asked again once there was an answer, or a slow shell would drown.
      for (let size: string | undefined; size !== `${height} ${width}`;) {
        output = ''
        size = undefined
        terminal.resize({ width, height })
        stdin.write('stty size\n')
        while (size === undefined) {
          assert.ok(performance.now() < untilMs, `no ${height} ${width} in ${output}`)
          await fixture.host.clock.sleep(20)
          size = /^(\d+ \d+)\r?\n/m.exec(output)?.[1]
        }
      }
    }
    stdin.write('exit 4\n')
    assert.deepEqual(await terminal.exited, { exitCode: 4 })
  })

  test('a command whose client is gone ends', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    await fixture.run(pod)
    const leaving = new AbortController()
    const context = { signal: leaving.signal, log: silentLogger }
    const command = ['sh', '-c', ': needle; sleep 1000; true']
    const options = { ...streams, command }
    const { exited } = (await fixture.provider.exec?.(refOf(pod), 'c0', options, context)) ?? {}
    const count = async (): Promise<string> => {
      const look = ['sh', '-c', 'ps -o args | grep -c "[n]eedle"']
      const { stdout } = await exec(fixture, pod, { command: look, stderr: false })
      assert.ok(stdout)
      return (await text(stdout)).trim()
    }
    const untilMs = performance.now() + fixture.timeoutMs
    while ((await count()) !== '1') assert.ok(performance.now() < untilMs, 'it does not run')
    leaving.abort()
    await exited
    while ((await count()) !== '0') assert.ok(performance.now() < untilMs, 'it runs on')
  })

  test('what cannot be run is said', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const pod = fixture.pod(script(untilStopped))
    await fixture.run(pod)
    const command = ['no-such-program']
    await assert.rejects(
      exec(fixture, pod, { command }),
      /no-such-program.*executable file .*not found in \$PATH/,
    )
  })

  test('an attached client has the output from now on, and the input', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const echo = 'while read -r line; do echo "got $line"; done; echo eof'
    const pod = fixture.pod(script(echo, { stdin: true }), { restartPolicy: 'Never' })
    await fixture.run(pod)
    const { provider, context } = fixture
    const attached = await provider.attach?.(refOf(pod), 'c0', { ...streams, stdin: true }, context)
    assert.ok(attached?.stdin && attached.stdout)
    const output = new StreamOutput(attached.stdout, fixture.timeoutMs)
    attached.stdin.write('one\n')
    await output.until(/^got one\n$/)
  })

  test('ports are reached at the pod, on loopback too, and in pieces of any size', async () => {
    await using fixture = await ProviderFixture.open(engine.options())
    const serve = 'nc -ll -p 8000 -e cat & httpd -f -p 127.0.0.1:8001 -h /etc & wait'
    const pod = fixture.pod(script(`trap "exit 0" TERM; ${serve}`))
    await fixture.run(pod)
    const echo = await forwardOnce(fixture, pod, 8000)
    const bytes = Buffer.alloc(1_000_000, '8000\n')
    echo.end(bytes)
    const back = await buffer(echo)
    assert.ok(back.equals(bytes), `${back.length} of ${bytes.length} bytes came back`)
    const web = await forwardOnce(fixture, pod, 8001)
    web.write('GET /group HTTP/1.0\r\n\r\n')
    assert.match(await text(web), /^HTTP\/1.[01] 200 OK[^]*extra:x:2000:user/)
    await assert.rejects(
      forward(fixture, pod, 8002),
      /failed to connect to port 8002 .*connection refused/,
    )
  })
})
