/** The image of a run. */
import type { Image } from "../../api/services/images/v1/images.ts";
import { Code, codeOf, CtrError, isError, messageOf } from "../../errors.ts";
import type { Call, Flags } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { findImage, lookUpImage } from "../images/lookup.ts";
import { hostPlatform, parsePlatform } from "../output/platforms.ts";
import { printError } from "../output/print.ts";

/** The image of a name; one that no namespace has is pulled first, unless `--pull never`. */
export async function imageToRun(daemon: Daemon, call: Call, name: string): Promise<Image> {
  const image = await lookUpImage(daemon, name);
  if (image) return image;
  try {
    return await findImage(daemon, name);
  } catch (error) {
    // Another namespace's image is more likely what is meant than one of the same name elsewhere.
    const elsewhere = messageOf(error).includes("use -n");
    if (!isError(error, Code.NotFound) || elsewhere || call.flags.text("pull") === "never") throw error;
  }
  return await pullMissing(daemon, call, name);
}

/** Flags, some of them under other names. */
function renamed(flags: Flags, names: Readonly<Record<string, string>>): Flags {
  const own = (name: string) => names[name] ?? name;
  return {
    has: (name) => flags.has(own(name)),
    on: (name) => flags.on(own(name)),
    text: (name) => flags.text(own(name)),
    list: (name) => flags.list(own(name)),
  };
}

/** Standard output is the container's: what the pull has to tell goes to standard error. */
async function pullMissing(daemon: Daemon, { flags }: Call, name: string): Promise<Image> {
  const [{ pullImage }, { registryAccess }, { canonicalReference }, { showProgress }] = await Promise.all([
    import("../images/pull.ts"),
    import("../registry/access.ts"),
    import("../images/reference.ts"),
    import("../output/progress.ts"),
  ]);
  const reference = await canonicalReference(name);
  printError(`ctr: image ${name} is not here: pulling ${reference}\n`);
  using progress = showProgress("stderr");
  const platform = flags.text("platform");
  // Its own --user is the container's.
  await using access = await registryAccess(daemon, renamed(flags, { user: "registry-user" }), reference);
  const pull = {
    ...access,
    platforms: [platform ? parsePlatform(platform) : hostPlatform()],
    everyPlatform: false,
    allMetadata: false,
    labels: {},
    snapshotter: flags.text("snapshotter") || defaultSnapshotter,
  };
  try {
    await pullImage(daemon, pull, (update) => progress.update(update));
  } catch (error) {
    const reason = messageOf(error);
    throw new CtrError(
      codeOf(error),
      `image ${JSON.stringify(name)} is not here, and could not be pulled: ${reason}`,
      {
        cause: error,
      },
    );
  }
  progress.finish();
  return await findImage(daemon, reference);
}
