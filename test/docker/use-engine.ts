// SPDX-License-Identifier: Apache-2.0
//
// A test file's engines: the same tests run on each, one after the other, and after each test the engine
// holds nothing of it any more.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe } from 'node:test'
import type { ConformanceOptions, Workload } from '../../src/testing/conformance-options.ts'
import type { Container, PodSpec } from '../../src/kube/types.gen.ts'
import { providerModule } from '../../src/providers/docker/provider.ts'
import {
  EngineDaemon,
  engineObstacle,
  type DaemonOptions,
  type EngineKind,
} from './engine-daemon.ts'
import { busyboxArchive, testImage } from './test-image.ts'

/** Set by run.ts to one kind, or to both with a comma. */
export const ENGINES_VARIABLE = 'VK_TEST_ENGINES'

/** An engine that is there while the tests of a `describe` run. */
export interface TestEngine {
  readonly kind: EngineKind
  readonly daemon: EngineDaemon
  /** What opens the provider on it. */
  options(config?: object): ConformanceOptions
}

/** Runs the tests that `define` declares on every engine that is asked for. */
export function describeEngines(
  what: string,
  define: (engine: TestEngine) => void,
  options: DaemonOptions = {},
): void {
  const kinds = (process.env[ENGINES_VARIABLE] ?? 'podman,docker').split(',') as EngineKind[]
  for (const kind of kinds) {
    const obstacle = engineObstacle(kind)
    describe(`${what} on ${kind}`, { skip: obstacle ?? false }, () => {
      define(useEngine(kind, options))
    })
  }
}

function useEngine(kind: EngineKind, options: DaemonOptions): TestEngine {
  let daemon: EngineDaemon | undefined
  before(async () => {
    daemon = await EngineDaemon.open(kind, options)
    await daemon.api.load(busyboxArchive().bytes)
  })
  afterEach(async () => {
    const names = (await daemon?.api.leftovers()) ?? []
    await daemon?.api.removeAll()
    assert.deepEqual(names, [], 'something was left')
  })
  after(async () => await daemon?.[Symbol.asyncDispose]())
  const opened = (): EngineDaemon => {
    assert.ok(daemon, 'the engine is there while its tests run')
    return daemon
  }
  return {
    kind,
    get daemon() {
      return opened()
    },
    options: (config = {}) => ({
      name: kind,
      open: (host) => providerModule.create({ host: opened().host, ...config }, host),
      // Of no check's own doing: a busy machine takes long to start a container.
      timeoutMs: 120_000,
      workloads,
    }),
  }
}

/** A container of the test image that runs a shell script. */
export function script(text: string, more: Partial<Container> = {}): Workload {
  return { container: { image: testImage, command: ['sh', '-c', text], ...more } }
}

/** The same with what its pod needs. */
export function scriptIn(
  spec: Partial<PodSpec>,
  text: string,
  more: Partial<Container> = {},
): Workload {
  return { ...script(text, more), spec }
}

/** The first process of a container ends on a signal only where it says so. */
export const untilStopped = 'trap "exit 0" TERM; sleep 600 & wait'

const workloads: ConformanceOptions['workloads'] = {
  running: () => script(untilStopped),
  exiting: ({ exitCode }) => script(`exit ${exitCode}`),
  printing: (lines) => ({
    container: {
      image: testImage,
      command: ['sh', '-c', `printf "%s\\n" "$@"; ${untilStopped}`, 'sh', ...lines],
    },
  }),
  shell: (text) => ['sh', '-c', text],
  echoing: () => script('exec 3<&0; trap "exit 0" TERM; cat <&3 & wait', { stdin: true }),
  listening: (port) => script(`trap "exit 0" TERM; nc -ll -p ${port} -e cat & wait`),
  stubborn: () => script('trap "" TERM; while :; do sleep 1; done'),
}
