/** Servers that refuse a client's certificate by hanging up: the message names the certificate, where it may be that. */
import assert from "node:assert/strict";
import { send } from "../../../lib/remotes/http.ts";
import { readCertificate, readClientCertificate } from "../../../lib/remotes/mod.ts";
import { Authority, Scratch, startLongshore } from "../../harness/mod.ts";
import { writeHosts } from "./images.ts";

/** Speaks TLS, takes whatever it is shown, and hangs up after so many answers: at once, or when it was asked. */
class HangsUp implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #serving: Promise<void>;
  readonly host: string;

  constructor(pair: { cert: string; key: string }, answers: number, early: boolean) {
    const [cert, key] = [pair.cert, pair.key].map((path) => Deno.readTextFileSync(path));
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: cert!, key: key! });
    this.host = `127.0.0.1:${this.#listener.addr.port}`;
    this.#serving = this.#serve(answers, early);
  }

  async #serve(answers: number, early: boolean): Promise<void> {
    for await (const conn of this.#listener) {
      try {
        await conn.handshake();
        if (!early || answers > 0) await conn.read(new Uint8Array(4096));
        if (answers-- > 0) {
          const text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
          await conn.write(new TextEncoder().encode(text));
        }
      } catch {
        // The client's doing.
      }
      conn.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving.catch(() => {});
  }
}

Deno.test("a connection that breaks after a client's certificate was shown names the certificate", async () => {
  await using scratch = await Scratch.make("shm");
  const authority = await Authority.make(scratch.join("own"));
  const [server, client] = [await authority.issue("registry"), await authority.issue("client")];
  const ca = [readCertificate(authority.cert)];
  const pair = [readClientCertificate(client.cert, client.key)];
  const ask = async (host: string, connection: Record<string, unknown>) => {
    const request = {
      method: "GET",
      url: `https://${host}/v2/`,
      headers: {},
      patience: { tries: 1 },
    } as const;
    const answer = await send({ ...request, connection }).catch((error: Error) => error.message);
    if (typeof answer === "string") return answer;
    await answer.body?.cancel();
    return answer.status;
  };
  for (const early of [true, false]) {
    for (const how of [{ ca }, { skipVerify: true }]) {
      await using rude = new HangsUp(server, 0, early);
      const blamed = await ask(rude.host, { ...how, client: pair });
      assert.match(
        String(blamed),
        new RegExp(`the server may have refused the client certificate ${client.cert}`),
      );
      assert.doesNotMatch(String(await ask(rude.host, how)), /certificate/, "there was none to refuse");
      // One that has taken it before breaks for other reasons.
      await using tired = new HangsUp(server, 1, early);
      assert.equal(await ask(tired.host, { ...how, client: pair }), 200);
      assert.doesNotMatch(String(await ask(tired.host, { ...how, client: pair })), /certificate/);
    }
  }

  await using longshore = await startLongshore({ where: "shm" });
  await using rude = new HangsUp(server, 0, false);
  const dir = scratch.join("certs.d");
  const pairs = `client = [["${client.cert}", "${client.key}"]]`;
  await writeHosts(dir, rude.host, `server = "https://${rude.host}"\nca = "${authority.cert}"\n${pairs}\n`);
  const tested = await longshore.ctr(["registry", "test", "--hosts-dir", dir, rude.host]);
  assert.match(tested.stdout, /it refuses the client certificate: is that of the authority that it trusts\?/);
});
