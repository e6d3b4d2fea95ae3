/** `ctr containers info` */
import type { Any } from "../../api/google/protobuf/any.ts";
import { type Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { rfc3339 } from "../output/ages.ts";
import { indentJson, mapOf, objectOf, quote } from "../output/json.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const [id] = required(call, "a container id");
  await using daemon = await connect(call);
  const { container } = await daemon.stub(ContainersDefinition).get({ id });
  const spec = specJson(container!.spec);
  print(indentJson(call.flags.on("spec") ? spec : infoJson(container!, spec)) + "\n");
}

/** The record with Go's keys in Go's order. */
function infoJson(container: Container, spec: string): string {
  return objectOf({
    ID: quote(container.id),
    Labels: mapOf(container.labels) ?? "{}",
    Image: quote(container.image),
    Runtime: objectOf({
      Name: quote(container.runtime?.name ?? ""),
      Options: container.runtime?.options ? anyJson(container.runtime.options) : "null",
    }),
    SnapshotKey: quote(container.snapshotKey),
    Snapshotter: quote(container.snapshotter),
    CreatedAt: quote(rfc3339(container.createdAt)),
    UpdatedAt: quote(rfc3339(container.updatedAt)),
    Extensions: extensionsJson(container.extensions),
    SandboxID: container.sandbox ? quote(container.sandbox) : undefined,
    Spec: spec,
  });
}

function extensionsJson(extensions: Container["extensions"]): string {
  const keys = Object.keys(extensions).sort();
  return keys.length
    ? objectOf(Object.fromEntries(keys.map((key) => [key, anyJson(extensions[key]!)])))
    : "null";
}

function anyJson({ typeUrl, value }: Any): string {
  const bytes = value.length ? quote(btoa(String.fromCharCode(...value))) : undefined;
  return objectOf({ type_url: typeUrl ? quote(typeUrl) : undefined, value: bytes });
}

/** The stored text as it is: its numbers may be too large for JavaScript's. */
function specJson(spec: Any | undefined): string {
  if (!spec?.value.length) return "null";
  return spec.typeUrl.includes("runtime-spec/") ? new TextDecoder().decode(spec.value) : anyJson(spec);
}
