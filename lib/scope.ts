/** Whose names a call may see, and which lease holds what it makes. */
export interface Scope {
  readonly namespace: string;
  /** The lease to which new resources are added; none if empty or absent. */
  readonly lease?: string;
}
