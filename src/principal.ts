/** Who calls, and what they may do. */

/** `user`: infers and uses what is there; `contributor`: also makes, changes and deletes it. Named for Azure's built-in roles. */
export type Role = 'user' | 'contributor';

/** The caller of a request. */
export interface Principal {
  tenant: string;
  role: Role;
  /** For records of who did what: `entra:` and an object id, `key_…`, or `API_KEYS:tenant:1`. Holds no secret and no part of one. */
  id: string;
  /** The only project that they may use; absent: every one. */
  project?: string;
  /** What the token of a bot channel says of the activities that come with it. */
  channel?: ChannelClaims;
}

/** What must hold of an activity that comes with a channel's token. */
export interface ChannelClaims {
  /** The address of the channel that the token was made for. */
  serviceUrl: string;
  /** The channels that the token's key may sign for; absent: any. */
  endorsements?: readonly string[];
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
