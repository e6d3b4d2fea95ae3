/** Mounts as people write them: `type=bind,src=/tmp,dst=/host,options=rbind:ro`. */
import { invalidArgument } from "../errors.ts";
import type { SpecMount } from "./spec.ts";

const sources = ["src", "source"];
const destinations = ["dst", "dest", "destination", "target"];

/** A mount of the runtime spec. Throws InvalidArgument without a destination, or for a key nobody knows. */
export function parseMount(text: string): SpecMount {
  const mount: SpecMount = { destination: "", type: "", source: "" };
  for (const field of text.split(",")) {
    const at = field.indexOf("=");
    const [key, value] = at < 0 ? [field, ""] : [field.slice(0, at), field.slice(at + 1)];
    if (key === "type") mount.type = value;
    else if (sources.includes(key)) mount.source = value;
    else if (destinations.includes(key)) mount.destination = value;
    else if (key === "options") mount.options = value.split(":");
    else {throw invalidArgument(
        `mount ${JSON.stringify(text)}: no key ${JSON.stringify(key)} (type, src, dst, options)`,
      );}
  }
  if (!mount.destination.startsWith("/")) {
    throw invalidArgument(`mount ${JSON.stringify(text)}: dst must be an absolute path`);
  }
  return mount;
}
