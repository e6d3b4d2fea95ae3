/**
 * The files that tell which container has what of which network, so that it can be given back later by whoever knows
 * the container's name: `<dir>/results/<network>-<container>-<interface>`, as libcni writes and reads them.
 */
import { Code, CtrError } from "../errors.ts";
import { type NetworkConfig, parseNetwork } from "./config.ts";
import type { Attachment, PluginResult } from "./plugin.ts";

/** An attachment, how it was made, and what came of it. */
export interface AttachmentRecord {
  readonly attachment: Attachment;
  readonly network: NetworkConfig;
  /** For plugins that have such a capability: `portMappings`, say. */
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
  /** Absent while its making is under way, or was when a crash ended it. */
  readonly result?: PluginResult;
}

const KIND = "cniCacheV1";

const pathOf = (dir: string, { network, attachment: { containerId, ifName } }: AttachmentRecord) =>
  `${dir}/results/${network.name}-${containerId}-${ifName}`;

/** Writes a record in the place of the one that is there; it appears whole or not at all. */
export async function writeRecord(dir: string, record: AttachmentRecord): Promise<void> {
  const { attachment: { containerId, netns, ifName }, network, capabilityArgs, result } = record;
  const file = {
    kind: KIND,
    containerId,
    config: new TextEncoder().encode(network.text).toBase64(),
    ifName,
    networkName: network.name,
    netns,
    capabilityArgs,
    ...result ? { result } : {},
  };
  await Deno.mkdir(`${dir}/results`, { recursive: true, mode: 0o700 });
  // libcni takes what isn't JSON for nothing.
  const part = await Deno.makeTempFile({ dir, prefix: "part-" });
  await Deno.writeTextFile(part, JSON.stringify(file));
  await Deno.rename(part, pathOf(dir, record));
}

/** Takes a record away; none there is fine. */
export async function removeRecord(dir: string, record: AttachmentRecord): Promise<void> {
  try {
    await Deno.remove(pathOf(dir, record));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The records of a container, whoever wrote them; the loopback last, as it was made first. */
export async function recordsOf(dir: string, containerId: string): Promise<AttachmentRecord[]> {
  const records: AttachmentRecord[] = [];
  for (const name of await namesIn(`${dir}/results`)) {
    if (!name.includes(`-${containerId}-`)) continue;
    const record = parse(`${dir}/results/${name}`, await Deno.readTextFile(`${dir}/results/${name}`));
    if (record?.attachment.containerId === containerId) records.push(record);
  }
  return records.sort((a, b) => Number(a.attachment.ifName === "lo") - Number(b.attachment.ifName === "lo"));
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** undefined for a file of another kind. */
function parse(path: string, text: string): AttachmentRecord | undefined {
  try {
    const file = JSON.parse(text);
    if (file.kind !== KIND) return undefined;
    const config = new TextDecoder().decode(Uint8Array.fromBase64(file.config));
    return {
      attachment: { containerId: file.containerId, netns: file.netns ?? "", ifName: file.ifName },
      network: parseNetwork(config, path),
      capabilityArgs: file.capabilityArgs ?? {},
      result: file.result,
    };
  } catch (error) {
    throw new CtrError(
      Code.DataLoss,
      `${path} is damaged (what it tells of has to be given back by hand): ${error}`,
    );
  }
}
