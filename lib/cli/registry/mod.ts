/** `ctr registry`, and the flags of `ctr login` */
import type { Command, Flag } from "../command.ts";
import { registryFlags } from "../flags.ts";

const otherThan = (...names: string[]) => registryFlags.filter(({ name }) => !names.includes(name));

/** Of `ctr login`. */
export const loginFlags: readonly Flag[] = [
  { name: "user", short: "u", value: "value", usage: "user name; asked for unless given" },
  { name: "password-stdin", usage: "read the password from standard input" },
  ...otherThan("user", "refresh"),
];

export const commands: readonly Command[] = [
  {
    name: "test",
    usage: "tell how a registry is reached, and what it answers",
    arguments: "<host>",
    description:
      "Shows which hosts.toml counts, the mirrors and the server in order, their certificates, proxy and\n" +
      "credentials, and what each of them answers. Exits with 1 if none answers well.",
    examples: ["registry test docker.io", "registry test --hosts-dir ./certs.d registry.example:5000"],
    flags: otherThan("http-dump", "http-trace"),
    load: () => import("./test.ts"),
  },
];
