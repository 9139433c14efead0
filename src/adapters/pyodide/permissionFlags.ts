/** The flags of Node that fence the sandbox's process in. */
import { SandboxUnavailableError } from '../../tools/ports';

/**
 * The flags for a process that may read the given folders and start its watchdog thread, and nothing else: no other files, no processes, no native add-ons,
 * no code from strings. Throws {@link SandboxUnavailableError} where this Node has no permission model.
 */
export function permissionFlags(folders: string[], allowed = process.allowedNodeEnvironmentFlags): string[] {
  // Node 20 and early 22 know it by its older name only.
  const permission = ['--permission', '--experimental-permission'].find((flag) => allowed.has(flag));
  if (!permission || !allowed.has('--disallow-code-generation-from-strings')) {
    throw new SandboxUnavailableError(
      `Node ${process.version} has no permission model, without which no code is run. Use Node 20, 22 or later, or set CODE_INTERPRETER to off.`,
    );
  }
  return [
    permission,
    ...folders.map((folder) => `--allow-fs-read=${folder}`),
    '--allow-worker',
    '--disallow-code-generation-from-strings',
    '--no-warnings',
    '--max-old-space-size=256',
  ];
}
