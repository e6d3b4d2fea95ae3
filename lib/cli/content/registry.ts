/** A registry as commands on single pieces of content reach it: from this process, past the daemon. */
import { remoteOptions } from "../../client/remote_options.ts";
import { Pusher, Remote } from "../../remotes/mod.ts";
import type { Flags } from "../command.ts";
import { canonicalReference, uncheckedHost } from "../images/reference.ts";
import { registryAccess } from "../images/registry.ts";

/** The repository that a command names. */
export interface Repository extends AsyncDisposable {
  readonly reference: string;
  /** For reading; of the reference, or of a digest in the same repository. */
  remote(digest?: string): Remote;
  pusher(): Pusher;
}

/** The repository of `name`, as the command's registry flags say. */
export async function repositoryOf(flags: Flags, name: string): Promise<Repository> {
  const access = await registryAccess(flags, await canonicalReference(name));
  const unchecked = flags.on("skip-verify") ? await uncheckedHost(access.reference) : undefined;
  const options = remoteOptions({ ...access, hostsDir: unchecked?.dir ?? access.hostsDir });
  const { reference } = access;
  return {
    reference,
    remote: (digest) => new Remote(digest ? withDigest(reference, digest) : reference, options),
    pusher: () => new Pusher(reference, options),
    [Symbol.asyncDispose]: () => unchecked?.[Symbol.asyncDispose]() ?? Promise.resolve(),
  };
}

const withDigest = (reference: string, digest: string) =>
  `${reference.replace(/@.*$/, "").replace(/:[^:/]*$/, "")}@${digest}`;
