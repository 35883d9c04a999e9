// SPDX-License-Identifier: Apache-2.0
//
// The embedded control plane beside kube-apiserver with etcd, in turns on the same machine with the same
// client. Ratios are the result: bench/README.md.
import { parseArgs } from 'node:util'
import { buildControlPlane } from '../../test/e2e/control-plane/build.ts'
import { namespaceObstacle } from '../../test/e2e/network-namespace.ts'
import { FOLDER_VARIABLE } from '../../test/e2e/requirements.ts'
import { runInNamespace } from '../../test/e2e/run-in-namespace.ts'
import { startEmbedded, startReal } from './bench-server.ts'
import type { BenchServer, Durability } from './bench-server.ts'
import { measureServer } from './measure-server.ts'
import type { ServerFigures, ServerLoad } from './measure-server.ts'
import { printServers } from './report-servers.ts'

const { values: flags } = parseArgs({
  options: {
    pods: { type: 'string', default: '10000' },
    patches: { type: 'string', default: '5000' },
    watchers: { type: 'string', default: '100' },
    changes: { type: 'string', default: '1000' },
    lists: { type: 'string', default: '10' },
    'user-agent': { type: 'string', default: 'bench' },
    rounds: { type: 'string', default: '3' },
    pair: { type: 'string' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
})

const load: ServerLoad = {
  pods: Number(flags.pods),
  patches: Number(flags.patches),
  watchers: Number(flags.watchers),
  changes: Number(flags.changes),
  lists: Number(flags.lists),
  userAgent: flags['user-agent'],
}

interface Pair {
  readonly durability: Durability
  readonly real: ServerFigures[]
  readonly embedded: ServerFigures[]
}

async function main(): Promise<number> {
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) {
    console.error(`Cannot run the benchmark: this machine ${obstacle}`)
    return 2
  }
  buildControlPlane()
  if (!process.env[FOLDER_VARIABLE]) {
    return await runInNamespace([process.execPath, import.meta.filename, ...process.argv.slice(2)])
  }
  const pairs = (['durable', 'memory'] as const)
    .filter((durability) => (flags.pair ?? durability) === durability)
    .map((durability): Pair => ({ durability, real: [], embedded: [] }))
  for (let round = 1; round <= Number(flags.rounds); round += 1) {
    for (const pair of pairs) await runRound(round, pair)
  }
  for (const pair of pairs) printServers(pair)
  return 0
}

/** The one that begins changes from round to round. */
async function runRound(round: number, { durability, real, embedded }: Pair): Promise<void> {
  const profileFolder = flags.profile
  const turns = [
    { name: 'real', into: real, start: () => startReal(durability) },
    {
      name: 'embedded',
      into: embedded,
      start: () => startEmbedded(durability, { profileFolder }),
    },
  ].filter(({ name }) => (flags.only ?? name) === name)
  if (round % 2 === 0) turns.reverse()
  for (const { name, into, start } of turns) {
    console.error(`Round ${round}: ${name}, ${durability} …`)
    await using server: BenchServer = await start()
    const figures = await measureServer(server, load)
    console.error(JSON.stringify(figures))
    into.push(figures)
  }
}

process.exitCode = await main()
