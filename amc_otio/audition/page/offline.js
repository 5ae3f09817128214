/**
 * The page's material from its own file, in elements that no browser runs; what is decided stays in this browser.
 *
 * Decisions are kept under the hash of their proposals, so that a copy of the file, or a newer one of the same
 * proposals, goes on where this one stopped. Where the browser keeps nothing, they are gone with the tab: `decisions.note`
 * says so.
 */
import { SourceError, matrixOf, segmentOf } from "./live.js";
import { adjusted } from "./meeting.js";
import { parse } from "./safetensors.js";

/** Bytes of decoded sound that are kept; the least recently used go first. */
const KEPT_BYTES = 192 * 1024 * 1024;
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
      this.#shrink();
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

  #shrink() {
    let bytes = 0;
    for (const entry of this.#segments.values()) bytes += entry.bytes;
    for (const [id, entry] of this.#segments) {
      if (bytes <= KEPT_BYTES) return;
      if (!entry.bytes) continue;
      bytes -= entry.bytes;
      this.#segments.delete(id);
    }
  }
}

/** The decisions: what came with the file, and over it what was decided in this browser. */
class Kept {
  #told;
  #file;
  #refusal;
  #key;
  #entries = new Map(); // the point's id -> {revision, decision}
  #revision = 0;
  #tellers = [];
  #ids;

  constructor(told, file, refusal) {
    this.#told = told;
    this.#file = file;
    this.#refusal = refusal;
    this.#key = `amc-otio decisions ${told.proposals_sha256}`;
    this.#ids = new Map(told.points.map((point) => [point.id, point.number]));
    this.path = "this browser";
    /** Why decisions would not outlast the tab; null where they do. */
    this.note = null;
    for (const decision of file.decisions) this.#set(decision);
    this.#read();
    addEventListener("storage", (event) => {
      // null: everything was cleared.
      if (event.key === this.#key && event.newValue !== null) this.#read();
    });
  }

  async get() {
    const made = {};
    for (const [id, entry] of this.#entries) if (!isEmpty(entry.decision)) made[id] = entry;
    return { revision: this.#revision, path: this.path, decisions: made };
  }

  async put(number, decision, seen) {
    if (this.#ids.get(decision.point) !== number) throw refused("it is of another edit point", "reload the page");
    this.#read();
    const now = this.#entries.get(decision.point);
    const known = now ? now.revision : 0;
    if (seen !== undefined && seen !== known && !(seen === 0 && isEmpty(now.decision))) {
      const answer = now ?? { revision: 0, decision: { ...NOTHING, point: decision.point } };
      throw new SourceError("conflict", { reason: "it was decided otherwise meanwhile" }, answer);
    }
    const refusal = this.#rival(number, decision) ?? this.#refusal(number, decision);
    if (refusal) throw new SourceError("refused", { thing: `decision on ${decision.point}`, ...refusal });
    const entry = this.#set({ ...NOTHING, ...decision });
    this.#store();
    return entry;
  }

  subscribe(tell) {
    this.#tellers.push(tell);
    return () => {
      this.#tellers = this.#tellers.filter((one) => one !== tell);
    };
  }

  /** All decisions as a decisions.json (amc_otio.proposals.decisions). */
  text() {
    const order = (decision) => this.#ids.get(decision.point) ?? Infinity;
    const decisions = [...this.#entries.values()].map((entry) => entry.decision).filter((one) => !isEmpty(one));
    decisions.sort((one, other) => order(one) - order(other));
    return `${JSON.stringify({ ...this.#file, decisions }, null, 2)}\n`;
  }

  /** Take over those of a decisions.json; all or, where one cannot be, none. */
  take(text) {
    let given;
    try {
      given = JSON.parse(text);
    } catch {
      throw refused("it is no decisions file", "choose a decisions.json");
    }
    const isOne = given?.format === this.#file.format && given.version === this.#file.version;
    if (!isOne || !Array.isArray(given.decisions)) throw refused("it is no decisions file", "choose a decisions.json");
    const ours = given.proposals_sha256 === this.#told.proposals_sha256;
    if (!ours) throw refused("its decisions belong to other proposals", "choose those that were made with this file");
    const decisions = given.decisions.map((one) => wellFormed(one, this.#ids));
    if (decisions.includes(null)) throw refused("the file is damaged", "ask for it again");
    this.#read();
    const together = new Map(this.#entries);
    for (const decision of decisions) together.set(decision.point, { decision });
    for (const decision of decisions) {
      const rival = this.#rival(this.#ids.get(decision.point), decision, together);
      if (rival) throw new SourceError("refused", { thing: `decision on ${decision.point}`, ...rival });
    }
    for (const decision of decisions) {
      const number = this.#ids.get(decision.point);
      this.#tell(number, this.#set(decision));
    }
    this.#store();
    return decisions.length;
  }

  // Two cuts that change the same shot cannot be in one timeline.
  #rival(number, decision, entries = this.#entries) {
    if (decision.state !== "chosen") return null;
    const point = this.#told.points.find((one) => one.number === number);
    for (const other of point?.excludes ?? []) {
      const id = this.#told.points.find((one) => one.number === other)?.id;
      if (entries.get(id)?.decision.state !== "chosen") continue;
      return {
        reason: `edit point ${other} is cut already and changes the same shot`,
        remedy: `clear edit point ${other} first`,
      };
    }
    return null;
  }

  #set(decision) {
    this.#revision += 1;
    const entry = { revision: this.#revision, decision };
    this.#entries.set(decision.point, entry);
    return entry;
  }

  // Another tab may have decided meanwhile.
  #read() {
    let held = null;
    try {
      held = JSON.parse(localStorage.getItem(this.#key));
    } catch {
      // Not to be read, or not what was written: what this tab holds is written anew.
    }
    if (!held || typeof held.decisions !== "object" || held.decisions === null) return;
    for (const [id, entry] of Object.entries(held.decisions)) {
      const decision = wellFormed(entry?.decision, this.#ids);
      const now = this.#entries.get(id);
      if (!decision || decision.point !== id || !Number.isSafeInteger(entry.revision)) continue;
      if (now && same(now.decision, decision)) {
        this.#revision = Math.max(this.#revision, (now.revision = entry.revision));
        continue;
      }
      this.#revision = Math.max(this.#revision, entry.revision);
      const made = { revision: entry.revision, decision };
      this.#entries.set(id, made);
      this.#tell(this.#ids.get(id), made);
    }
  }

  #store() {
    const value = { revision: this.#revision, decisions: Object.fromEntries(this.#entries) };
    try {
      localStorage.setItem(this.#key, JSON.stringify(value));
      this.path = "this browser";
      this.note = null;
    } catch {
      this.path = "this tab alone";
      this.note = "this browser keeps nothing for this page: download the decisions before the tab is closed";
    }
  }

  #tell(number, entry) {
    for (const tell of this.#tellers) tell({ kind: "decision", number, ...entry });
  }
}

const NOTHING = {
  point: "",
  state: "undecided",
  rank: null,
  nudge_frames: 0,
  fade_length: null,
  fade_law: null,
  method: null,
  note: "",
};

function same(one, other) {
  return Object.keys(NOTHING).every((key) => one[key] === other[key]);
}

function isEmpty(decision) {
  return same(decision, { ...NOTHING, point: decision.point });
}

// Storage and files come from outside: what is not a decision on one of these points is none.
function wellFormed(value, ids) {
  if (typeof value !== "object" || value === null || !ids.has(value.point)) return null;
  const isText = (key) => value[key] === null || typeof value[key] === "string";
  const chosen = value.state === "chosen";
  const rank = chosen ? Number.isSafeInteger(value.rank) && value.rank >= 1 : value.rank === null;
  const states = ["chosen", "kept", "rejected", "undecided"];
  const fits =
    states.includes(value.state) &&
    rank &&
    Number.isSafeInteger(value.nudge_frames) &&
    ["fade_length", "fade_law", "method"].every(isText) &&
    /^[0-9]{1,18}\/[1-9][0-9]{0,17}$/.test(value.fade_length ?? "0/1") &&
    typeof value.note === "string";
  return fits ? Object.fromEntries(Object.keys(NOTHING).map((key) => [key, value[key]])) : null;
}

function refused(reason, remedy) {
  return new SourceError("refused", { reason, remedy });
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
