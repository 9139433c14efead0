/** Whose objects an operation works on. Tenants and projects never see each other's: the scope is part of every storage key. */
export interface Scope {
  tenant: string;
  /** `-` outside Foundry paths. */
  project: string;
}
