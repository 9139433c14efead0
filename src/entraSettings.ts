/** The settings of Entra ID: whose tokens are accepted, and who their bearers are. */
import { z } from 'zod';
import { ConfigError } from './configError';
import { readJsonSetting } from './jsonSetting';
import { TENANT_NAME, type Role } from './principal';
import { trustedAddress } from './trustedAddress';

/** One rule of `ENTRA_PRINCIPALS`: whom it names, and what they are here. */
export interface EntraPrincipal {
  /** The claim that it looks at: the principal itself, an application that calls for nobody else, a group, an app role. */
  kind: 'object_id' | 'app_id' | 'group_id' | 'app_role';
  /** Ids in lower case. */
  value: string;
  tenant: string;
  /** Absent: that of the token's app roles. */
  role?: Role;
}

export interface EntraSettings {
  /** Origin that gives the tokens out, without a slash at the end. */
  authority: string;
  /** The Entra tenant's id, in lower case; no tenant of this package. */
  tenantId: string;
  /** Without a slash at the end. */
  audiences: string[];
  /** The first that names a bearer counts. */
  principals: EntraPrincipal[];
}

/**
 * Audiences of services of Microsoft: their tokens are made for somebody else, carry no app roles of ours, and everyone in the Entra tenant can
 * get one. Those of sovereign clouds too.
 */
const microsoftAudiences = [
  'https://cognitiveservices.azure.com',
  'https://cognitiveservices.azure.us',
  'https://cognitiveservices.azure.cn',
  'https://ai.azure.com',
  'https://ai.azure.us',
  'https://ai.azure.cn',
  'https://ml.azure.com',
  // The same resources by the ids of their applications: Microsoft Cognitive Services, Azure Machine Learning Services.
  '7d312290-28c8-473c-a0ed-8e53749b6d6d',
  '18a66f5f-dbdf-4c17-9dd7-1634712a9cbe',
];
export const isMicrosoftAudience = (audience: string): boolean =>
  microsoftAudiences.includes(audience.replace(/\/+$/, '').toLowerCase());

/** More cannot be meant, and each costs memory. */
const MAX_PRINCIPALS = 10_000;
const SETTING = 'ENTRA_PRINCIPALS';

const guid = z.guid({ error: 'must be a GUID' }).transform((id) => id.toLowerCase());
const ids = { object_id: guid.optional(), app_id: guid.optional(), group_id: guid.optional() };
const rules = z
  .array(
    z.strictObject({
      ...ids,
      app_role: z.string().min(1).optional(),
      tenant: z.string().regex(TENANT_NAME, { error: 'must be 1 to 64 letters, digits, _ or -' }),
      role: z.enum(['user', 'contributor'], { error: 'must be user or contributor' }).optional(),
    }),
    { error: 'must be a list' },
  )
  .max(MAX_PRINCIPALS);

/** @param env Settings that are not empty. Undefined where no tokens are accepted. Throws {@link ConfigError}. */
export function readEntra(env: Record<string, string | undefined>): EntraSettings | undefined {
  const tenantId = env.ENTRA_TENANT_ID?.trim().toLowerCase();
  if (tenantId === undefined) {
    const lone = ['ENTRA_AUDIENCE', SETTING, 'ENTRA_AUTHORITY'].find((name) => env[name]);
    if (lone) throw new ConfigError(lone, 'has no meaning without ENTRA_TENANT_ID.');
    return undefined;
  }
  if (!z.guid().safeParse(tenantId).success) {
    throw new ConfigError('ENTRA_TENANT_ID', "must be the directory's (tenant's) id, a GUID.");
  }
  const audiences = (env.ENTRA_AUDIENCE ?? '')
    .split(',')
    .map((audience) => audience.trim().replace(/\/+$/, ''))
    .filter(Boolean);
  if (audiences.length === 0) {
    throw new ConfigError(
      'ENTRA_AUDIENCE',
      'must be audiences joined by commas, such as the client id of the app registration and its api:// URI.',
    );
  }
  const principals = readPrincipals(env[SETTING]);
  const isNamed = principals.some(({ kind }) => kind === 'object_id' || kind === 'app_id');
  if (!isNamed && audiences.every(isMicrosoftAudience)) {
    throw new ConfigError(
      'ENTRA_AUDIENCE',
      `lists audiences of Microsoft only, whose tokens carry no app roles: ${SETTING} must name object or application ids.`,
    );
  }
  return { authority: readAuthority(env.ENTRA_AUTHORITY), tenantId, audiences, principals };
}

function readAuthority(given = 'https://login.microsoftonline.com'): string {
  const url = trustedAddress(given);
  if (url?.pathname !== '/' || url.search) {
    throw new ConfigError(
      'ENTRA_AUTHORITY',
      'must be an https address without a path, such as https://login.microsoftonline.us.',
    );
  }
  return url.origin;
}

function readPrincipals(given: string | undefined): EntraPrincipal[] {
  if (!given) return [];
  const parsed = rules.safeParse(readJsonSetting(SETTING, given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigError(SETTING, `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not valid'}.`.trimStart());
  }
  return parsed.data.map(({ tenant, role, ...named }, place) => {
    const kinds = (['object_id', 'app_id', 'group_id', 'app_role'] as const).filter((each) => named[each]);
    const [kind] = kinds;
    const value = kind && named[kind];
    if (kinds.length !== 1 || !kind || !value)
      throw new ConfigError(SETTING, `${place} must have one of object_id, app_id, group_id and app_role.`);
    return { kind, value, tenant, role };
  });
}
