/** References as users write them. */

/** What a short name stands for: `alpine` is `docker.io/library/alpine:latest`. Full ones stay as they are. */
export async function canonicalReference(name: string): Promise<string> {
  const { normalizeReference } = await import("../../remotes/mod.ts");
  return String(normalizeReference(name));
}

/**
 * A directory of host configurations (containerd's certs.d) that tells the daemon not to check the
 * certificate of a reference's host: the Transfer service has no other way to say so.
 */
export async function uncheckedHost(reference: string): Promise<{ dir: string } & AsyncDisposable> {
  const host = reference.slice(0, reference.indexOf("/"));
  const dir = await Deno.makeTempDir({ prefix: "ctr-hosts-" });
  const server = `https://${host}`;
  await Deno.mkdir(`${dir}/${host}`);
  await Deno.writeTextFile(
    `${dir}/${host}/hosts.toml`,
    `server = "${server}"\n\n[host."${server}"]\n  skip_verify = true\n`,
  );
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}
