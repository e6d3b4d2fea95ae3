/** A user namespace of the container's own. */
import { type IdMappings, toHost } from "../id_mappings.ts";
import type { SpecOption } from "./options.ts";
import type { SpecMount } from "./spec.ts";

/**
 * Runs in a new user namespace, where ids of the host are those inside that `mappings` says. Comes after options that
 * choose the network.
 */
export function withUserNamespace({ uids, gids }: IdMappings): SpecOption {
  return (spec) => {
    const { linux } = spec;
    linux.namespaces = [...linux.namespaces.filter(({ type }) => type !== "user"), { type: "user" }];
    linux.uidMappings = uids;
    linux.gidMappings = gids;
    const ownNetwork = linux.namespaces.some(({ type, path }) => type === "network" && !path);
    spec.mounts = spec.mounts
      .map((mount) => withoutUnmapped(mount, (gid) => toHost(gids, gid) !== undefined))
      .map((mount) => ownNetwork ? mount : boundSysfs(mount));
  };
}

/** The kernel refuses a devpts whose group has no id in the namespace; without one it takes that of the process. */
function withoutUnmapped(mount: SpecMount, hasId: (gid: number) => boolean): SpecMount {
  if (mount.type !== "devpts") return mount;
  const keep = (option: string) => !option.startsWith("gid=") || hasId(Number(option.slice("gid=".length)));
  return { ...mount, options: mount.options?.filter(keep) };
}

/** A sysfs is of a network, and only that network's user namespace may mount one: others get what the host has. */
function boundSysfs(mount: SpecMount): SpecMount {
  if (mount.type !== "sysfs") return mount;
  return { ...mount, type: "bind", source: "/sys", options: ["rbind", ...mount.options ?? []] };
}
