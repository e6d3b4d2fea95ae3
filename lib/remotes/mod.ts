/** Registries: references, hosts, credentials, manifests and blobs. Source: OCI distribution spec 1.1. */
export { Authorizer, type Credentials, type CredentialsFor } from "./authorizer.ts";
export { type BlobRequest, type BlobSource, openBlob } from "./blob.ts";
export { type Challenge, parseChallenges } from "./challenge.ts";
export { type ClientCertificate, type Connection, type PemFile, wantsTls } from "./connection.ts";
export { baseUrl, type Capability, defaultHosts, type HostsFor, type RegistryHost } from "./hosts.ts";
export { findHosts, type FoundHosts, hostsFromDirs } from "./hosts_dir.ts";
export type { HttpLog } from "./http_log.ts";
export type { Sender } from "./exchange.ts";
export { type Answer, delay, type HttpRequest, type Patience, readBody, send } from "./http.ts";
export {
  type DockerConfig,
  dockerConfigPath,
  findCredentials,
  type FoundCredentials,
  readDockerConfig,
} from "./docker_config.ts";
export { removeLogin, saveLogin } from "./docker_login.ts";
export { examineHosts, type ExamineOptions, type Ping, ping } from "./examine.ts";
export { readCertificate, readClientCertificate } from "./pem.ts";
export { outgoingFile } from "./outgoing.ts";
export { registryReport } from "./report.ts";
export { type BlobPush, type Pushed, Pusher } from "./pusher.ts";
export { formatReference, normalizeReference, parseReference, type Reference } from "./reference.ts";
export { isSchema1Type, LARGEST_MANIFEST, Remote, type RemoteOptions, type Target } from "./remote.ts";
export type { BlobBytes, UploadOptions } from "./upload.ts";
