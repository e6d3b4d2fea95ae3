/** What the options of a runtime mean to whoever chooses the shim. */
import type { Any } from "../api/google/protobuf/any.ts";
import { Options } from "../api/types/runc/options/oci.ts";
import { nameOf } from "../rpc/any.ts";

/** The shim that options ask for. */
export type ShimWish = Pick<Options, "shimCgroup" | "taskApiAddress" | "taskApiVersion">;

const none: ShimWish = { shimCgroup: "", taskApiAddress: "", taskApiVersion: 0 };

/** Reads `containerd.runc.v1.Options`; what is of another kind is for its own runtime to judge. */
export function shimWish(options: Any | undefined): ShimWish {
  const isRuncs = options?.typeUrl && nameOf(options.typeUrl) === "containerd.runc.v1.Options";
  return isRuncs ? Options.decode(options.value) : none;
}
