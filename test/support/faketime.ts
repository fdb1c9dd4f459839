import { globSync } from 'node:fs';

/** The environment of a process whose clock is wrong by so many hours, and goes on at its pace. Needs Debian's `libfaketime`. */
export function wrongBy(hours: number): Record<string, string> {
  const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1');
  if (!library) {
    throw new Error(
      'A process with a wrong clock needs libfaketime. Run: apt-get install --no-install-recommends libfaketime',
    );
  }
  return {
    LD_PRELOAD: library,
    FAKETIME: `${hours < 0 ? '' : '+'}${hours}h`,
    // Timers and waits go by the machine's steady clock.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}
