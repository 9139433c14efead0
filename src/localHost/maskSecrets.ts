/** Keeps secrets out of what the host prints. */

const patterns: [RegExp, string][] = [
  [/(AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)=[^;"'\s]+/gi, '$1=[masked]'],
  [/([?&](?:code|sig|api-key|access_token)=)[^&"'\s]+/gi, '$1[masked]'],
  [/(Bearer\s+)[\w.~+/-]{8,}=*/gi, '$1[masked]'],
];

/** A function that masks the values of settings named like secrets (at least 8 characters long), and text that looks like a credential. */
export function secretMask(env: NodeJS.ProcessEnv): (text: string) => string {
  const secrets = Object.entries(env)
    .filter(([name]) => /KEY|SECRET|PASSWORD|TOKEN|CONNECTION|AzureWebJobsStorage/i.test(name))
    .flatMap(([name, value]) => (name === 'API_KEYS' ? apiKeys(value ?? '') : [value ?? '']))
    .filter((value) => value.length >= 8);
  return (text) => {
    let masked = text;
    for (const secret of secrets) if (masked.includes(secret)) masked = masked.replaceAll(secret, '[masked]');
    for (const [pattern, replacement] of patterns) masked = masked.replace(pattern, replacement);
    return masked;
  };
}

/** `tenant:key,tenant:key` → the keys: a tenant's name is no secret. */
function apiKeys(pairs: string): string[] {
  return pairs.split(',').map((pair) => pair.slice(pair.indexOf(':') + 1).trim());
}
