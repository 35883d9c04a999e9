// SPDX-License-Identifier: Apache-2.0
// `npm run demo [-- picture.png]`: a cluster in this process, and a picture that 24 pods of an Indexed Job
// render together, beside the time that one pod takes. Needs nothing but Node.js.
import { closeSync, mkdtempSync, openSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ClusterAccess } from '../src/cli/cluster-access.ts'
import { escalatingStop } from '../src/cli/escalating-stop.ts'
import type { EscalatingStop } from '../src/cli/escalating-stop.ts'
import { failureReport } from '../src/cli/failure-report.ts'
import { LocalCluster } from '../src/cli/local-cluster.ts'
import { summaryTable } from '../src/cli/run/run-report.ts'
import { runManifests } from '../src/cli/run/run-session.ts'
import { makeTemporaryDir } from '../src/cli/temporary-dir.ts'
import { durationText } from '../src/cli/text-table.ts'
import { createPinoLogger } from '../src/observe/pino-logger.ts'
import { systemClock } from '../src/util/clock.ts'
import { UserError, messageOf } from '../src/util/vk-error.ts'
import { demoDisplay } from './demo/demo-display.ts'
import { Picture } from './demo/picture.ts'
import { encodePng } from './demo/png.ts'
import { pictureSize, renderJob } from './demo/render-job.ts'

const pods = 24
const log = createPinoLogger({ level: 'error', format: 'text' })

interface Rendering {
  readonly picture: Picture
  readonly durationMs: number
  readonly table: readonly string[]
}

async function main(given?: string): Promise<number> {
  using stop = escalatingStop()
  try {
    const file = given === undefined ? ownPicture() : resolve(given)
    requireWritable(file)
    await demonstrate(file, stop)
    return 0
  } catch (error) {
    if (stop.first.aborted) return stop.exitCode
    const { text, exitCode } = failureReport(error)
    process.stderr.write(text)
    return exitCode
  }
}

/** A minute of work is not lost to a place where nothing can be written. */
function requireWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'))
  } catch (cause) {
    throw new UserError(`Cannot write "${file}": ${messageOf(cause)}`, {
      hint: 'Name another file for the picture: npm run demo -- FILE',
      cause,
    })
  }
}

/** In a folder that others cannot have prepared. */
function ownPicture(): string {
  return join(mkdtempSync(join(tmpdir(), 'vk-demo-')), 'mandelbrot.png')
}

async function demonstrate(file: string, stop: EscalatingStop): Promise<void> {
  say('A Kubernetes control plane and a node start in this process')
  await using dir = await makeTemporaryDir()
  const startedMs = performance.now()
  await using cluster = await LocalCluster.start({
    dir: dir.path,
    provider: 'process',
    nodeNames: ['laptop'],
    settings: { disableTaint: true, providerConfig: asOurselves() },
    clock: systemClock,
    log,
    signal: stop.first,
  })
  console.log(`${cluster.server} and node laptop are Ready after ${since(startedMs)}`)
  await using access = new ClusterAccess(cluster.connection, { log })

  say('One pod renders a picture: a process of this machine, its rows read from its log')
  const alone = await render(renderJob('alone', 1), { access, stop })
  say(`${pods} pods render it together: an Indexed Job, placed by the scheduler`)
  const together = await render(renderJob('together', pods), { access, stop })

  writeFileSync(file, encodePng(together.picture.toRgb()))
  show(together)
  const factor = (alone.durationMs / together.durationMs).toFixed(1)
  say(
    `${pods} pods took ${durationText(together.durationMs)}, one took ${durationText(alone.durationMs)}: ` +
      `${factor} times as fast, on ${availableParallelism()} cores`,
  )
  console.log(`The picture is ${file}`)
  console.log('Next: `npm run vk -- run examples/fan-out.yaml`, and docs/tutorials/')
}

/** What root starts, root runs: the pods are this program's own. */
function asOurselves(): object {
  // Pods in sandboxes see nothing of home directories, where Node.js may be.
  const visible = { visibleHostPaths: [dirname(process.execPath)] }
  return process.getuid?.() === 0 ? { ...visible, allowRoot: true, defaultUser: 0 } : visible
}

async function render(
  job: ReturnType<typeof renderJob>,
  { access, stop }: { readonly access: ClusterAccess; readonly stop: EscalatingStop },
): Promise<Rendering> {
  const picture = new Picture(pictureSize.width, pictureSize.height)
  const startedMs = performance.now()
  let durationMs = 0
  using display = demoDisplay(picture)
  stop.onPress((line) => display.note(line))
  const { outcome, view } = await runManifests([job], {
    access,
    namespace: 'default',
    display: {
      ...display,
      show: (state) => {
        if (state.outcome !== 'running' && durationMs === 0)
          durationMs = performance.now() - startedMs
        display.show(state)
      },
    },
    clock: systemClock,
    log,
    stop: stop.first,
    hurry: stop.second,
    keep: false,
  })
  stop.first.throwIfAborted()
  if (outcome !== 'succeeded' || !picture.isComplete) {
    throw new Error(`Cannot show the picture: the Job ${outcome}`)
  }
  return { picture, durationMs, table: summaryTable(view) }
}

function show({ picture, table }: Rendering): void {
  const { isTTY, columns } = process.stdout
  console.log(`\n${table.join('\n')}\n`)
  const hasColor = isTTY && process.stdout.getColorDepth() >= 24
  const width = isTTY ? Math.min(columns, 120) : 80
  console.log(picture.toText(width, hasColor).join('\n'))
}

function since(startedMs: number): string {
  return durationText(performance.now() - startedMs)
}

function say(line: string): void {
  console.log(`\n==> ${line}`)
}

process.exitCode = await main(process.argv[2])
