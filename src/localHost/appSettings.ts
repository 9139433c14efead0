/** `%NAME%` in binding options, replaced by app settings. */

/** The text with every `%NAME%` replaced. Throws an Error that names a setting which is not set. */
export function resolveSettings(text: string, env: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = env[name];
    if (value === undefined) throw new Error(`'%${name}%' does not resolve: there is no such app setting.`);
    return value;
  });
}
