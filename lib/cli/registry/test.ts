/** `ctr registry test` */
import type { RegistryQuestion, RegistryResponse, RegistryServer } from "../../client/registry.ts";
import type { Credentials } from "../../client/transfer.ts";
import { messageOf } from "../../errors.ts";
import type { Call } from "../command.ts";
import { print } from "../output/print.ts";
import { layOut } from "../output/table.ts";
import { registryHost } from "./host.ts";
import { knower } from "./daemon.ts";
import { absolutePath, tlsHosts } from "./tls.ts";

/** Credentials by the name they were asked under, and where they are from. */
type Known = Map<string, { credentials?: Credentials; from: string }>;

/** Exit code 1 if no server answers well. */
export async function run(call: Call): Promise<number> {
  const host = registryHost(call);
  const { flags } = call;
  await using asked = await knower(call);
  const dirs = async () => (await asked.ask({ host: "", hostsDir: "", plainHttp: false })).dirs;
  await using tls = await tlsHosts(dirs, flags, host);
  const hostsDir = absolutePath(flags.text("hosts-dir"));
  const question = { host, hostsDir: tls?.dir ?? hostsDir, plainHttp: flags.on("plain-http") };
  const plan = await asked.ask(question);
  // What flags say of TLS is told by a directory that nobody else knows.
  const shown = tls ? await asked.ask({ ...question, hostsDir }) : plan;
  print(`${host}, as ${asked.name} sees it\n\n${sourceText(shown)}`);
  const known = await credentialsFor(call, plan.servers);
  const answered = await asked.ask(pinging(question, known));
  answered.servers.forEach((server, n) => print(`\n${serverText(server, n + 1, known)}`));
  return answered.servers.some(({ ping }) => ping && !ping.error) ? 0 : 1;
}

function pinging(question: RegistryQuestion, known: Known): RegistryQuestion {
  const ping = new Map<string, Credentials>();
  for (const [name, { credentials }] of known) if (credentials) ping.set(name, credentials);
  return { ...question, ping };
}

/** What there is for each name, by flags or by logins; a failure is told in place of a source. */
async function credentialsFor({ flags }: Call, servers: readonly RegistryServer[]): Promise<Known> {
  const known: Known = new Map();
  const { flaggedCredentials } = await import("./access.ts");
  const flagged = await flaggedCredentials(flags);
  const { findCredentials, readDockerConfig } = await import("../../remotes/mod.ts");
  const { said } = await import("../../client/docker_credentials.ts");
  for (const name of new Set(servers.flatMap(({ names }) => names))) {
    if (flagged) {
      known.set(name, { credentials: flagged, from: "the command line" });
      continue;
    }
    try {
      const found = await findCredentials(await readDockerConfig(), name);
      if (found) known.set(name, { credentials: said(found.credentials), from: found.from });
    } catch (error) {
      known.set(name, { from: messageOf(error) });
    }
  }
  return known;
}

function sourceText({ looked, taken }: RegistryResponse): string {
  const lines = looked.map((path, n) => `${n === 0 ? "looked for" : ""}\t${path}`);
  const none = "no configuration of its own: the registry itself is asked";
  return lined([...lines, `taken\t${taken || none}`]);
}

function serverText(server: RegistryServer, number: number, known: Known): string {
  const { url, mirror, capabilities, ca, client, skipVerify, dialTimeout, headers, proxy, ping } = server;
  const lines = [
    `for\t${capabilities.join(", ")}`,
    ...ca.map((path) => `authority\t${path}`),
    ...client.map((path) => `client certificate\t${path}`),
    ...skipVerify ? ["certificate\tnot checked (skip_verify)"] : [],
    ...dialTimeout ? [`dial timeout\t${dialTimeout} ms`] : [],
    ...headers.length ? [`headers\t${headers.join(", ")}`] : [],
    `proxy\t${proxy || "none"}`,
    `credentials\t${credentialsText(server, known)}`,
    `answer\t${answerText(ping)}`,
    ...ping?.error ? [`problem\t${ping.error}`, `\t-> ${ping.advice}`] : [],
  ];
  return `${number}. ${mirror ? "mirror" : "server"} ${url}\n${lined(lines)}`;
}

function credentialsText({ names }: RegistryServer, known: Known): string {
  const found = names.map((name) => known.get(name)).find((one) => one);
  if (!found) return "none";
  const { credentials, from } = found;
  if (!credentials) return `none: ${from}`;
  const who = "user" in credentials
    ? `user ${credentials.user}`
    : "refresh" in credentials
    ? "a token"
    : "a header";
  return `${who}, from ${from}`;
}

function answerText(ping: RegistryServer["ping"]): string {
  if (!ping?.status) return "none";
  const schemes = [...new Set(ping.schemes)].join(", ");
  const open = ping.status === 200 ? ", asks nobody who they are" : "";
  const asked = schemes ? `, asks for credentials (${schemes})` : open;
  return `${ping.status}${asked}${ping.shown ? ", has been shown them" : ""}`;
}

const lined = (lines: string[]) =>
  layOut(lines, { min: 0, tab: 8, padding: 2, pad: " " }).trimEnd().split("\n").map((line) => `   ${line}\n`)
    .join("");
