/**
 * A task's bundle: the directory with config.json and rootfs from which runc makes the container.
 *
 * It lies in memory (/run) and is small, so it is written at once: handing a call to a thread takes longer than the
 * call.
 */
import { alreadyExists } from "../errors.ts";
import { type IdMapping, toHost } from "../id_mappings.ts";
import { unmountAll } from "../sys/mod.ts";

/** Where the bundle of a task lies. */
export const bundlePath = (state: string, namespace: string, id: string) =>
  `${state}/tasks/${namespace}/${id}`;

/**
 * Makes it: traversable by root only, or by the group that is root within the container's user namespace.
 * Throws AlreadyExists.
 */
export async function makeBundle(path: string, spec: Uint8Array): Promise<void> {
  makeParents(path);
  try {
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw alreadyExists(`bundle ${path}`);
    throw error;
  }
  try {
    fill(path, spec);
  } catch (error) {
    await removeBundle(path);
    throw error;
  }
}

function fill(path: string, spec: Uint8Array): void {
  const group = rootGroup(spec);
  if (group) {
    Deno.chownSync(path, null, group);
    Deno.chmodSync(path, 0o710);
  }
  Deno.mkdirSync(`${path}/rootfs`, { mode: 0o711 });
  Deno.chmodSync(`${path}/rootfs`, 0o711);
  Deno.writeFileSync(`${path}/config.json`, spec, { mode: 0o600 });
}

function makeParents(path: string): void {
  const [namespaceDir, tasksDir] = [
    path.slice(0, path.lastIndexOf("/")),
    path.split("/").slice(0, -2).join("/"),
  ];
  for (const dir of [tasksDir, namespaceDir]) {
    try {
      Deno.mkdirSync(dir, { mode: 0o711 });
      Deno.chmodSync(dir, 0o711);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** The host's number of the container's group 0, when it has a user namespace. */
function rootGroup(spec: Uint8Array): number {
  const { linux } = JSON.parse(new TextDecoder().decode(spec)) as { linux?: { gidMappings?: IdMapping[] } };
  return toHost(linux?.gidMappings ?? [], 0) ?? 0;
}

const TRIES = 20;
const RETRY_DELAY = 25;

/** Removes it, with whatever is still mounted there. A shim that ends just now may still write into it. */
export async function removeBundle(path: string): Promise<void> {
  await unmountAll(`${path}/rootfs`);
  for (let n = 1;; n++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound && !await exists(path)) return;
      if (n === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
    }
  }
}

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

/** Every bundle below a state directory. */
export async function listBundles(
  state: string,
): Promise<{ namespace: string; id: string; bundle: string }[]> {
  const bundles = [];
  for (const namespace of await directories(`${state}/tasks`)) {
    for (const id of await directories(`${state}/tasks/${namespace}`)) {
      bundles.push({ namespace, id, bundle: bundlePath(state, namespace, id) });
    }
  }
  return bundles;
}

async function directories(path: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    return entries.filter((entry) => entry.isDirectory).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
