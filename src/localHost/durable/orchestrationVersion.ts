/** Versions of orchestrations as the Durable extension compares them: dotted numbers by their parts, anything else as text without regard to case. */

/** What `System.Version` takes: two to four numbers. */
const NUMBERS = /^\d+(\.\d+){1,3}$/;

/** Whether an instance of that version is newer than what the host has. None at all is older than any. */
export function isNewerVersion(version: string | null, hosts: string | null): boolean {
  if (!version) return false;
  if (!hosts) return true;
  if (!NUMBERS.test(version) || !NUMBERS.test(hosts)) return version.toLowerCase() > hosts.toLowerCase();
  const parts = version.split('.').map(Number);
  const own = hosts.split('.').map(Number);
  for (let place = 0; place < parts.length; place += 1) {
    // A part that is not there is less than 0.
    const difference = (parts[place] ?? -1) - (own[place] ?? -1);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
