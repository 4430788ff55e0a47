// Inputs of sound tasks: samples in hand, WAV files and their bytes → samples at the rate that the model hears.
// Knows no models, reads no compressed formats and resamples nothing.
import { readFile } from "node:fs/promises";
import { kindOf } from "../src/arguments.ts";
import { AbrazoError } from "../src/errors.ts";

/** A sound in hand: one channel, -1 to 1. */
export interface Sound {
  audio: Float32Array;
  /** Samples a second. */
  samplingRate: number;
}

/**
 * One sound: samples at the model's rate, samples with their rate, or a WAV file by its path or its bytes, whose channels are averaged.
 */
export type AudioInput = Float32Array | Float64Array | Sound | string | Blob | Uint8Array;

/** The samples of a sound. `name` is what errors call it. */
export async function samplesOf(input: unknown, wantedRate: number, name: string): Promise<Float32Array> {
  const { audio, samplingRate = wantedRate } = await soundOf(input, name);
  if (samplingRate !== wantedRate) throw otherRate(name, samplingRate, wantedRate);
  if (audio.length === 0) throw badAudio(`${name} has no samples`, "Leave it out.");
  const wrong = audio.findIndex((sample) => !Number.isFinite(sample));
  if (wrong >= 0) throw badAudio(`${name} has ${audio[wrong]} at sample ${wrong}`, "Samples are numbers from -1 to 1.");
  return audio;
}

async function soundOf(input: unknown, name: string): Promise<{ audio: Float32Array; samplingRate?: number }> {
  if (input instanceof Float32Array) return { audio: input };
  if (input instanceof Float64Array) return { audio: Float32Array.from(input) };
  if (typeof input === "string") return wavOf(await fileOf(input, name), `${name}, ${input}`);
  if (input instanceof Blob) return wavOf(new Uint8Array(await input.arrayBuffer()), name);
  if (input instanceof Uint8Array) return wavOf(input, name);
  if (isSound(input)) return input;
  throw badAudio(
    `${name} is no sound but ${kindOf(input)}`,
    "A sound is a Float32Array, { audio: a Float32Array, samplingRate }, or a WAV file by its path or its bytes.",
  );
}

function isSound(input: unknown): input is Sound {
  if (typeof input !== "object" || input === null || !("audio" in input && "samplingRate" in input)) return false;
  return input.audio instanceof Float32Array && typeof input.samplingRate === "number" && input.samplingRate > 0;
}

async function fileOf(path: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const hint = /^[a-z][a-z0-9+.-]+:\/\//i.test(path)
      ? "Sounds are not fetched: get it with fetch() and give its bytes."
      : "Give the path of a WAV file.";
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new AbrazoError({ code: "AUDIO_UNREADABLE", message: `${name}: ${message}`, hint, data: { path }, cause });
  }
}

const badAudio = (message: string, hint: string): AbrazoError =>
  new AbrazoError({ code: "INVALID_INPUT", message, hint });

function otherRate(name: string, given: number, wanted: number): AbrazoError {
  return new AbrazoError({
    code: "SAMPLING_RATE",
    message: `${name} has ${given} samples a second; the model hears ${wanted}.`,
    hint: `Resample it first, e.g. ffmpeg -i speech.wav -ac 1 -ar ${wanted} resampled.wav.`,
    data: { given, wanted },
  });
}

// RIFF/WAVE: "RIFF" size "WAVE", then chunks of a name of four letters, a size and a content padded to an even length.
//   "fmt "  u16 format (1 whole numbers, 3 floats, 0xfffe: the format begins at byte 24), u16 channels, u32 rate, 6 bytes, u16 bits
//   "data"  samples, those of all channels of one moment together

/** How samples of a format and width become numbers from -1 to 1. */
const SAMPLES: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  "1/8": (view, at) => (view.getUint8(at) - 128) / 128,
  "1/16": (view, at) => view.getInt16(at, true) / 2 ** 15,
  "1/24": (view, at) => (view.getInt8(at + 2) * 2 ** 16 + view.getUint16(at, true)) / 2 ** 23,
  "1/32": (view, at) => view.getInt32(at, true) / 2 ** 31,
  "3/32": (view, at) => view.getFloat32(at, true),
  "3/64": (view, at) => view.getFloat64(at, true),
};

interface Format {
  read(view: DataView, at: number): number;
  channels: number;
  bytes: number;
  samplingRate: number;
}

function wavOf(file: Uint8Array, name: string): Sound {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 12 || tag(file, 0) !== "RIFF" || tag(file, 8) !== "WAVE") throw noWav(name, "it is none");
  let format: Format | undefined;
  for (let at = 12; at + 8 <= file.length; ) {
    const [kind, size] = [tag(file, at), view.getUint32(at + 4, true)];
    const length = Math.min(size, file.length - at - 8);
    if (kind === "fmt ") format = formatOf(view, at + 8, length, name);
    // Written while it is recorded, a file may not know its length: the data goes to its end.
    if (kind === "data" && format !== undefined) return mixed(view, at + 8, length, format);
    at += 8 + size + (size % 2);
  }
  throw noWav(name, format === undefined ? "it does not say how its samples are written" : "it has no samples");
}

const tag = (file: Uint8Array, at: number): string => String.fromCharCode(...file.subarray(at, at + 4));

function formatOf(view: DataView, at: number, length: number, name: string): Format {
  if (length < 16) throw noWav(name, "it does not say how its samples are written");
  const first = view.getUint16(at, true);
  const kind = first === 0xfffe && length >= 26 ? view.getUint16(at + 24, true) : first;
  const [channels, samplingRate, bits] = [
    view.getUint16(at + 2, true),
    view.getUint32(at + 4, true),
    view.getUint16(at + 14, true),
  ];
  const read = SAMPLES[`${kind}/${bits}`];
  if (read === undefined || channels === 0)
    throw noWav(name, `format ${kind} with ${bits} bits in ${channels} channels is not read`);
  return { read, channels, samplingRate, bytes: bits / 8 };
}

/** The channels' mean. */
function mixed(view: DataView, start: number, length: number, { read, channels, bytes, samplingRate }: Format): Sound {
  const audio = new Float32Array(Math.floor(length / (channels * bytes)));
  for (let at = 0; at < audio.length; at++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += read(view, start + (at * channels + channel) * bytes);
    audio[at] = sum / channels;
  }
  return { audio, samplingRate };
}

function noWav(name: string, reason: string): AbrazoError {
  return new AbrazoError({
    code: "AUDIO_UNREADABLE",
    message: `${name} is not read as a WAV file: ${reason}.`,
    hint: "Other formats are decoded elsewhere, e.g. ffmpeg -i speech.mp3 -ac 1 -ar 16000 speech.wav.",
    data: { reason },
  });
}
