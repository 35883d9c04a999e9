// SPDX-License-Identifier: Apache-2.0
// The Job that renders a picture: an Indexed Job whose pods each take every n-th row. The program goes
// along as an argument, so that the pods need nothing but Node.js.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../src/cli/run/read-manifests.ts'

const program = join(import.meta.dirname, '../../examples/mandelbrot/tile.mjs')

/** Size of the picture, as the program has it. */
export const pictureSize = { width: 1440, height: 810 } as const

/** The Job, with as many pods at once as there are pieces. */
export function renderJob(name: string, tiles: number): Manifest {
  const script = readFileSync(program, 'utf8')
  const container = {
    name: 'render',
    image: 'host',
    command: [process.execPath, '--input-type=module', '--eval', script],
    env: [
      { name: 'TILES', value: `${tiles}` },
      { name: 'WIDTH', value: `${pictureSize.width}` },
      { name: 'HEIGHT', value: `${pictureSize.height}` },
    ],
  }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completions: tiles,
      parallelism: tiles,
      completionMode: 'Indexed',
      backoffLimit: 3,
      template: { spec: { restartPolicy: 'Never', containers: [container] } },
    },
  }
}
