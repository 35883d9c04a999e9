// SPDX-License-Identifier: Apache-2.0
//
// What the docker provider costs over the bare engine, in one run and in turns: pods of two containers, from
// handed over until both run, beside the same containers by requests to the engine's API and by its command
// line; and the round trip of a command in a container. Both engines, one after the other; ends within ten
// minutes: pods for which there is no time left are not started, and the table says how many were. However it
// ends, its engine ends with it. Look at the ratios; the figures are this machine's.
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ProviderFixture } from '../../src/testing/provider-fixture.ts'
import { providerModule } from '../../src/providers/docker/provider.ts'
import { EngineDaemon, engineObstacle, type EngineKind } from '../../test/docker/engine-daemon.ts'
import { busyboxArchive } from '../../test/docker/test-image.ts'
import { percentile } from '../measure.ts'
import { contendersOn, execIn, execRaw, startedPod, type Contender } from './contenders.ts'

const { values } = parseArgs({
  options: {
    /** podman, docker; without it, both. */
    engine: { type: 'string' },
    pods: { type: 'string', default: '100' },
    concurrency: { type: 'string', default: '8' },
    /** Pods of each contender before it is the next one's turn. */
    slice: { type: 'string', default: '16' },
    execs: { type: 'string', default: '100' },
    /** For the pods of one engine. */
    seconds: { type: 'string', default: '240' },
  },
})
const { pods, concurrency, slice, execs, seconds } = {
  pods: Number(values.pods),
  concurrency: Number(values.concurrency),
  slice: Number(values.slice),
  execs: Number(values.execs),
  seconds: Number(values.seconds),
}
/** For the commands, and for what is under way when the time for the pods is over. */
const spareSeconds = 40
const stopSeconds = 20
const kinds: readonly EngineKind[] = ['podman', 'docker']

/** By contender, in ms. */
type Timings = ReadonlyMap<string, readonly number[]>

async function main(): Promise<number> {
  goFirst()
  const stop = stopOnSignals()
  const chosen = kinds.filter((kind) => values.engine === undefined || values.engine === kind)
  for (const kind of chosen) {
    const obstacle = engineObstacle(kind)
    if (obstacle !== undefined) {
      console.error(`Cannot measure on ${kind}: ${obstacle}`)
      return 1
    }
    await using daemon = await EngineDaemon.open(kind)
    using _limit = limitTime(stop)
    const measuring = measureOn(daemon, stop.signal)
    if (await Promise.race([measuring, longAfter(stop.signal).then(() => false)])) continue
    console.error(`Cannot measure on ${kind}: ${String(stop.signal.reason)}`)
    return 1
  }
  return chosen.length > 0 ? 0 : 2
}

/** The first signal stops the measurement; a second one does not wait for what is under way. */
function stopOnSignals(): AbortController {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(1)
      stop.abort(signal)
    })
  }
  return stop
}

/** Stops a measurement for which the machine is too busy. */
function limitTime(stop: AbortController): Disposable {
  const tooBusy = 'others leave it no time; try again when the machine is quiet'
  const timer = setTimeout(() => stop.abort(tooBusy), (seconds + spareSeconds) * 1000)
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

/** Resolves when what was under way at the stop has had time to end. */
async function longAfter(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
  await delay(stopSeconds * 1000, undefined, { ref: false })
}

/** Whoever else works on this machine should not be measured; the engines inherit it. */
function goFirst(): void {
  try {
    writeFileSync('/proc/self/autogroup', '-15')
  } catch {
    console.log('At ordinary priority: this machine or user cannot have another')
  }
}

/** Tells whether all was measured before somebody stopped it. */
async function measureOn(daemon: EngineDaemon, signal: AbortSignal): Promise<boolean> {
  const { kind } = daemon
  await daemon.api.load(busyboxArchive().bytes)
  const fixture = await ProviderFixture.open({
    name: kind,
    open: (host) => providerModule.create({ host: daemon.host }, host),
    workloads: { running: () => ({ container: {} }), exiting: () => ({ container: {} }) },
    timeoutMs: 120_000,
  })
  process.on('exit', () => rmSync(fixture.host.rootDir, { recursive: true, force: true }))
  const timings = await inTurns(contendersOn(daemon, fixture), signal)
  if (!signal.aborted) {
    const count = timings.get('provider')?.length ?? 0
    report(`${count} pods of two containers, ${concurrency} at a time, on ${kind}`, timings, 1.15)
    const pod = await startedPod(fixture)
    const round = {
      'raw API': (): Promise<void> => execRaw(daemon, pod),
      provider: (): Promise<void> => execIn(fixture, pod),
    }
    const commands = await alternate(round, signal)
    const done = commands.get('provider')?.length ?? 0
    report(`${done} commands, one after the other, on ${kind}`, commands, 1.2)
  }
  const isMeasured = !signal.aborted
  // The pods go with the engine.
  await fixture.provider[Symbol.asyncDispose]()
  return isMeasured
}

/** Slices of each contender, each first in turn, so that whatever else the machine does meets all of them. */
async function inTurns(
  contenders: Readonly<Record<string, Contender>>,
  signal: AbortSignal,
): Promise<Timings> {
  const order = Object.entries(contenders)
  const timings = new Map(order.map(([name]) => [name, [] as number[]]))
  const endMs = performance.now() + seconds * 1000
  for (let done = 0; done < pods; done += slice) {
    const round = new Map<string, readonly number[]>()
    for (const [name, start] of order) {
      if (performance.now() > endMs || signal.aborted) return timings
      round.set(name, await runSlice(start, { count: Math.min(slice, pods - done), signal }))
    }
    // A round counts for all or for none.
    for (const [name, took] of round) timings.get(name)?.push(...took)
    order.push(...order.splice(0, 1))
  }
  return timings
}

interface Slice {
  readonly count: number
  readonly signal: AbortSignal
}

async function runSlice(start: Contender, { count, signal }: Slice): Promise<readonly number[]> {
  const took: number[] = []
  const removals: (() => Promise<void>)[] = []
  const started = async (): Promise<void> => {
    const beginMs = performance.now()
    const remove = await start()
    took.push(performance.now() - beginMs)
    removals.push(remove)
  }
  await atOnce(started, { count, signal })
  await atOnce(async () => await removals.pop()?.(), { count, signal })
  return took
}

async function atOnce(work: () => Promise<void>, { count, signal }: Slice): Promise<void> {
  let left = count
  const worker = async (): Promise<void> => {
    while (left > 0 && !signal.aborted) {
      left -= 1
      await work()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

async function alternate(
  round: Readonly<Record<string, () => Promise<void>>>,
  signal: AbortSignal,
): Promise<Timings> {
  const timings = new Map(Object.keys(round).map((name) => [name, [] as number[]]))
  for (let done = 0; done < execs && !signal.aborted; done += 1) {
    for (const [name, once] of Object.entries(round)) {
      const beginMs = performance.now()
      await once()
      timings.get(name)?.push(performance.now() - beginMs)
    }
  }
  return timings
}

/** The table, and whether the provider keeps to `limit` times the raw API at the median. */
function report(title: string, timings: Timings, limit: number): void {
  console.log(`\n${title}\n\n| | p50 ms | p90 ms | p50 over the raw API |\n|---|---:|---:|---:|`)
  const at = (name: string, share: number): number =>
    percentile(timings.get(name)?.toSorted((a, b) => a - b) ?? [], share)
  const ratioOf = (name: string): number => at(name, 0.5) / at('raw API', 0.5)
  for (const name of timings.keys()) {
    const figures = [at(name, 0.5), at(name, 0.9)].map((ms) => ms.toFixed(1))
    console.log(`| ${[name, ...figures, ratioOf(name).toFixed(2)].join(' | ')} |`)
  }
  if ([...timings.values()].some((list) => list.length === 0)) {
    console.log('\nno: there was no time for a single round; try again when the machine is quiet')
    return
  }
  const ratio = ratioOf('provider')
  console.log(`\nat most ${limit} of the raw API: ${ratio <= limit ? 'yes' : 'no'}`)
}

process.exit(await main())
