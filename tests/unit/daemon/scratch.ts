/** A directory of a test's own, and a configuration that stays below it. */
import { type Config, loadConfig } from "../../../lib/daemon/config.ts";

export interface Place extends AsyncDisposable {
  readonly dir: string;
  readonly config: Config;
}

export async function makePlace(toml = ""): Promise<Place> {
  const dir = await Deno.makeTempDir({ prefix: "longshore-daemon-" });
  await Deno.writeTextFile(`${dir}/config.toml`, toml);
  const flags = { config: `${dir}/config.toml`, root: `${dir}/root`, state: `${dir}/state` };
  const remove = () => Deno.remove(dir, { recursive: true });
  try {
    return { dir, config: await loadConfig(flags), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

export function modeOf(path: string): string {
  return (Deno.lstatSync(path).mode! & 0o7777).toString(8);
}
