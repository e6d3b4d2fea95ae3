/** The runtime options of a request, as the shim understands them. */
import type { Any } from "../api/google/protobuf/any.ts";
import { Options } from "../api/types/runc/options/oci.ts";
import { failedPrecondition, invalidArgument } from "../errors.ts";
import { nameOf } from "../rpc/any.ts";
import type { Runtime } from "./runc.ts";
import type { Shim } from "./shim.ts";

const OPTIONS = "containerd.runc.v1.Options";

/** Which runc serves a container. Throws InvalidArgument for options of another kind. */
export function runtimeOf(
  { state, cgroup }: Pick<Shim, "state" | "cgroup">,
  namespace: string,
  any: Any | undefined,
): Runtime {
  const options = decode(any);
  // Whoever starts shims has to start one there.
  if (options?.shimCgroup && options.shimCgroup !== cgroup) {
    throw failedPrecondition(`this shim is not in the cgroup ${options.shimCgroup}`);
  }
  return {
    binary: options?.binaryName || "runc",
    root: `${options?.root || `${state}/runc`}/${namespace}`,
    systemdCgroup: options?.systemdCgroup ?? false,
    noPivotRoot: options?.noPivotRoot ?? false,
    noNewKeyring: options?.noNewKeyring ?? false,
    criuWorkPath: options?.criuWorkPath || undefined,
    io: options?.ioUid || options?.ioGid ? { uid: options.ioUid, gid: options.ioGid } : undefined,
  };
}

function decode(any: Any | undefined): Options | undefined {
  if (!any?.typeUrl) return undefined;
  if (nameOf(any.typeUrl) !== OPTIONS) {
    throw invalidArgument(`runtime options are ${any.typeUrl}, not ${OPTIONS}`);
  }
  return Options.decode(any.value);
}
