/** What the two sides of a connection tell each other of themselves. Source: RFC 9113, 6.5. */
import { ConnectionError, defaultMaxFrame, ErrorCode, Flag, frame, FrameType, writeUint32 } from "./frame.ts";

const Setting = { InitialWindowSize: 4, MaxFrameSize: 5, MaxHeaderListSize: 6 } as const;

/** How many bytes either side has room for, of a stream and of all, unless it says otherwise. */
export const defaultWindow = 65535;
export const largestWindow = 2 ** 31 - 1;

/** What a peer takes. */
export interface PeerSettings {
  /** Bytes of each stream, until it says that it has room for more. */
  initialWindow: number;
  /** The longest payload of a frame. */
  maxFrame: number;
}

export const defaultPeer: Readonly<PeerSettings> = {
  initialWindow: defaultWindow,
  maxFrame: defaultMaxFrame,
};

/** Our own settings. */
export function settingsFrame({ window, headers }: { window: number; headers: number }): Uint8Array {
  const payload = new Uint8Array(12);
  payload[1] = Setting.InitialWindowSize;
  writeUint32(payload, 2, window);
  payload[7] = Setting.MaxHeaderListSize;
  writeUint32(payload, 8, headers);
  return frame(FrameType.Settings, 0, 0, payload);
}

export const settingsAck = frame(FrameType.Settings, Flag.Ack, 0);

/** A peer's settings after it has changed some. */
export function changed(before: Readonly<PeerSettings>, payload: Uint8Array): PeerSettings {
  if (payload.length % 6) throw new ConnectionError(ErrorCode.FrameSizeError, "settings of odd length");
  const settings = { ...before };
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  for (let at = 0; at < payload.length; at += 6) {
    const value = view.getUint32(at + 2);
    switch (view.getUint16(at)) {
      case Setting.InitialWindowSize:
        if (value > largestWindow) {
          throw new ConnectionError(ErrorCode.FlowControlError, "a window too large");
        }
        settings.initialWindow = value;
        break;
      case Setting.MaxFrameSize:
        if (value < defaultMaxFrame || value >= 1 << 24) {
          throw new ConnectionError(ErrorCode.ProtocolError, `frames of ${value} bytes`);
        }
        settings.maxFrame = value;
        break;
    }
  }
  return settings;
}
