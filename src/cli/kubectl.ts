// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet kubectl …`: the kubectl of this machine, pointed at the cluster that `up` runs. It gets
// our terminal, its arguments are not looked at, and its exit code is ours.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { UserError, messageOf } from '../util/vk-error.ts'
import { dataDirOf, findRunning, upCommand } from './data-dir.ts'
import { kubernetesVersion } from './version.ts'

/** Runs kubectl and resolves with its exit code. */
export async function kubectl(
  args: readonly string[],
  { dataDir, env }: { readonly dataDir?: string; readonly env: NodeJS.ProcessEnv },
): Promise<number> {
  const dir = dataDirOf(dataDir, env)
  if ((await findRunning(dir)) === undefined) {
    throw new UserError(`Cannot use kubectl: no cluster runs in "${dir.path}"`, {
      hint: `Start one with \`${upCommand(dir, env)}\`, or name its folder: \`virtual-kubelet kubectl --data-dir DIR …\`.`,
    })
  }
  const program = env['VK_KUBECTL'] ?? 'kubectl'
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...env, KUBECONFIG: dir.kubeconfig },
  })
  // A terminal sends its signals to kubectl as well, which decides what they mean.
  const ignore = (): void => {}
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGINT', ignore).on('SIGTERM', forward)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? 128 + constants.signals[signal ?? 'SIGTERM']
  } catch (cause) {
    throw cannotStart(program, cause)
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', forward)
  }
}

function cannotStart(program: string, cause: unknown): UserError {
  const { code } = cause as NodeJS.ErrnoException
  if (code !== 'ENOENT') {
    return new UserError(`Cannot start "${program}": ${messageOf(cause)}`, { cause })
  }
  return new UserError(`Cannot use kubectl: there is no "${program}" on the PATH`, {
    cause,
    hint: `Get it from https://dl.k8s.io/release/v${kubernetesVersion}/bin/${platform()}/kubectl (or your package manager) and put it on the PATH, or name it in VK_KUBECTL.
Without it there are \`virtual-kubelet status\`, \`logs\` and \`exec\`.`,
  })
}

function platform(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  return `${system}/${process.arch === 'x64' ? 'amd64' : process.arch}`
}
