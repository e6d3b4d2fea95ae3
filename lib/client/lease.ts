/** Leases: what holds resources against garbage collection while nothing else refers to them. */
import { LeasesDefinition, type Resource } from "../api/services/leases/v1/leases.ts";
import { Code, isError } from "../errors.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Services } from "./services.ts";

/** How long a lease lasts if its holder vanishes, in milliseconds. */
const day = 24 * 60 * 60 * 1000;

export interface LeaseOptions extends CallOptions {
  /** A random one unless said. */
  readonly id?: string;
  readonly labels?: Record<string, string>;
  /** Milliseconds until it lapses; a day unless said. */
  readonly expires?: number;
}

/** Makes a lease. */
export async function createLease(services: Services, options: LeaseOptions = {}): Promise<Lease> {
  const { id = "", labels = {}, expires = day, ...call } = options;
  const expire = { "containerd.io/gc.expire": new Date(Date.now() + expires).toISOString() };
  const { lease } = await services.stub(LeasesDefinition).create(
    { id, labels: { ...expire, ...labels } },
    call,
  );
  return new Lease(services, lease!.id);
}

/** A lease; pass its `id` as `lease` in the options of calls that make something. Disposing deletes it. */
export class Lease implements AsyncDisposable {
  readonly id: string;
  readonly #services: Services;

  constructor(services: Services, id: string) {
    this.#services = services;
    this.id = id;
  }

  async add(resource: Resource, options?: CallOptions): Promise<void> {
    await this.#services.stub(LeasesDefinition).addResource({ id: this.id, resource }, options);
  }

  async resources(options?: CallOptions): Promise<Resource[]> {
    return (await this.#services.stub(LeasesDefinition).listResources({ id: this.id }, options)).resources;
  }

  /** Deletes it; `sync` waits until what only it held is gone. */
  async delete({ sync = false, ...options }: CallOptions & { sync?: boolean } = {}): Promise<void> {
    await this.#services.stub(LeasesDefinition).delete({ id: this.id, sync }, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete().catch((error) => {
      if (!isError(error, Code.NotFound)) throw error;
    });
  }
}
