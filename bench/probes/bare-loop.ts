// SPDX-License-Identifier: Apache-2.0
//
// The same work without a kubelet: processes spawned by a loop, asked by one GET each, or run one after
// the other at a steady rate. Run it in a process of its own or while nothing else happens in this one.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuMs } from '../process-usage.ts'

const agent = new Agent({ keepAlive: false })

/** Ms until the processes of one "pod" run and have been asked, sorted; all of them run at the end. */
export async function bareReady(
  [program = '', ...args]: readonly string[],
  options: {
    readonly port: number
    readonly pods: number
    readonly concurrency: number
    readonly containersPerPod: number
  },
): Promise<readonly number[]> {
  const children: ChildProcess[] = []
  const delays: number[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next++ < options.pods) {
      const start = performance.now()
      for (let index = 0; index < options.containersPerPod; index += 1) {
        const child = spawn(program, args, { stdio: 'ignore' })
        children.push(child)
        await once(child, 'spawn')
        await ask(options.port)
      }
      delays.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, worker))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(children.map(async (child) => child.exitCode ?? (await once(child, 'exit'))))
  return delays.sort((one, other) => one - other)
}

/** CPU ms, with children, of running a command at this rate for so long. */
export async function bareCommands(
  [program = '', ...args]: readonly string[],
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<number> {
  const before = usedMs()
  const start = performance.now()
  const running: Promise<unknown>[] = []
  for (let count = 0; count < perSecond * seconds; count += 1) {
    const waitMs = start + (count * 1000) / perSecond - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.resume()
    child.stderr.resume()
    running.push(once(child, 'close'))
  }
  await Promise.all(running)
  return usedMs() - before
}

async function ask(port: number): Promise<void> {
  const [response] = await once(get({ host: '127.0.0.1', port, agent }), 'response')
  response.resume()
  await once(response, 'end')
}

/** Of this process and of the children that it has waited for. */
function usedMs(): number {
  return cpuMs(process.pid, { children: true })
}
