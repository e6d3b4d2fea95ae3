/** `ctr tasks update` */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { type Resources, resourcesUrl } from "../../oci/mod.ts";
import { anyJson } from "../../rpc/any.ts";
import { required } from "../arguments.ts";
import { type Call, type Flags, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { loadTask } from "./load.ts";

const cpuPeriod = 100_000;

export async function run(call: Call): Promise<void> {
  const { flags } = call;
  const [containerId] = required(call, "a container id");
  const resources = await resourcesOf(flags);
  const annotations = Object.fromEntries(flags.list("annotation").map(pair));
  await using daemon = await connect(call);
  await loadTask(daemon, containerId);
  await daemon.stub(TasksDefinition).update({ containerId, resources, annotations });
}

async function resourcesOf(flags: Flags) {
  const path = flags.text("resources");
  const named = resourcesFrom(flags);
  if (!path) {
    if (!Object.keys(named).length) throw usageError("no limit given: see ctr tasks update --help");
    return anyJson(resourcesUrl, named);
  }
  if (Object.keys(named).length) {
    throw usageError("--resources and other limits cannot be specified together");
  }
  const bytes = path === "-" ? await new Response(Deno.stdin.readable).bytes() : await Deno.readFile(path);
  return { typeUrl: resourcesUrl, value: bytes };
}

/** What the flags name, and nothing else: the rest is to stay. */
export function resourcesFrom(flags: Flags): Resources {
  if (flags.has("cpus") && (flags.has("cpu-quota") || flags.has("cpu-period"))) {
    throw usageError("--cpus and --cpu-quota or --cpu-period cannot be specified together");
  }
  const memory = given({
    limit: number(flags, "memory-limit"),
    swap: number(flags, "memory-swap"),
    reservation: number(flags, "memory-reservation"),
  });
  const cpu = given({
    shares: number(flags, "cpu-shares"),
    ...cpuTime(flags),
    cpus: flags.text("cpuset-cpus") || undefined,
    mems: flags.text("cpuset-mems") || undefined,
  });
  const limit = number(flags, "pids-limit");
  return given({ memory, cpu, pids: limit === undefined ? undefined : { limit } }) ?? {};
}

function cpuTime(flags: Flags): { quota?: number; period?: number } {
  if (!flags.has("cpus")) return { quota: number(flags, "cpu-quota"), period: number(flags, "cpu-period") };
  const cpus = Number(flags.text("cpus"));
  if (cpus === -1) return { quota: -1 };
  if (!(cpus > 0 && cpus < Infinity)) {
    throw usageError(`--cpus ${JSON.stringify(flags.text("cpus"))} is not a number of CPUs`);
  }
  return { quota: Math.trunc(cpus * cpuPeriod), period: cpuPeriod };
}

function number(flags: Flags, name: string): number | undefined {
  if (!flags.has(name)) return undefined;
  const text = flags.text(name);
  if (/^(-1|\d{1,15})$/.test(text)) return Number(text);
  throw usageError(`--${name} ${JSON.stringify(text)} is neither a whole number nor -1`);
}

/** Without what isn't there; undefined if nothing is left. */
function given<T extends object>(values: T): T | undefined {
  const left = Object.entries(values).filter(([, value]) => value !== undefined);
  return left.length ? Object.fromEntries(left) as T : undefined;
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw usageError(`--annotation ${JSON.stringify(text)} is not of the form name=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}
