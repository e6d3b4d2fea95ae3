/** What daemon and gRPC gateway have agreed on; apart from the gateway, which the daemon must not load. */

/** The longest message between daemon and gateway: gRPC's 16 MiB and the envelope around them. */
export const gatewayLimit = (16 << 20) + (64 << 10);
/** The gateway's descriptor of the socket that clients connect to. */
export const listenerFd = 3;

/** Services of shims, which daemons do not serve. */
export const ofShims = /^containerd\.(task|runtime)\./;
