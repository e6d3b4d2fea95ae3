/** A registry as commands on single pieces of content reach it: from this process, past the daemon. */
import { remoteOptionsOf } from "../../client/registry_access.ts";
import { Pusher, Remote } from "../../remotes/mod.ts";
import type { Flags } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { canonicalReference } from "../images/reference.ts";
import { registryAccess } from "../registry/access.ts";

/** The repository that a command names. */
export interface Repository extends AsyncDisposable {
  readonly reference: string;
  /** For reading; of the reference, or of a digest in the same repository. */
  remote(digest?: string): Remote;
  pusher(): Pusher;
}

/** The repository of `name`, as the command's registry flags say. */
export async function repositoryOf(daemon: Daemon, flags: Flags, name: string): Promise<Repository> {
  const access = await registryAccess(daemon, flags, await canonicalReference(name));
  const options = await remoteOptionsOf(daemon, access);
  const { reference } = access;
  return {
    reference,
    remote: (digest) => new Remote(digest ? withDigest(reference, digest) : reference, options),
    pusher: () => new Pusher(reference, options),
    [Symbol.asyncDispose]: () => access[Symbol.asyncDispose](),
  };
}

const withDigest = (reference: string, digest: string) =>
  `${reference.replace(/@.*$/, "").replace(/:[^:/]*$/, "")}@${digest}`;
