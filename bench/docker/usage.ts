// SPDX-License-Identifier: Apache-2.0
//
// What it costs to ask an engine how much its containers use: a request for each, streams, all at once; and
// what they have written over their images. Prints the wait and the CPU time that the engine took
// (docs/decisions/0013 and 0016). --engine=podman|docker chooses one.
import { readFileSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { EngineDaemon, type EngineKind } from '../../test/docker/engine-daemon.ts'
import { busyboxArchive, testImage } from '../../test/docker/test-image.ts'

const containers = 40
const streamSeconds = 10
const layerFiles = 20_000
/** The kernel counts CPU time in hundredths of a second. */
const tickMs = 10

async function main(kind: EngineKind): Promise<void> {
  await using daemon = await EngineDaemon.open(kind)
  await daemon.api.load(busyboxArchive().bytes)
  const ids: string[] = []
  for (let number = 0; number < containers; number += 1) {
    const host = { NetworkMode: 'none' }
    const body = { Image: testImage, Cmd: ['sleep', '1000'], HostConfig: host }
    const { Id } = await daemon.api.call<{ Id: string }>('POST', '/containers/create', body)
    await daemon.api.call('POST', `/containers/${Id}/start`)
    ids.push(Id)
  }
  const measure = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const [startMs, cpuMs] = [performance.now(), engineCpuMs(daemon)]
    await work()
    const [wallMs, usedMs] = [performance.now() - startMs, engineCpuMs(daemon) - cpuMs]
    console.log(`${kind}, ${what}: ${Math.round(wallMs)} ms, engine's CPU ${usedMs} ms`)
  }
  const one = (id: string): Promise<unknown> =>
    daemon.api.call('GET', `/containers/${id}/stats?stream=0&one-shot=1`)
  for (const atOnce of [8, containers]) {
    await measure(`one by one, ${atOnce} at once`, async () => {
      const queue = [...ids]
      const worker = async (): Promise<void> => {
        for (let id = queue.shift(); id !== undefined; id = queue.shift()) await one(id)
      }
      await Promise.all(Array.from({ length: atOnce }, worker))
    })
  }
  if (kind === 'podman') {
    await measure('all in one', () => get(daemon, '/v4.0.0/libpod/containers/stats?stream=false'))
  }
  const files = `mkdir /f; i=0; while [ $i -lt ${layerFiles} ]; do : > /f/$i; i=$((i + 1)); done`
  const listed = (query: string) => () => daemon.api.call('GET', `/containers/json?all=1${query}`)
  await measure('a list', listed(''))
  await measure('a list with layers', listed('&size=1'))
  const writer = { Image: testImage, Cmd: ['sh', '-c', files], HostConfig: { NetworkMode: 'none' } }
  const { Id } = await daemon.api.call<{ Id: string }>('POST', '/containers/create', writer)
  await daemon.api.call('POST', `/containers/${Id}/start`)
  await daemon.api.call('POST', `/containers/${Id}/wait`)
  await measure(`a list with layers, ${layerFiles} files in one`, listed('&size=1'))
  const open = ids.map((id) => stream(daemon, `/v1.41/containers/${id}/stats?stream=1`))
  await delay(2000)
  await measure(`${containers} streams, ${streamSeconds} s`, () => delay(streamSeconds * 1000))
  for (const close of open) close()
}

async function get(daemon: EngineDaemon, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  request({ socketPath: daemon.socket, path }, (answer) => answer.resume().on('end', resolve))
    .on('error', reject)
    .end()
  await promise
}

function stream(daemon: EngineDaemon, path: string): () => void {
  const sent = request({ socketPath: daemon.socket, path }, (answer) => answer.resume())
  sent.on('error', () => {})
  sent.end()
  return () => sent.destroy()
}

/** Of the daemon and of containerd; not of the containers. */
function engineCpuMs({ pid, folder }: EngineDaemon): number {
  const own = readdirSync('/proc').filter((name) => {
    if (name === String(pid)) return true
    try {
      const command = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'utf8') : ''
      return /^\S*containerd\0/.test(command) && command.includes(`${folder}/`)
    } catch {
      // It has just ended.
      return false
    }
  })
  const ticks = own.map((name) => {
    const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, count) => sum + count, 0) * tickMs
}

const chosen = process.argv.find((argument) => argument.startsWith('--engine='))?.slice(9)
for (const kind of ['podman', 'docker'] as const) {
  if (chosen === undefined || chosen === kind) await main(kind)
}
