/**
 * Where we differ from Debian's containerd (1.6.20) on purpose. Each is a layer that it refuses or unpacks
 * against the OCI image spec ("Applying Changesets", "Whiteouts"); a difference of any other kind is a fault.
 */
import { cleanName } from "../../../lib/archive/mod.ts";
import type { TarItem } from "../../harness/tar.ts";
import type { Difference } from "../../harness/tree.ts";

const isDirectory = (item: TarItem) => item.type === "5";
const pathOf = (item: TarItem) => cleanName(item.name);
const within = (path: string, directory: string) =>
  directory === "" || path === directory || path.startsWith(directory + "/");

/** The path that a whiteout hides, or the directory that an opaque marker empties. */
function hidden(item: TarItem): string | undefined {
  const match = /^(?:(.*)\/)?\.wh\.([^/]+)$/.exec(pathOf(item));
  if (!match) return undefined;
  const [, directory = "", name] = match;
  if (name === ".wh..opq") return directory;
  return directory ? `${directory}/${name}` : name;
}

/** The layer hides a path and holds something there itself. Whiteouts only mean lower layers: ours stays. */
function hidesItsOwn(items: TarItem[]): boolean {
  return items.some((item) => {
    const path = hidden(item);
    return path !== undefined &&
      items.some((other) => other !== item && within(hidden(other) ?? pathOf(other), path));
  });
}

/** An entry replaces a directory described before, or a symlink that led to one: its time has nowhere to go. */
function replacesDirectory(items: TarItem[]): boolean {
  return items.some((item, at) => {
    const before = items.slice(0, at);
    const replaced = !isDirectory(item) ||
      before.some((old) => !isDirectory(old) && pathOf(old) === pathOf(item));
    return replaced && before.some((old) => isDirectory(old) && within(pathOf(old), pathOf(item)));
  });
}

/** A hard link takes the place of a symlink on the way to its own target. */
function linkReplacesItsWay(items: TarItem[]): boolean {
  return items.some((item) => item.type === "1" && within(cleanName(item.linkName!), pathOf(item)));
}

/** Why containerd refuses what we unpack; undefined if there is no good reason. */
export function whyTheyRefuse(items: TarItem[], error: string): string | undefined {
  // At the end it sets the times of directories by path, though they are gone.
  if (replacesDirectory(items) && /lstat .*: not a directory|UtimesNanoAt .*: no such file/.test(error)) {
    return "containerd: time of a replaced directory";
  }
  // It makes the whiteout's device over what is there; or goes below a device of its own; or removes too much.
  if (hidesItsOwn(items) && /file exists|not a directory|no such file/.test(error)) {
    return "containerd: layer hides its own";
  }
  // It looks for the attributes of an implied directory in a lower layer that has a file at that place.
  if (/UNKNOWN: lstat .*\/fs\/.*: not a directory/.test(error)) return "containerd: lower file above";
  // It resolves paths by hand: in a lower layer, where nothing needs to be found, and at the end once more.
  if (/too many links|too many levels of symbolic links|file name too long/.test(error)) {
    return "containerd: symlinks that loop";
  }
  if (linkReplacesItsWay(items) && /link .*: no such file/.test(error)) {
    return "containerd: link over its way";
  }
  return undefined;
}

/** Why the trees differ; undefined if there is no good reason. */
export function whyDifferent(items: TarItem[], differences: Difference[]): string | undefined {
  // It gives the replaced directory's time to what stands there now.
  if (replacesDirectory(items) && differences.every(({ field }) => field === "mtime")) {
    return "time of a replaced directory";
  }
  // It removes this layer's own files with the lower ones, or shows lower ones through a new directory.
  if (hidesItsOwn(items) && differences.every(({ field }) => field === "entry" || field === "xattrs")) {
    return "layer hides its own";
  }
  // It leaves a directory that is there with attributes that its new description hasn't.
  const kept = ({ field, path, a, b }: Difference) =>
    field === "xattrs" && items.some((item) => isDirectory(item) && pathOf(item) === path) &&
    a.split(" ").every((one) => one === "" || b.includes(one));
  if (differences.every(kept)) return "old attributes of a directory";
  // An implied directory that no parent has gets the group of an implied set-group-ID directory above it.
  const implied = ({ path }: Difference) => !items.some((item) => pathOf(item) === path);
  if (differences.every((one) => one.field === "owner" && one.a === "0:0" && implied(one))) {
    return "group of an implied directory";
  }
  return undefined;
}

/** Differences that don't come from unpacking. `start` is a time before the test, in seconds. */
export function ignorable({ field, b }: Difference, start: number, snapshotter: string): boolean {
  // A directory without an entry has the time of its last change there; here its parent's, or the same.
  if (field === "mtime") return Number(b) > start;
  // The native snapshotter loses hard links when it copies a parent.
  return snapshotter === "native" && (field === "links" || field === "sameAs");
}
