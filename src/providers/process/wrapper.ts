// SPDX-License-Identifier: Apache-2.0
// The shell that stands between virtual-kubelet and a container. Its text is fixed, so that a command
// line shows paths but never a value of the pod:
//   wrapper  lives as long as the container, outside its session; notes how it ended.
//   keeper   where the container has a stdin: holds that open, until it is told to let go.
//   stage    is the container's process before it becomes the workload: joins control groups, opens
//            the output files, notes who it is, then hands over by exec, so that its pid stays.
//   program  is read from descriptor 0, a nameless file: environment, directory, command.
// virtual-kubelet may die between any two of these lines.

// Signals are caught and not ignored: what a shell ignores, its children could never receive.
const head: string = `umask 077
trap : HUP INT QUIT TERM USR1 USR2 ALRM
dir=$1 out=$2 err=$3 mv=$4 kill=$5 stdin=$6 sandbox=$7 groups=$8
shift 8
keeper=
if [ -n "$stdin" ]; then
  ( exec 3>&- 4<>"$stdin"; read -r line <"$stdin-end" ) &
  keeper=$!
fi
`

// A subshell has no variable that tells its pid.
const stageByProc = `
trap '' PIPE
exec 2>&3
read -r line <"/proc/$$/stat"
after=\${line##*) }
start_of() { start=\${20}; }
start_of $after
wrapper="$$|$start"
read -r line </proc/self/stat
pid=\${line%% *}
start_of \${line##*) }
`

const stageBySelf = `
trap '' PIPE
exec 2>&3
dir=$1 out=$2 err=$3 stdin=$4 sandbox=$5 groups=$6
shift 6
pid=$$
fields() { start=\${20}; }
start_of() {
  if read -r line 2>/dev/null <"/proc/$1/stat"; then
    fields \${line##*) }
  else
    start=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$1")
  fi
}
start_of "$PPID"
wrapper="$PPID|$start"
start_of "$pid"
`

// Only one can make the file `started`: this stage, or a later life of virtual-kubelet that wants no late
// start; and a stage whose directory was taken away meanwhile goes no further. On descriptor 3 the stage
// says `started`, or why not.
const stage = `while [ "$groups" -gt 0 ]; do
  echo 0 >"$1" || exit 125
  groups=$((groups - 1))
  shift
done
exec 5>>"$out" 6>>"$err"
[ -z "$stdin" ] || exec 4<"$stdin"
set -C
printf '%s|%s|%s|.\\n' "$pid" "$start" "$wrapper" >"$dir/started" || exit 125
[ -s "$dir/started" ] || exit 125
if [ -z "$sandbox" ]; then
  echo started >&3
  exec >&5 2>&6 3>&- 5>&- 6>&-
else
  [ ! -e "$sandbox-words" ] || exec 7>"$sandbox" 8<"$sandbox-words"
  [ ! -h "$sandbox-processes" ] || exec 1<"$sandbox-processes"
  [ ! -e "$sandbox-guard" ] || exec 9<"$sandbox-guard"
fi
set +C
trap - PIPE
umask 022
[ "$#" -gt 0 ] || . /proc/self/fd/0
exec "$@"
`

const tail = `[ -z "$keeper" ] || kill "$keeper" 2>/dev/null
pid=
[ -r "$dir/started" ] && IFS='|' read -r pid rest <"$dir/started"
[ -z "$pid" ] || kill -KILL "-$pid" 2>/dev/null
[ -z "$kill" ] || echo 1 >"$kill"
until printf '%s\\n' "$code" >"$dir/exit.tmp" && "$mv" -f "$dir/exit.tmp" "$dir/exit"; do
  [ -d "$dir" ] || break
  sleep 1
done
exit "$code"
`

/**
 * Text of the wrapper where there is /proc and setsid. Its arguments; each of the optional ones may be '':
 * - record directory, stdout file, stderr file, path of mv;
 * - optional: file that kills the control group when `1` is written to it;
 * - optional: pipe that is the container's stdin, on descriptor 4 then;
 * - optional: file for what bwrap tells, on descriptor 7 then. Beside it lie, with more behind its name, where bwrap
 *   is what comes next: on 8 bwrap's words (`-words`), and where they are there, on 1 a process namespace, or the filter of the first
 *   process in a new one (`-processes`), and on 9 the words of a guard (`-guard`). The program then opens its
 *   output and says `started` itself;
 * - number of files by which a process joins control groups, and these files;
 * - the command line that the stage becomes; none: the stage itself runs what descriptor 0 holds.
 */
export const wrapperScript: string = `${head}(${stageByProc}${stage})
code=$?
${tail}`

/**
 * The same for other systems: the stage is a shell of its own, which knows its pid, and without
 * setsid the shell's job control makes the process group.
 */
export function portableScript(hasSetsid: boolean): string {
  const run = `sh -c "$stage" virtual-kubelet-stage "$dir" "$out" "$err" "$stdin" "$sandbox" "$groups" "$@"`
  return `${head}stage='${`${stageBySelf}${stage}`.replaceAll("'", String.raw`'\''`)}'
${hasSetsid ? `setsid ${run}` : `set -m\n${run}`}
code=$?
${tail}`
}

// Of a fork `$$` is not the pid. There is no descriptor 3 to speak on, so that all goes to a file.
const forkedStage = `
cd /
exec 3>>"$dir/said" || exit 125
trap '' PIPE
exec 2>&3
read -r line </proc/self/stat
pid=\${line%% *}
start_of \${line##*) }
`

/**
 * The same as a function of a shell in which \`start_of\` is defined, to be called in a fork of it. It takes one
 * argument more, the first: the name of the file, in the current directory, that holds the program.
 */
export const wrapperFunction: string = `wrapper() {
input=$1
shift
${head}read -r line </proc/self/stat
start_of \${line##*) }
wrapper="\${line%% *}|$start"
code=125
if command exec <"./$input"; then
(${forkedStage}${stage})
code=$?
fi
cd /
${tail}}
`
