// SPDX-License-Identifier: Apache-2.0
// What keeps a container's program from being started on this machine, as far as its words alone tell: a
// program in a volume, or one whose name or search path is known only at the start, is not judged.
import { isAbsolute, resolve } from 'node:path'
import type { Container } from '../../kube/types.gen.ts'
import type { PodProblem } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import { defaultPath } from './environment.ts'
import { checkProgram, programOf, type Program } from './program.ts'
import type { ResolvedStart } from './start-plan.ts'

/** At most one problem, which may pass: somebody may still install the program. */
export async function programProblems(
  { spec, at }: { readonly spec: Container; readonly at: string },
  { image, user }: Pick<ResolvedStart, 'image' | 'user'>,
): Promise<readonly PodProblem[]> {
  if (image.kind === 'root') return []
  const program = programOf(spec, image, { command: spec.command ?? [], args: spec.args ?? [] })
  const searchPath = searchPathOf(spec)
  if (searchPath === undefined || isOpen(program, spec)) return []
  try {
    await checkProgram(program, { searchPath, user })
    return []
  } catch (error) {
    if (!(error instanceof VkError)) throw error
    return [{ field: at, why: error.message, mayPass: true }]
  }
}

/** Undefined where it comes from elsewhere. */
function searchPathOf({ env = [], envFrom = [] }: Container): string | undefined {
  const own = env.findLast(({ name }) => name === 'PATH')
  if (own === undefined) return envFrom.length > 0 ? undefined : defaultPath
  return own.valueFrom === undefined && !own.value?.includes('$') ? own.value : undefined
}

function isOpen({ argv: [name], workingDir }: Program, { volumeMounts = [] }: Container): boolean {
  if (`${name}${workingDir}`.includes('$(')) return true
  const places = [workingDir, ...(name.includes('/') ? [resolve(workingDir, name)] : [])]
  return volumeMounts.some(({ mountPath }) => {
    const mount = isAbsolute(mountPath) ? mountPath : `/${mountPath}`
    return places.some((place) => `${place}/`.startsWith(`${mount.replace(/\/+$/, '')}/`))
  })
}
