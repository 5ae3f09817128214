/** The page's material from its own file, in elements that no browser runs; decisions are kept.js's. */
import { Kept, refused } from "./kept.js";
import { KEPT_BYTES, matrixOf, segmentOf, shrink } from "./live.js";
import { adjusted } from "./meeting.js";
import { parse } from "./safetensors.js";

const RATE = 48000;
const IMPORTED_BYTES = 64 * 1024 * 1024;

export class OfflineSource {
  #told = json("amc-told");
  #joins = json("amc-joins");
  #segments = new Map(); // id -> {promise, bytes}
  #videos = new Map();
  #kept;

  constructor() {
    this.live = false;
    this.write = null;
    this.#kept = new Kept(this.#told, json("amc-decisions"), (number, decision) => this.#refusal(number, decision));
    this.decisions = this.#kept;
  }

  async told() {
    return this.#told;
  }

  /** Sound and mel spectrogram of a segment; decoded once while it is kept. */
  segment(id) {
    const kept = this.#segments.get(id);
    if (kept) {
      this.#segments.delete(id);
      this.#segments.set(id, kept);
      return kept.promise;
    }
    const entry = { bytes: 0, promise: null };
    entry.promise = decoded(id).then((segment) => {
      entry.bytes = segment.channels.length * segment.channels[0].byteLength;
      shrink(this.#segments, KEPT_BYTES);
      return segment;
    });
    entry.promise.catch(() => this.#segments.delete(id));
    this.#segments.set(id, entry);
    return entry.promise;
  }

  /** Whether a segment's sound is decoded or on its way. */
  has(id) {
    return this.#segments.has(id);
  }

  async matrix(number, rank) {
    return matrixOf(parse(needed(`amc-matrix-${number}/${rank}`, "its matrix").buffer));
  }

  /** The joins by every method; by its own alone where no other could be found when the file was made. */
  async joins(number, rank) {
    const meeting = this.#take(number, rank)?.meeting;
    return this.#joins[`${number}/${rank}`] ?? (meeting ? { [meeting.method]: meeting } : {});
  }

  async frameUrl(id) {
    const text = textOf(`amc-frame-${id}`);
    return text === null ? null : `data:image/jpeg;base64,${text}`;
  }

  /** The address of a video; from a blob, in which a browser can seek. */
  async videoUrl(segment) {
    if (!this.#videos.has(segment)) {
      const bytes = bytesOf(`amc-video-${segment}`);
      const type = document.getElementById(`amc-video-${segment}`)?.dataset.type;
      this.#videos.set(segment, bytes && URL.createObjectURL(new Blob([bytes], { type })));
    }
    return this.#videos.get(segment);
  }

  active() {}

  async end() {}

  /**
   * Give the decisions to the browser as a file to save.
   * @returns {{name: string, text: string}} what is in it
   */
  download() {
    const made = { name: `${fileName(this.#told.name)}.decisions.json`, text: this.#kept.text() };
    const url = URL.createObjectURL(new Blob([made.text], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = made.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    return made;
  }

  /**
   * Take over decisions from a decisions.json.
   * @param {Blob} file
   * @returns {Promise<number>} of how many edit points
   */
  async upload(file) {
    if (file.size > IMPORTED_BYTES) throw refused("the file is too large", "choose a decisions.json");
    return this.#kept.take(await file.text());
  }

  #take(number, rank) {
    const point = this.#told.points.find((one) => one.number === number);
    return point?.takes.find((one) => one.rank === rank) ?? null;
  }

  // What `apply` would refuse is refused here, as a server would; a candidate that is not in this file stays as it is.
  #refusal(number, decision) {
    if (decision.state !== "chosen") return null;
    const take = this.#take(number, decision.rank);
    if (!take) return { reason: "this file has no such candidate", remedy: "choose one that is listed" };
    let { meeting } = take;
    if (decision.method !== null && decision.method !== meeting.method) {
      meeting = this.#joins[`${number}/${decision.rank}`]?.[decision.method];
      if (!meeting || meeting.refusal) {
        return { reason: meeting?.refusal ?? "that method's join is not in this file", remedy: "leave the method" };
      }
    }
    return adjusted(meeting, decision, this.#told.rate, this.#told).refusal ?? null;
  }
}

async function decoded(id) {
  const { metadata, tensors } = parse(needed(`amc-segment-${id}`, `the sound ${id}`).buffer);
  const count = Number(metadata.count);
  const channels = Number(metadata.channels);
  // A context of the file's own rate, so that nothing is resampled.
  const context = new OfflineAudioContext(channels, count, RATE);
  const buffer = await context.decodeAudioData(new Uint8Array(tensors.flac).buffer);
  if (buffer.length !== count || buffer.numberOfChannels !== channels) {
    throw refused(`the browser decoded ${buffer.length} of ${count} samples`, "open the file in another browser");
  }
  const samples = new Float32Array(channels * count);
  samples.shape = [channels, count];
  for (let c = 0; c < channels; c += 1) buffer.copyFromChannel(samples.subarray(c * count, (c + 1) * count), c);
  return segmentOf({ metadata, tensors: { ...tensors, samples } });
}

function json(id) {
  return JSON.parse(textOf(id));
}

function textOf(id) {
  return document.getElementById(id)?.textContent ?? null;
}

function bytesOf(id) {
  const text = textOf(id);
  if (text === null) return null;
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const coded = atob(text);
  const bytes = new Uint8Array(coded.length);
  for (let i = 0; i < coded.length; i += 1) bytes[i] = coded.charCodeAt(i);
  return bytes;
}

function needed(id, what) {
  const bytes = bytesOf(id);
  if (!bytes) throw refused(`this file does not hold ${what}`, "export again with a larger --top");
  return bytes;
}

// A name that every system can save.
function fileName(name) {
  const made = name.replace(/[^\p{L}\p{N} ._-]+/gu, "_").replace(/^[ .]+/, "").slice(0, 80).trim();
  return made || "amc-otio";
}
