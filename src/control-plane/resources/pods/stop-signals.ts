// SPDX-License-Identifier: Apache-2.0
// The signals by which a container may ask to be stopped, in the order in which messages list them.

const names = [
  ...(
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP ' +
    'SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
  ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `RTMAX-${14 - index}`),
]

export const linuxSignals: readonly string[] = names.map((name) => `SIG${name}`).sort()

export const windowsSignals: readonly string[] = ['SIGKILL', 'SIGTERM']
