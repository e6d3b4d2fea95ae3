/** grpc.health.v1.Health: the daemon serves as long as it answers. */
import { HealthCheckResponse_ServingStatus, HealthDefinition } from "../api/grpc/health/v1/health.ts";
import { notFound } from "../errors.ts";
import { type Service, service } from "../rpc/service.ts";

/** `names`: the services that may be asked after; the empty name means the daemon. */
export function healthService(names: readonly string[]): Service {
  const known = (name: string) => name === "" || names.includes(name);
  const { SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
  return service(HealthDefinition, {
    check({ service: name }) {
      if (!known(name)) return Promise.reject(notFound(`unknown service ${name}`));
      return Promise.resolve({ status: SERVING });
    },
    async *watch({ service: name }, { signal }) {
      yield { status: known(name) ? SERVING : SERVICE_UNKNOWN };
      // A caller that left while the status was on its way has aborted already, and would not do so again.
      if (signal.aborted) return;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  });
}
