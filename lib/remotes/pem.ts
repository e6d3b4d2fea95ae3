/** Files with certificates and keys. */
import { invalidArgument, messageOf } from "../errors.ts";
import type { ClientCertificate, PemFile } from "./connection.ts";

const LARGEST = 4 * 1024 * 1024;

/** A file that must hold a certificate. Throws InvalidArgument, naming it. */
export function readCertificate(path: string): PemFile {
  return readPem(path, /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/, "certificate");
}

/** A client's certificate and its key, in one file if only one is named. Throws InvalidArgument, naming the file. */
export function readClientCertificate(cert: string, key = cert): ClientCertificate {
  return {
    cert: readCertificate(cert),
    key: readPem(key, /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, "private key"),
  };
}

function readPem(path: string, mark: RegExp, what: string): PemFile {
  let pem: string;
  try {
    const { size, isFile } = Deno.statSync(path);
    if (!isFile || size > LARGEST) throw new Error("is no file of certificates");
    pem = Deno.readTextFileSync(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "no such file" : messageOf(error);
    throw invalidArgument(`${what} ${path}: ${reason}`, { cause: error });
  }
  if (!mark.test(pem)) throw invalidArgument(`${what} ${path}: no ${what} in PEM form in it`);
  return { path, pem };
}
