/** Network namespaces that outlive the processes in them: each is mounted on a file, as `ip netns` does it. */
import { mountAll, unmountAll } from "../sys/mod.ts";

const placeOf = (cache: string, name: string) => `${cache}/netns/${name}`;

/** Keeps the namespace at `path` (`/proc/PID/ns/net`); gives the path where it stays. */
export async function keepNamespace(cache: string, name: string, path: string): Promise<string> {
  const place = placeOf(cache, name);
  await Deno.mkdir(`${cache}/netns`, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(place, "");
  mountAll([{ type: "bind", source: path, target: "", options: ["bind"] }], place);
  return place;
}

/** Where a namespace is kept; "" if it isn't, or was until the machine started anew. */
export async function keptNamespace(cache: string, name: string): Promise<string> {
  const place = placeOf(cache, name);
  const [file, dir] = await Promise.all(
    [place, `${cache}/netns`].map((path) => Deno.stat(path).catch(() => undefined)),
  );
  return file && dir && file.dev !== dir.dev ? place : "";
}

/** Lets go of it; nothing there is fine. */
export async function dropNamespace(cache: string, name: string): Promise<void> {
  const place = placeOf(cache, name);
  await unmountAll(place);
  await Deno.remove(place).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
