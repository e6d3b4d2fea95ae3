/** What belongs to nobody any more: tasks without a container, runc's state without a task, shims without a bundle. */
import { ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { NamespacesDefinition } from "../../api/services/namespaces/v1/namespace.ts";
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Code, isError } from "../../errors.ts";
import { connectTtrpc } from "../../rpc/ttrpc/client.ts";
import type { Channel } from "../../rpc/service.ts";
import { removeBundle } from "../../runtime/mod.ts";
import { entriesOf, type Finding, readText } from "./finding.ts";
import { type Bundle, bundlesOf } from "./leftovers.ts";
import { descendants, killAndWait, processes } from "./processes.ts";

/** What a daemon that runs knows, by `NAMESPACE/ID`. */
export interface Known {
  /** With the path of their cgroup. */
  readonly containers: ReadonlyMap<string, string>;
  readonly tasks: ReadonlySet<string>;
}

/** A bundle that is younger may be a task that is being made. */
const youngMillis = 10_000;

/** Asks the daemon at `address`; undefined if none answers. */
export async function askDaemon(address: string): Promise<Known | undefined> {
  try {
    await using channel = await connectTtrpc(`${address}.ttrpc`);
    const { namespaces } = await channel.stub(NamespacesDefinition).list({});
    const containers = new Map<string, string>();
    const tasks = new Set<string>();
    for (const { name: namespace } of namespaces) {
      const scope = { namespace };
      for (const { id, spec } of (await channel.stub(ContainersDefinition, scope).list({})).containers) {
        containers.set(`${namespace}/${id}`, cgroupIn(spec?.value));
      }
      for (const { containerId } of (await channel.stub(TasksDefinition, scope).list({})).tasks) {
        tasks.add(`${namespace}/${containerId}`);
      }
    }
    return { containers, tasks };
  } catch {
    return undefined;
  }
}

function cgroupIn(spec: Uint8Array | undefined): string {
  try {
    return JSON.parse(new TextDecoder().decode(spec)).linux?.cgroupsPath ?? "";
  } catch {
    return "";
  }
}

/** Every orphan below a state directory. */
export async function orphanFindings(
  { state, address }: { state: string; address: string },
  known: Known | undefined,
): Promise<Finding[]> {
  const bundles = await bundlesOf(state);
  const found = await Promise.all([
    known ? tasks(address, bundles, known) : [],
    runcStates(state, bundles),
    ownShims(state, bundles),
    otherShims(address, bundles),
  ]);
  return found.flat();
}

/** With a daemon that runs: bundles that no container has any more, or that the daemon doesn't know. */
async function tasks(address: string, bundles: readonly Bundle[], known: Known): Promise<Finding[]> {
  const findings = await Promise.all(bundles.map(async (bundle): Promise<Finding[]> => {
    const { namespace, id, path } = bundle;
    const name = `${namespace}/${id}`;
    if (known.tasks.has(name)) {
      if (known.containers.has(name)) return [];
      return [{
        level: "warn",
        subject: "tasks",
        text: `${id} in the namespace ${namespace} has no container`,
        advice: `ctr -n ${namespace} tasks rm -f ${id}`,
        reap: () => endTask(address, bundle),
      }];
    }
    const { mtime } = await Deno.lstat(path).catch(() => ({ mtime: null }));
    if (!mtime || Date.now() - mtime.getTime() < youngMillis) return [];
    const text = `${path}: the daemon knows no such task`;
    return [{ level: "warn", subject: "bundles", text, reap: () => removeBundle(path) }];
  }));
  return findings.flat();
}

async function endTask(address: string, { namespace, id: containerId }: Bundle): Promise<void> {
  await using channel: Channel = await connectTtrpc(`${address}.ttrpc`);
  const stub = channel.stub(TasksDefinition, { namespace });
  const ended = stub.wait({ containerId });
  ended.catch(() => {});
  try {
    await stub.kill({ containerId, signal: 9, all: true });
    await ended;
  } catch (error) {
    // It has ended already, or never began.
    if (!isError(error, Code.NotFound) && !isError(error, Code.FailedPrecondition)) throw error;
  }
  await stub.delete({ containerId });
}

async function runcStates(state: string, bundles: readonly Bundle[]): Promise<Finding[]> {
  const all = await byNamespace(`${state}/runc`);
  const lost = all.filter((one) => !bundles.some((bundle) => same(bundle, one)));
  return lost.map(({ namespace, id, path }) => {
    const root = `${state}/runc/${namespace}`;
    return {
      level: "warn",
      subject: "runc",
      text: `${path}: runc has a container without a task`,
      advice: `runc --root ${root} delete --force ${id}`,
      reap: async () => {
        const args = ["--root", root, "delete", "--force", id];
        await new Deno.Command("runc", { args, stdout: "null", stderr: "null" }).output();
        // What runc itself can't read is nothing that it could delete.
        await Deno.remove(path, { recursive: true }).catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        });
      },
    };
  });
}

/** State directories of shims for one container each, whose container is gone. */
async function ownShims(state: string, bundles: readonly Bundle[]): Promise<Finding[]> {
  const used = await Promise.all(bundles.map(({ path }) => readText(`${path}/own-shim.json`)));
  const names = (await entriesOf(`${state}/shims`)).filter((name) =>
    !used.some((text) => text?.includes(`"${state}/shims/${name}"`))
  );
  return names.map((name) => {
    const dir = `${state}/shims/${name}`;
    return {
      level: "warn",
      subject: "shims",
      text: `${dir}: the container of this shim is gone`,
      reap: async () => {
        const all = (await processes()).filter(({ words }) => words.includes("shim") && words.includes(dir));
        await killAndWait(all.map(({ pid }) => pid));
        await Deno.remove(dir, { recursive: true });
      },
    };
  });
}

/** Shims of other programs that were started for this daemon, and have no bundle any more. */
async function otherShims(address: string, bundles: readonly Bundle[]): Promise<Finding[]> {
  const value = (words: readonly string[], flag: string) => words[words.indexOf(flag) + 1];
  const ours = (await processes()).filter(({ words }) =>
    words.includes("-id") && words.includes("-namespace") && value(words, "-address") === address
  );
  const lost = ours.filter(({ words }) => {
    const one = { namespace: value(words, "-namespace")!, id: value(words, "-id")! };
    return !["start", "delete"].includes(words.at(-2)!) && !bundles.some((bundle) => same(bundle, one));
  });
  return lost.map(({ pid, words }) => ({
    level: "warn",
    subject: "shims",
    text: `process ${pid} (${words[0]}) serves ${value(words, "-id")}, whose bundle is gone`,
    reap: async () => await killAndWait([...await descendants(pid), pid]),
  }));
}

async function byNamespace(dir: string): Promise<Bundle[]> {
  const namespaces = await entriesOf(dir);
  const found = await Promise.all(
    namespaces.map(async (namespace) =>
      (await entriesOf(`${dir}/${namespace}`)).map((id) => ({
        namespace,
        id,
        path: `${dir}/${namespace}/${id}`,
      }))
    ),
  );
  return found.flat();
}

type Name = Pick<Bundle, "namespace" | "id">;
const same = (one: Name, other: Name) => one.namespace === other.namespace && one.id === other.id;
