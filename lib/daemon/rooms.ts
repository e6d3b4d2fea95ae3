/** The wiring: every room is opened here, given what it needs, and closed in reverse order. */
import { BlobStore } from "../content/mod.ts";
import { messageOf } from "../errors.ts";
import { createExchange } from "../events/mod.ts";
import {
  ContainerStore,
  ContentStore,
  Database,
  GarbageCollector,
  Housekeeping,
  ImageStore,
  LeaseStore,
  NamespaceStore,
  SandboxStore,
  SnapshotStore,
} from "../metadata/mod.ts";
import { MountManager } from "../mounts/mod.ts";
import type { Service } from "../rpc/service.ts";
import { logLabel } from "../labels.ts";
import { Restarter, runtimeInfo, TaskManager } from "../runtime/mod.ts";
import {
  containersService,
  contentService,
  diffService,
  eventsService,
  execsService,
  healthService,
  imagesService,
  introspectionService,
  launchService,
  leasesService,
  maintenanceService,
  mountsService,
  namespacesService,
  sandboxStoreService,
  snapshotsService,
  streamingService,
  Streams,
  tasksService,
  transferService,
  ttrpcEventsService,
  versionService,
} from "../services/mod.ts";
import { CheckpointPacker, LayerWorkers, schema1Switch, Transfer } from "../transfer/mod.ts";
import type { Config } from "./config.ts";
import { identify } from "./identity.ts";
import type { Log } from "./log.ts";
import { removeLogs } from "./logs.ts";
import type { MetricsSource } from "./metrics.ts";
import { openSnapshotters } from "./snapshotters.ts";
import { discardsLayers, gcOptions, registryDirs, sharingPolicy } from "./plugin_config.ts";

/** The opened rooms, as the API sees them. */
export interface Rooms extends AsyncDisposable, MetricsSource {
  readonly services: Service[];
  /** Lets go of the shim. It tells its last events to our socket, so this comes before the sockets close. */
  release(): Promise<void>;
}

/** Opens all rooms of a daemon, whose root and state directories are there and locked. */
export async function openRooms(config: Config, log: Log): Promise<Rooms> {
  await using stack = new AsyncDisposableStack();
  const exchange = createExchange();
  const db = stack.adopt(await Database.open(`${config.root}/metadata.kv`), (db) => db.close());
  const blobs = await BlobStore.open(`${config.root}/content`);
  const snapshotters = stack.use(await openSnapshotters(config));

  const namespaces = new NamespaceStore(db, exchange);
  const images = new ImageStore(db, exchange);
  const containers = new ContainerStore(db, exchange);
  const leases = new LeaseStore(db);
  const content = new ContentStore(db, blobs, exchange, { policy: sharingPolicy(config.plugins) });
  const snapshots = new SnapshotStore(db, snapshotters.opened, exchange);
  const mounts = await MountManager.open(db, { root: `${config.state}/mounts`, places: [config.root] });
  const collector = stack.adopt(
    new GarbageCollector(db, [content, mounts, snapshots], {
      ...gcOptions(config.plugins),
      publisher: exchange,
      onError: (error) => log("error", "garbage collection failed", { error: messageOf(error) }),
    }),
    (collector) => collector.close(),
  );
  const housekeeping = new Housekeeping(db, { content, snapshots, images, collector });
  const workers = stack.use(new LayerWorkers());
  const streams = new Streams();
  const transfer = stack.use(
    new Transfer(
      { content, snapshots, images, leases, workers, collect: () => collector.run() },
      {
        discardUnpackedLayers: discardsLayers(config.plugins),
        schema1: /^(1|true)$/i.test(Deno.env.get(schema1Switch) ?? ""),
        registryDirs: registryDirs(config.plugins),
      },
    ),
  );
  const tasks = new TaskManager({
    state: config.state,
    address: `${config.address}.ttrpc`,
    containers,
    publisher: exchange,
    checkpoints: new CheckpointPacker(content, workers),
  });
  let released: Promise<void> | undefined;
  const release = () => released ??= tasks[Symbol.asyncDispose]();
  stack.defer(release);
  await tasks.restore();
  // The first container should not wait for the shim's start; that it fails is told when somebody needs it.
  tasks.ready().catch((error) => log("warn", "the shim did not start", { error: error.message }));

  const restarter = stack.use(
    new Restarter({
      tasks,
      containers,
      events: exchange,
      namespaces: () => namespaces.list().map(({ name }) => name),
      mounts: (scope, snapshotter, key) => snapshots.mounts(scope, snapshotter, key),
      logOf: ({ labels }) => labels[logLabel] ?? "",
      onError: (what, error) => log("error", what, { error: messageOf(error) }),
    }),
  );
  const identity = await identify(config, snapshotters);
  const services = [
    containersService(containers, (scope, id) => removeLogs(config.root, scope, id)),
    contentService(content, () => collector.schedule()),
    diffService(content, workers),
    eventsService(exchange),
    execsService({ tasks, containers }),
    imagesService(images, collector),
    introspectionService(identity, runtimeInfo),
    launchService({ images, content, snapshots, leases }),
    leasesService(leases, collector),
    maintenanceService(transfer, housekeeping, collector, registryDirs(config.plugins)),
    mountsService(mounts),
    namespacesService(namespaces),
    sandboxStoreService(new SandboxStore(db)),
    snapshotsService(snapshots),
    streamingService(streams),
    tasksService(tasks),
    transferService(transfer, streams),
    ttrpcEventsService(exchange),
    versionService(),
  ];
  services.push(healthService(services.map(({ definition }) => definition.fullName)));
  restarter.start();
  const owned = stack.move();
  return {
    services,
    release,
    usage: () => usageOf(tasks, containers),
    collections: () => collector.totals,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Milliseconds that a shim has to tell what its task uses. */
const patience = 2000;

async function usageOf(tasks: TaskManager, containers: ContainerStore): ReturnType<MetricsSource["usage"]> {
  const found = await tasks.stats(() => true, { timeout: patience });
  return found.flatMap((stats) => {
    const { namespace, id } = stats;
    try {
      return [{ ...stats, runtime: containers.get({ namespace, lease: "" }, id).runtime?.name ?? "" }];
    } catch {
      // Its container has gone meanwhile.
      return [];
    }
  });
}
