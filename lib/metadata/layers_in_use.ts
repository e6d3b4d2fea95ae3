/** Which directories of layers somebody has mounted, whoever it is: those are not to be deleted under them. */

/** Tells of a directory whether a mount is made of it. */
export async function layersInUse(): Promise<(path: string) => boolean> {
  return inUseBy(await Deno.readTextFile("/proc/self/mountinfo"));
}

/** The same of a mountinfo file's text (proc_pid_mountinfo(5)): overlays by their options, bind mounts by root. */
export function inUseBy(mountinfo: string): (path: string) => boolean {
  const whole = new Set<string>();
  // A bind mount's root counts from its filesystem's own; options may count from where the mounter stood.
  const ends: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const [place = "", source = ""] = line.split(" - ");
    const root = unescape(place.split(" ")[3] ?? "");
    if (isDeep(root)) ends.push(root);
    const options = unescape(source.split(" ").slice(2).join(" "));
    for (const word of options.split(/[,:=]/)) {
      const shown = mappedPlace.exec(word)?.[1];
      if (shown) ends.push(shown);
      else if (word.startsWith("/")) whole.add(word);
      else if (isDeep(`/${word}`)) ends.push(`/${word}`);
    }
  }
  return (path) => whole.has(path) || ends.some((end) => path.endsWith(end));
}

/** Where lib/sys showed a layer while it mounted it with other owners; the layer's own path ends in the same way. */
const mappedPlace = /^\/run\/\.l[0-9a-z]+(\/.+\/.+)$/;

/** A layer's directory is `<number>/fs`: what has fewer parts is none. */
const isDeep = (path: string) => path.split("/").length > 2;

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}
