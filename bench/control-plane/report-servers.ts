// SPDX-License-Identifier: Apache-2.0
//
// The table of one pair: medians over the rounds, and how often better the embedded one is.
import { medianOf } from '../report.ts'
import type { ServerFigures } from './measure-server.ts'

interface Row {
  readonly label: string
  readonly figure: keyof ServerFigures
  readonly digits: number
  /** Whether more is better. */
  readonly isRate?: boolean
}

const rows: readonly Row[] = [
  { label: 'creates/s', figure: 'createsPerSecond', digits: 0, isRate: true },
  { label: '  server CPU ms each', figure: 'createServerCpuMs', digits: 3 },
  { label: '  client CPU ms each', figure: 'createClientCpuMs', digits: 3 },
  { label: 'status patches/s', figure: 'patchesPerSecond', digits: 0, isRate: true },
  { label: '  server CPU ms each', figure: 'patchServerCpuMs', digits: 3 },
  { label: '  client CPU ms each', figure: 'patchClientCpuMs', digits: 3 },
  { label: 'watch events/s, all watchers', figure: 'eventsPerSecond', digits: 0, isRate: true },
  { label: '  server CPU ms each', figure: 'eventServerCpuMs', digits: 4 },
  { label: '  client CPU ms each', figure: 'eventClientCpuMs', digits: 4 },
  { label: 'list of all pods, ms', figure: 'listMs', digits: 1 },
  { label: '  MiB/s', figure: 'listMibPerSecond', digits: 1, isRate: true },
  { label: '  server CPU ms each', figure: 'listServerCpuMs', digits: 1 },
  { label: 'RSS MiB', figure: 'residentMib', digits: 0 },
]

/** Prints a table; a factor above 1 says that the embedded one is the better. */
export function printServers(pair: {
  readonly durability: string
  readonly real: readonly ServerFigures[]
  readonly embedded: readonly ServerFigures[]
}): void {
  console.log(
    `\n${pair.durability.padEnd(30)} ${'real'.padStart(9)} ${'embedded'.padStart(9)}  better by`,
  )
  for (const { label, figure, digits, isRate = false } of rows) {
    const [real, embedded] = [pair.real, pair.embedded].map((all) =>
      medianOf(all.map((one) => one[figure])),
    ) as [number, number]
    const factor = isRate ? embedded / real : real / embedded
    const cells = [real, embedded].map((value) => value.toFixed(digits).padStart(9))
    console.log(`${label.padEnd(30)} ${cells.join(' ')}  ${factor.toFixed(2)}`)
  }
}
