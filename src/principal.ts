/** Who calls, and what they may do. */

/** `user`: infers and uses what is there; `contributor`: also makes, changes and deletes it. Named for Azure's built-in roles. */
export type Role = 'user' | 'contributor';

/** The caller of a request. */
export interface Principal {
  tenant: string;
  role: Role;
  /** For records of who did what: `entra:` and an object id, `key_…`, or `API_KEYS:tenant:1`. Holds no secret and no part of one. */
  id: string;
}

/** The app roles of tokens that give the roles, and what answers call them. */
export const appRoles = { user: 'OpenAI.User', contributor: 'OpenAI.Contributor' } as const satisfies Record<
  Role,
  string
>;

/** Whether a caller of that role may do what asks for `needed`. */
export const mayDo = (role: Role, needed: Role): boolean => role === 'contributor' || needed === 'user';

/** What tenants may be called. */
export const TENANT_NAME = /^[\w-]{1,64}$/;
