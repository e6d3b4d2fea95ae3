/** `ctr plugins inspect-runtime` */
import type { Any } from "../../api/google/protobuf/any.ts";
import { IntrospectionDefinition } from "../../api/services/introspection/v1/introspection.ts";
import { RuntimeInfo, RuntimeRequest } from "../../api/types/introspection.ts";
import { Options } from "../../api/types/runc/options/oci.ts";
import { Options as Other } from "../../api/types/runtimeoptions/v1/api.ts";
import { notFound } from "../../errors.ts";
import { anyOf, nameOf } from "../../rpc/any.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { indentJson, mapOf, objectOf, quote } from "../output/json.ts";
import { messageJson } from "../output/message_json.ts";
import { print } from "../output/print.ts";
import { optionsOf } from "../run/runtime.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const runtimePath = call.flags.text("runtime");
  const options = await optionsOf(call.flags, runtimePath);
  const { extra } = await daemon.stub(IntrospectionDefinition).pluginInfo({
    type: "io.containerd.runtime.v2",
    id: "task",
    options: anyOf("containerd.types.RuntimeRequest", RuntimeRequest, { runtimePath, options }),
  });
  if (!extra) throw notFound("the daemon tells nothing of its runtimes");
  print(indentJson(infoJson(RuntimeInfo.decode(extra.value))) + "\n");
}

/** As Go writes it: what isn't there is null. */
function infoJson({ name, version, options, features, annotations }: RuntimeInfo): string {
  return objectOf({
    Name: quote(name),
    Version: quote({ Version: version?.version ?? "", Revision: version?.revision ?? "" }),
    Options: options ? optionsJson(options) : "null",
    Features: features ? new TextDecoder().decode(features.value) : "null",
    Annotations: mapOf(annotations) ?? "null",
  });
}

function optionsJson({ typeUrl, value }: Any): string {
  const name = nameOf(typeUrl);
  if (name === "containerd.runc.v1.Options") return messageJson(Options.decode(value));
  if (name === "runtimeoptions.v1.Options") return messageJson(Other.decode(value));
  return quote({ type_url: typeUrl, value: value.toBase64() });
}
