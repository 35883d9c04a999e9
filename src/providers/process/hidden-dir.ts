// SPDX-License-Identifier: Apache-2.0
// Keeps --root-dir out of a container's sight by a mount namespace: an empty file system lies over it,
// in which only the pod's own volumes appear. Needs root; elsewhere the directory's mode (0700) is all
// that protects it, which stops other users but not our own. It is no jail: root can undo it.
import { isAbsolute, relative } from 'node:path'
import { UserError } from '../../util/vk-error.ts'
import type { HostTools } from './host-tools.ts'
import type { ProcessConfig } from './process-config.ts'
import { tryTool } from './try-tool.ts'

const namespace = ['--mount', '--propagation', 'slave', '--']

/**
 * Built beside, on `$base`, and then moved over `$hidden`: so the volumes can still be named. Arguments:
 * path of mount, hidden, base, number of volumes, their paths below hidden, the command line to become.
 */
const script = `mount=$1 hidden=$2 base=$3 count=$4
shift 4
options=mode=0711,nosuid,nodev,size=1m
"$mount" -n -t tmpfs -o "$options" virtual-kubelet "$base" || exit 125
while [ "$count" -gt 0 ]; do
  if [ -d "$hidden/$1" ]; then
    mkdir -p -- "$base/$1" || exit 125
  else
    mkdir -p -- "$base/\${1%/*}" && : >"$base/$1" || exit 125
  fi
  "$mount" -n --bind "$hidden/$1" "$base/$1" || exit 125
  count=$((count - 1))
  shift
done
"$mount" -n --move "$base" "$hidden" || exit 125
exec "$@"
`

/** What to hide and what of it to leave visible. */
export interface HiddenDir {
  readonly dir: string
  /** Directories and files below it. */
  readonly visible: readonly string[]
}

/** Command line before which a container's own one is put; `base` is any directory that may be covered. */
export function hidingPrefix(
  { dir, visible }: HiddenDir,
  { tools, base }: { readonly tools: HostTools; readonly base: string },
): readonly string[] {
  if (tools.unshare === undefined || tools.mount === undefined) return []
  const below = visible.map((path) => relative(dir, path)).filter(isBelow)
  const hide = [tools.shell, '-c', script, 'virtual-kubelet-hide', tools.mount, dir, base]
  return [tools.unshare, ...namespace, ...hide, String(below.length), ...below]
}

/** Can directories be hidden here? Tried out on `dir`, in a namespace that ends at once. */
export function canHide(
  config: Pick<ProcessConfig, 'hideRootDir'>,
  { tools, dir }: { readonly tools: HostTools; readonly dir: string },
): boolean {
  if (config.hideRootDir === 'never') return false
  const works = process.getuid?.() === 0 && tries(tools, dir)
  if (!works && config.hideRootDir === 'always') {
    throw new UserError(`Cannot hide "${dir}" from processes: that needs root, unshare and mount`, {
      hint: 'Leave hideRootDir out to hide it where possible.',
    })
  }
  return works
}

function tries({ unshare, mount }: HostTools, dir: string): boolean {
  if (unshare === undefined || mount === undefined) return false
  const args = [...namespace, mount, '-n', '-t', 'tmpfs', 'virtual-kubelet', dir]
  return tryTool(unshare, args, { stdio: 'ignore' }).status === 0
}

function isBelow(path: string): boolean {
  return path !== '' && !path.startsWith('..') && !isAbsolute(path)
}
