/** The page's material from the server that sent it: requests, kept answers, events. */
import { Addresses, Gate, Lane } from "./lane.js";
import { parse } from "./safetensors.js";

/** Bytes of sound that are kept; the least recently used go first. */
export const KEPT_BYTES = 192 * 1024 * 1024;
const BUSY_TRIES = 4;
const FRAMES_AT_ONCE = 2;
const VIDEOS_AT_ONCE = 1;
/** After so many tries without an answer the events are given up: each more would only be an error on the console. */
const LOST_TRIES = 2;
const KEPT_FRAMES = 1000;
const KEPT_VIDEOS = 32;

/** Answers that will not be others when the same is asked again. */
const FOR_GOOD = [404, 413, 415, 422];
/** Pauses before events that were refused are asked for again. */
const FIRST_PAUSE_S = 2;
const LONGEST_PAUSE_S = 30;

/** What the server would not do, in its words. `kind`: "refused", "conflict"; not now: "unreachable", "busy", "unwilling". */
export class SourceError extends Error {
  /**
   * @param {string} kind
   * @param {{thing?: string, reason?: string, remedy?: string}} words
   * @param {object} [answer] the rest of what the server said
   */
  constructor(kind, words, answer = {}) {
    super(inWords(words));
    this.name = "SourceError";
    this.kind = kind;
    this.words = words;
    this.answer = answer;
  }
}

/** An error's three parts as one sentence. */
export function inWords({ thing = "", reason = "", remedy = "" }) {
  const said = [thing, reason].filter(Boolean).join(": ");
  return remedy ? `${said}; ${remedy}` : said;
}

let ended = false; // a server that has ended is asked nothing more

const UNREACHABLE = {
  thing: "",
  reason: "the server does not answer",
  remedy: "run amc-otio audition again",
};

const ANOTHER = {
  thing: "",
  reason: "the server was started anew",
  remedy: "open the address that it printed",
};

/**
 * A segment as the page uses it, from its tensors.
 * @param {{metadata: Record<string, string>, tensors: Record<string, any>}} parsed
 */
export function segmentOf({ metadata, tensors }) {
  const samples = tensors.samples;
  const [count, length] = samples.shape;
  const channels = Array.from({ length: count }, (_, c) => samples.subarray(c * length, (c + 1) * length));
  return {
    first: Number(metadata.first),
    rate: Number(metadata.rate),
    melHop: Number(metadata.mel_hop ?? 1024),
    channels,
    mel: tensors.mel ? { data: tensors.mel, shape: tensors.mel.shape } : null,
  };
}

/** @param {{metadata: Record<string, string>, tensors: Record<string, any>}} parsed */
export function matrixOf({ metadata, tensors }) {
  const best = (metadata.best ?? "").split(",").map(Number);
  return {
    data: tensors.matrix,
    shape: tensors.matrix.shape,
    outFirst: Number(metadata.out_first),
    inFirst: Number(metadata.in_first),
    hop: Number(metadata.hop ?? 1024),
    best: best.length === 2 ? best : null,
    scale: metadata.scale ?? "",
  };
}

export class LiveSource {
  #segments = new Map(); // id -> {promise, bytes}
  #matrices = new Map();
  #joins = new Map();
  #listenAgain = () => {};
  #sound = new Gate();
  #frames = { lane: new Lane(FRAMES_AT_ONCE, this.#sound), kept: new Addresses(KEPT_FRAMES) };
  #videos = { lane: new Lane(VIDEOS_AT_ONCE, this.#sound), kept: new Addresses(KEPT_VIDEOS) };

  constructor() {
    this.live = true;
    this.decisions = {
      path: "",
      get: async () => {
        const answer = await (await ask("api/decisions")).json();
        this.decisions.path = answer.path;
        return answer;
      },
      put: async (number, decision, seen) => {
        const answer = await ask(`api/decisions/${number}`, {
          method: "PUT",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ seen, decision }),
          keepalive: true,
        });
        this.#listenAgain();
        return answer.json();
      },
      subscribe: (tell) => this.#listen(tell),
    };
    this.write = {
      formats: async () => (await ask("api/formats")).json(),
      format: async (suffix, signal) =>
        (await ask(`api/formats/${encodeURIComponent(suffix.replace(/^\./, ""))}`, { signal })).json(),
      write: async (wanted) => (await post("api/timeline", wanted)).json(),
      folder: async () => (await post("api/folder", {})).json(),
    };
  }

  async told() {
    return (await ask("api/audition")).json();
  }

  /**
   * Sound and mel spectrogram of a segment; asked for once while it is kept.
   * @param {string} id
   * @param {{later?: boolean}} [how] `later`: nobody waits for it yet; else pictures wait for it
   */
  segment(id, { later = false } = {}) {
    const promise = this.#segment(id);
    return later ? promise : this.#sound.close(promise);
  }

  #segment(id) {
    const kept = this.#segments.get(id);
    if (kept) {
      this.#segments.delete(id);
      this.#segments.set(id, kept);
      return kept.promise;
    }
    const entry = { bytes: 0, promise: null };
    entry.promise = ask(`api/segments/${encodeURIComponent(id)}`)
      .then((answer) => answer.arrayBuffer())
      .then((buffer) => {
        entry.bytes = buffer.byteLength;
        shrink(this.#segments, KEPT_BYTES);
        return segmentOf(parse(buffer));
      });
    entry.promise.catch(() => this.#segments.delete(id));
    this.#segments.set(id, entry);
    return entry.promise;
  }

  /** Whether a segment's sound is here or on its way. */
  has(id) {
    return this.#segments.has(id);
  }

  matrix(number, rank) {
    return once(this.#matrices, `${number}/${rank}`, async () =>
      matrixOf(parse(await (await ask(`api/matrices/${number}/${rank}`)).arrayBuffer())),
    );
  }

  joins(number, rank) {
    return once(this.#joins, `${number}/${rank}`, async () => (await ask(`api/joins/${number}/${rank}`)).json());
  }

  /** The address of a frame's picture; `signal` takes the question back. */
  frameUrl(id, signal) {
    return this.#address(this.#frames, id, `api/frames/${encodeURIComponent(id)}`, signal);
  }

  /** The address of a segment's video, whole: so that it holds no connection while it plays. */
  videoUrl(segment, signal) {
    return this.#address(this.#videos, segment, `api/videos/${encodeURIComponent(segment)}`, signal);
  }

  async #address({ lane, kept }, id, address, signal) {
    const blob = () => ask(address, { signal }).then((answer) => answer.blob());
    return kept.get(id) ?? lane.run(async () => kept.get(id) ?? kept.keep(id, await blob()), signal);
  }

  active() {
    post("api/active", {}).catch(() => {});
  }

  async end() {
    await post("api/end", {});
  }

  #listen(tell) {
    let tries = 0;
    let events = null;
    let pause = FIRST_PAUSE_S;
    let timer = 0;
    const open = () => {
      events = new EventSource("api/events");
      events.addEventListener("decision", (event) => tell({ kind: "decision", ...JSON.parse(event.data) }));
      events.addEventListener("end", (event) => {
        ended = true;
        close();
        tell({ kind: "end", ...JSON.parse(event.data) });
      });
      events.addEventListener("error", () => {
        tries += 1;
        if (events.readyState === EventSource.CLOSED) {
          // Answered, but refused: the browser does not ask again.
          clearTimeout(timer);
          timer = setTimeout(open, 1000 * pause);
          pause = Math.min(2 * pause, LONGEST_PAUSE_S);
          return;
        }
        if (tries < LOST_TRIES) return;
        close();
        this.#listenAgain = () => {
          this.#listenAgain = () => {};
          open();
        };
        tell({ kind: "lost" });
      });
      events.addEventListener("open", () => {
        // What was decided elsewhere while nothing was heard is read anew.
        if (tries) tell({ kind: "again" });
        tries = 0;
        pause = FIRST_PAUSE_S;
      });
    };
    const close = () => {
      clearTimeout(timer);
      events.close();
    };
    open();
    addEventListener("pagehide", close);
    return close;
  }
}

/** Forget the segments used longest ago until the rest fits; one that is still loading has no bytes and stays. */
export function shrink(segments, most) {
  let bytes = 0;
  for (const entry of segments.values()) bytes += entry.bytes;
  for (const [id, entry] of segments) {
    if (bytes <= most) return;
    if (!entry.bytes) continue;
    bytes -= entry.bytes;
    segments.delete(id);
  }
}

function once(kept, key, make) {
  if (!kept.has(key)) {
    const made = make();
    made.catch(() => kept.delete(key));
    kept.set(key, made);
  }
  return kept.get(key);
}

function post(address, body) {
  return ask(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Ask the server; a server that is busy is asked again. */
async function ask(address, options = {}) {
  for (let tries = 1; ; tries += 1) {
    if (ended) throw new SourceError("unreachable", UNREACHABLE);
    let answer;
    try {
      answer = await fetch(address, { credentials: "same-origin", ...options });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new SourceError("unreachable", UNREACHABLE);
    }
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    const words = said.error ?? { thing: "", reason: `the server answered ${answer.status}`, remedy: "try again" };
    const busy = answer.status === 429 || answer.status === 503;
    if (busy && tries < BUSY_TRIES) {
      const wait = Number(answer.headers.get("Retry-After")) || 1;
      await new Promise((done) => setTimeout(done, 1000 * Math.min(wait, 5)));
      options.signal?.throwIfAborted();
      continue;
    }
    if (answer.status === 403) throw new SourceError("unwilling", ANOTHER, said);
    const kept = FOR_GOOD.includes(answer.status) ? "refused" : "unwilling";
    const kind = answer.status === 409 ? "conflict" : busy ? "busy" : kept;
    throw new SourceError(kind, typeof words === "string" ? { reason: words } : words, said);
  }
}
