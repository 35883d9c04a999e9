// SPDX-License-Identifier: Apache-2.0
// The shell that stands between virtual-kubelet and a container. Three small scripts, each of a fixed
// text, so that a command line shows paths but never a value of the pod:
//   wrapper  lives as long as the container, outside its session; notes how it ended.
//   stage    is the container's process before it becomes the workload: joins cgroups, opens the
//            output files, notes who it is, then hands over by exec, so that its pid stays.
//   program  is read from descriptor 0, a nameless file: environment, directory, command.
// virtual-kubelet may die between any two of these lines.

/**
 * Arguments: record directory, path of mv, file that kills the cgroup when `1` is written to it or
 * '', then the stage's command line. The wrapper's signals are caught and not ignored: what a
 * shell ignores, its children could never receive.
 */
export const wrapperScript: string = `umask 077
trap : HUP INT QUIT TERM USR1 USR2 ALRM
dir=$1 mv=$2 kill=$3
shift 3
"$@"
code=$?
pid=
[ -r "$dir/started" ] && IFS='|' read -r pid rest <"$dir/started"
[ -z "$pid" ] || kill -KILL -- "-$pid" 2>/dev/null
[ -z "$kill" ] || echo 1 >"$kill"
until printf '%s\\n' "$code" >"$dir/exit.tmp" && "$mv" -f "$dir/exit.tmp" "$dir/exit"; do
  [ -d "$dir" ] || break
  sleep 1
done
exit "$code"
`

/**
 * Arguments: record directory, stdout file, stderr file, number of cgroup.procs files, these files,
 * then the command line that the stage becomes. On descriptor 3 it says `started` or why not.
 * Of two stages for one directory only the first to make the file \`started\` goes on.
 */
export const stageScript: string = `umask 077
trap '' PIPE
exec 2>&3
dir=$1 out=$2 err=$3 groups=$4
shift 4
while [ "$groups" -gt 0 ]; do
  echo 0 >"$1" || exit 125
  groups=$((groups - 1))
  shift
done
start_of() {
  if [ -r "/proc/$1/stat" ]; then
    read -r line <"/proc/$1/stat"
    set -- \${line##*) }
    start=\${20}
  else
    start=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$1")
  fi
}
start_of "$PPID"
wrapper="$PPID|$start"
start_of "$$"
exec 5>>"$out" 6>>"$err"
set -C
printf '%s|%s|%s|.\\n' "$$" "$start" "$wrapper" >"$dir/started" || exit 125
echo started >&3
exec >&5 2>&6 3>&- 5>&- 6>&-
trap - PIPE
umask 022
exec "$@"
`
