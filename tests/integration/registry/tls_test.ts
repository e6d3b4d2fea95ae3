/** Registries with certificates of an own authority, which want certificates of their clients, too. */
import assert from "node:assert/strict";
import {
  Authority,
  type Certificate,
  must,
  type Output,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { noiseImage, writeHosts } from "./images.ts";

/** What a registry wants of its clients is given, or not, in all ways that there are. */
interface Case {
  name: string;
  /** Files of the certs.d directory, made for the registry's host. */
  prepare?: (dir: string, host: string) => Promise<void>;
  flags?: string[];
  /** What our error says; none if the pull works. */
  fails?: RegExp;
  /** Where Debian's ctr does otherwise, and why. */
  otherwise?: string;
}

/** In TLS 1.3 a server's refusal of a certificate may be overtaken by the end of its connection. */
const refusedByServer = /[Cc]ertificate|broken pipe|reset|closed/;

async function casesFor({ cert: ca }: Authority, client: Certificate, other: Authority): Promise<Case[]> {
  const stranger = await other.issue("stranger");
  const hosts = (settings: string) => (dir: string, host: string) =>
    writeHosts(dir, host, `server = "https://${host}"\n[host."https://${host}"]\n${settings}`);
  const pair = `client = [["${client.cert}", "${client.key}"]]\n`;
  const showing = ["--tlscert", client.cert, "--tlskey", client.key];
  const trusting = ["--tlscacert", ca, ...showing];
  const files = (dir: string, host: string) => `${dir}/${host.replace(/:(\d+)$/, "_$1_")}`;
  return [
    { name: "an authority and a client's pair", prepare: hosts(`ca = "${ca}"\n${pair}`) },
    {
      name: "lists, of which the last is right",
      prepare: hosts(
        `ca = ["${other.cert}", "${ca}"]\n` +
          `client = [["${stranger.cert}", "${stranger.key}"], ["${client.cert}", "${client.key}"]]\n`,
      ),
    },
    {
      name: "paths beside the file, certificate and key in one",
      async prepare(dir, host) {
        await hosts('ca = "own.pem"\nclient = "both.pem"\n')(dir, host);
        await Deno.copyFile(ca, `${dir}/${host}/own.pem`);
        const both = await Deno.readTextFile(client.cert) + await Deno.readTextFile(client.key);
        await Deno.writeTextFile(`${dir}/${host}/both.pem`, both);
      },
      otherwise: "containerd 1.6 looks for the key in a file without a name",
    },
    { name: "skip_verify and a client's pair", prepare: hosts(`skip_verify = true\n${pair}`) },
    {
      name: "certificates as docker names them",
      async prepare(dir, host) {
        await Deno.mkdir(files(dir, host), { recursive: true });
        await Deno.copyFile(ca, `${files(dir, host)}/registry.crt`);
        await Deno.copyFile(client.cert, `${files(dir, host)}/me.cert`);
        await Deno.copyFile(client.key, `${files(dir, host)}/me.key`);
      },
      otherwise: "containerd 1.6 speaks plain http to this machine where no hosts.toml says otherwise",
    },
    { name: "flags for a host without settings of its own", prepare: hosts(""), flags: trusting },
    { name: "flags for it, unverified", prepare: hosts(""), flags: ["--skip-verify", ...showing] },
    {
      name: "flags alone",
      flags: trusting,
      otherwise: "containerd 1.6 speaks plain http to this machine where no hosts.toml says otherwise",
    },
    { name: "no authority", prepare: hosts(pair), fails: /UnknownIssuer/ },
    { name: "another authority", prepare: hosts(`ca = "${other.cert}"\n${pair}`), fails: /UnknownIssuer/ },
    { name: "no client's certificate", prepare: hosts(`ca = "${ca}"\n`), fails: refusedByServer },
    {
      name: "a stranger's certificate alone",
      prepare: hosts(`ca = "${ca}"\nclient = [["${stranger.cert}", "${stranger.key}"]]\n`),
      fails: new RegExp(`refused the client certificate ${stranger.cert}`),
    },
    {
      name: "no client's certificate, unverified",
      prepare: hosts("skip_verify = true\n"),
      fails: refusedByServer,
    },
    {
      name: "a key of another certificate",
      prepare: hosts(`ca = "${ca}"\nclient = [["${client.cert}", "${ca.replace(/crt$/, "key")}"]]\n`),
      fails: /client certificate .* cannot be used/,
    },
  ];
}

Deno.test("a registry with an own authority and client certificates is pulled from as Debian's ctr does", async () => {
  await using scratch = await Scratch.make("shm");
  const [authority, other] = [
    await Authority.make(scratch.join("own")),
    await Authority.make(scratch.join("other")),
  ];
  const [server, client] = [await authority.issue("registry"), await authority.issue("client")];
  await using plain = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), plain, "noise:1");
  await using registry = await startRegistry({
    tls: { ...server, clientCa: authority.cert },
    data: plain.data,
  });
  const host = registry.host;
  await using longshore = await startLongshore({ where: "shm" });
  await using containerd = await startContainerd("shm");
  const reference = `${host}/noise:1`;
  for (const one of await casesFor(authority, client, other)) {
    const dir = scratch.join(one.name);
    await Deno.mkdir(dir);
    await one.prepare?.(dir, host);
    const flags = [...one.prepare ? ["--hosts-dir", dir] : [], ...one.flags ?? [], reference];
    const ours = await longshore.ctr(["images", "pull", ...flags]);
    const theirs = await containerd.ctr(["images", "pull", ...flags]);
    const shown = `${one.name}: ${ours.stderr}\n${theirs.stderr}`;
    assert.equal(ours.code, one.fails ? 1 : 0, shown);
    if (one.fails) assert.match(ours.stderr, one.fails, shown);
    if (!one.otherwise) assert.equal(theirs.code, ours.code, shown);
    await forget(
      [longshore.ctr, containerd.ctr].map((ctr, n) => ctr.bind([longshore, containerd][n])),
      reference,
    );
  }
});

/** Removes an image with its content, so that the next pull has to fetch it. */
async function forget(ctrs: ((args: string[]) => Promise<Output>)[], reference: string): Promise<void> {
  for (const ctr of ctrs) await ctr(["images", "rm", "--sync", reference]);
}

Deno.test("what is long is pushed over the same connection, verified or not, and by the command itself", async () => {
  await using scratch = await Scratch.make("shm");
  const authority = await Authority.make(scratch.join("own"));
  const [server, client] = [await authority.issue("registry"), await authority.issue("client")];
  await using plain = await startRegistry({ where: "shm" });
  const reference = await push(await noiseImage(scratch), plain, "noise:1");
  await using registry = await startRegistry({ tls: { ...server, clientCa: authority.cert }, where: "shm" });
  const dir = scratch.join("certs.d");
  await writeHosts(
    dir,
    registry.host,
    `server = "https://${registry.host}"\nca = "${authority.cert}"\nclient = [["${client.cert}", "${client.key}"]]\n`,
  );
  await using longshore = await startLongshore({ where: "shm" });
  assert.equal((await longshore.ctr(["images", "pull", reference])).code, 0);
  const own = ["--tlscert", client.cert, "--tlskey", client.key];
  const ways = [
    ["--hosts-dir", dir],
    ["-k", ...own],
    ["--local", "--tlscacert", authority.cert, ...own],
  ];
  const digest = async (at: string, args: string[]) =>
    await must("skopeo", ["inspect", "--format", "{{.Digest}}", ...args, `docker://${at}`]);
  const before = await digest(reference, ["--tls-verify=false"]);
  const certs = scratch.join("skopeo");
  await Deno.mkdir(certs);
  await Deno.copyFile(authority.cert, `${certs}/ca.crt`);
  await Deno.copyFile(client.cert, `${certs}/me.cert`);
  await Deno.copyFile(client.key, `${certs}/me.key`);
  for (const [n, way] of ways.entries()) {
    const target = `${registry.host}/pushed${n}:1`;
    const { code, stderr } = await longshore.ctr(["images", "push", ...way, target, reference]);
    assert.equal(code, 0, `${way}: ${stderr}`);
    assert.equal(await digest(target, ["--cert-dir", certs]), before);
    // Not mounted from the one before: the bytes have gone this way.
    await longshore.ctr(["images", "rm", "--sync", reference]);
    assert.equal((await longshore.ctr(["images", "pull", reference])).code, 0);
  }
});

Deno.test("authorities that the host trusts hold for registries, too, as they do for Debian's ctr", async () => {
  await using scratch = await Scratch.make("shm");
  const authority = await Authority.make(scratch.join("own"));
  await using plain = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), plain, "noise:1");
  await using registry = await startRegistry({ tls: await authority.issue("registry"), data: plain.data });
  const dir = scratch.join("certs.d");
  await writeHosts(dir, "_default", `server = "https://${registry.host}"\n[host]\n`);
  const env = { SSL_CERT_FILE: authority.cert };
  await using longshore = await startLongshore({ where: "shm", env });
  await using containerd = await startContainerd("shm");
  const pull = ["images", "pull", "--hosts-dir", dir, "registry.test/noise:1"];
  const theirs = await containerd.ctr(pull, { env });
  assert.equal(theirs.code, 0, theirs.stderr);
  const ours = await longshore.ctr(pull);
  assert.equal(ours.code, 0, ours.stderr);
});
