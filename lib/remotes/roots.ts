/** The authorities that this host trusts: what its administrator has added there holds for registries too. */

/** Where distributions have them, as Go's programs look for them. */
const places = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

let known: string | undefined;

/** Their certificates, as PEM; read once. Empty where there are none: then Deno's own have to do. */
export function hostRoots(): string {
  return known ??= read();
}

function read(): string {
  const named = Deno.env.get("SSL_CERT_FILE");
  for (const path of named ? [named] : places) {
    try {
      return Deno.readTextFileSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return "";
}
