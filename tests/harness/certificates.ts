/** Certificates of a test's own authority, made by openssl. */
import { must } from "./command.ts";

/** Files in PEM form. */
export interface Certificate {
  cert: string;
  key: string;
}

/** An authority that lives in a directory. */
export class Authority {
  /** Its own certificate. */
  readonly cert: string;
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.cert = `${dir}/ca.crt`;
  }

  static async make(dir: string): Promise<Authority> {
    await Deno.mkdir(dir, { recursive: true });
    const authority = new Authority(dir);
    const subject = ["-days", "2", "-subj", `/CN=${dir.split("/").at(-1)}`];
    await must("openssl", [
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      `${dir}/ca.key`,
      "-out",
      authority.cert,
      ...subject,
    ]);
    return authority;
  }

  /** A certificate for this machine's own names, good for servers and for clients. */
  async issue(name: string): Promise<Certificate> {
    const [key, cert, request, extensions] = ["key", "crt", "csr", "ext"].map((end) =>
      `${this.#dir}/${name}.${end}`
    );
    const names = "subjectAltName=DNS:localhost,DNS:registry.test,DNS:mirror.test,IP:127.0.0.1";
    await Deno.writeTextFile(extensions!, `${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    await must("openssl", ["req", ...newKey, "-keyout", key!, "-out", request!, "-subj", `/CN=${name}`]);
    await must("openssl", [
      ...["x509", "-req", "-in", request!, "-out", cert!, "-days", "2", "-extfile", extensions!],
      ...["-CA", this.cert, "-CAkey", `${this.#dir}/ca.key`, "-CAcreateserial"],
    ]);
    return { cert: cert!, key: key! };
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
