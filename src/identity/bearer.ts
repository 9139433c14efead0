/** Who the bearer of a verified token is here. */
import { z } from 'zod';
import { isMicrosoftAudience, type EntraPrincipal } from '../entraSettings';
import { errors } from '../errors';
import { appRoles, type Principal, type Role } from '../principal';

const text = z.string().min(1);
const id = text.transform((value) => value.toLowerCase());
/** The claims that say who the bearer is: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference */
const claimsSchema = z.looseObject({
  aud: text,
  tid: id,
  /** Of the user or service principal; a token without it is of nobody who could be named. */
  oid: id,
  /** The application: `appid` in tokens of version 1, `azp` in version 2. ID tokens have neither. */
  appid: id.optional(),
  azp: id.optional(),
  /** Scopes, joined by spaces: the application acts for a user. */
  scp: z.string().optional(),
  roles: z.array(z.string()).default([]),
  groups: z.array(id).default([]),
});
export type Claims = z.output<typeof claimsSchema>;

/** The claims as far as they matter, or the name of one that an access token has and this one lacks. */
export function readClaims(payload: unknown): Claims | { lacks: string } {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) return { lacks: String(parsed.error.issues[0]?.path[0] ?? 'oid') };
  return parsed.data.appid || parsed.data.azp ? parsed.data : { lacks: 'appid or azp' };
}

/** The tenant of bearers whom the roles of their token let in and no rule names. */
export const DEFAULT_TENANT = 'default';

/** A function that says who the bearer of claims is. It throws 403 where they may do nothing here. */
export function bearers(rules: readonly EntraPrincipal[]): (claims: Claims) => Principal {
  const places = new Map<string, number>();
  for (const [place, { kind, value }] of rules.entries()) {
    const name = `${kind}:${value}`;
    if (!places.has(name)) places.set(name, place);
  }
  return (claims) => {
    const found = namesOf(claims).flatMap((name) => places.get(name) ?? []);
    const rule = found.length > 0 ? rules[Math.min(...found)] : undefined;
    const ofToken = isMicrosoftAudience(claims.aud) ? undefined : roleOf(claims.roles);
    const role = withinScopes(rule?.role ?? ofToken, claims.scp);
    if (!role) throw errors.noRole(claims.oid);
    return { tenant: rule?.tenant ?? DEFAULT_TENANT, role, id: `entra:${claims.oid}` };
  };
}

/** By which names rules may call the bearer. */
function namesOf({ aud, oid, appid, azp, scp, groups, roles }: Claims): string[] {
  const names = [`object_id:${oid}`];
  // Of a delegated token the application is only the tool: whoever signs in to it would be let in.
  if (scp === undefined) names.push(`app_id:${appid ?? azp ?? ''}`);
  if (isMicrosoftAudience(aud)) return names;
  return [...names, ...groups.map((group) => `group_id:${group}`), ...roles.map((role) => `app_role:${role}`)];
}

function roleOf(roles: string[]): Role | undefined {
  if (roles.includes(appRoles.contributor)) return 'contributor';
  return roles.includes(appRoles.user) ? 'user' : undefined;
}

/** What an application may do for a user: what the user may, as far as it was consented to. */
function withinScopes(role: Role | undefined, scp: string | undefined): Role | undefined {
  if (scp === undefined || role === undefined) return role;
  const scopes = scp.split(' ');
  if (scopes.includes('user_impersonation') || scopes.includes(appRoles.contributor)) return role;
  return scopes.includes(appRoles.user) ? 'user' : undefined;
}
