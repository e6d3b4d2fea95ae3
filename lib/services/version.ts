/** containerd.services.version.v1.Version */
import { VersionDefinition } from "../api/services/version/v1/version.ts";
import { type Service, service } from "../rpc/service.ts";
import { revision, version } from "../version.ts";

export function versionService(): Service {
  return service(VersionDefinition, { version: () => Promise.resolve({ version, revision }) });
}
