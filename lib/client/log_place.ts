/** Where the logs of containers are: below the daemon's root, by namespace and id. */
import { IntrospectionDefinition } from "../api/services/introspection/v1/introspection.ts";
import { failedPrecondition, invalidArgument, unimplemented } from "../errors.ts";
import { logLabel } from "../labels.ts";
import type { Services } from "./services.ts";

/** The log driver that the daemon's shim has, and how it is set. */
export interface LogOptions {
  /** Bytes of a file before it is rotated, "10m" say; without limit unless said. */
  readonly maxSize?: string;
  /** Files that are kept, that in use included (1 unless said). */
  readonly maxFile?: string;
}

/** The URI of a container's log in lines of JSON. Throws InvalidArgument, Unimplemented for other daemons. */
export async function jsonLogUri(
  services: Services,
  { namespace, id }: { namespace: string; id: string },
  { maxSize = "", maxFile = "" }: LogOptions = {},
): Promise<string> {
  const filters = ["type==io.containerd.content.v1"];
  const { plugins } = await services.stub(IntrospectionDefinition).plugins({ filters });
  const root = plugins.find(({ exports }) => exports.logs)?.exports.logs;
  if (!root) throw unimplemented("logs of containers: this daemon keeps none");
  const query = new URLSearchParams();
  if (maxSize) query.set("max-size", String(bytesOf(maxSize)));
  if (maxFile) query.set("max-file", maxFile);
  const path = `${root}/${namespace}/${id}.log`;
  return `json-file://${encodeURI(path)}${query.size ? `?${query}` : ""}`;
}

/** The file of a container's log. Throws FailedPrecondition without one. */
export function logFileOf({ id, labels }: { id: string; labels: Record<string, string> }): string {
  const uri = labels[logLabel] ?? "";
  if (uri.startsWith("json-file://")) return decodeURIComponent(new URL(uri).pathname);
  throw failedPrecondition(
    `container ${id} has no log to read: it has one when it is made with "ctr run -d --log-driver json-file"`,
  );
}

const units: Record<string, number> = { "": 1, b: 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** "10m" as Docker writes it. */
function bytesOf(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([bkmg]?)$/.exec(text.toLowerCase()) ?? [];
  if (!amount) throw invalidArgument(`log option max-size=${text}: a number with k, m or g is needed`);
  return Number(amount) * units[unit!]!;
}
