/**
 * What is decided on a page without a server: it stays in this browser, and goes in and out as a decisions.json.
 *
 * Decisions are kept under the hash of their proposals, so that a copy of the file, or a newer one of the same
 * proposals, goes on where this one stopped. Where the browser keeps nothing, they are gone with the tab: `Kept.note`
 * says so.
 */
import { SourceError } from "./live.js";
import { fraction } from "./rational.js";

/** The decisions: what came with the file, and over it what was decided in this browser. */
export class Kept {
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
    const decisions = given.decisions.map((one) => wellFormed(one, this.#ids, this.#told));
    const twice = new Set(decisions.map((one) => one?.point)).size < decisions.length;
    if (twice || decisions.includes(null)) throw refused("the file is damaged", "ask for it again");
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
      const decision = wellFormed(entry?.decision, this.#ids, this.#told);
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

/** What the format of the file allows at most (amc_otio.proposals.decisions). */
const LONGEST_FADE_S = 10n;
const MOST_FRAMES = 10_000;
const LONGEST_NOTE = 10_000;

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
function wellFormed(value, ids, { laws, methods }) {
  if (typeof value !== "object" || value === null || !ids.has(value.point)) return null;
  const chosen = value.state === "chosen";
  const rank = chosen ? Number.isSafeInteger(value.rank) && value.rank >= 1 : value.rank === null;
  const states = ["chosen", "kept", "rejected", "undecided"];
  const fits =
    states.includes(value.state) &&
    rank &&
    Number.isSafeInteger(value.nudge_frames) &&
    Math.abs(value.nudge_frames) <= MOST_FRAMES &&
    isFade(value.fade_length) &&
    (value.fade_law === null || laws.includes(value.fade_law)) &&
    (value.method === null || methods.includes(value.method)) &&
    typeof value.note === "string" &&
    [...value.note].length <= LONGEST_NOTE;
  return fits ? Object.fromEntries(Object.keys(NOTHING).map((key) => [key, value[key]])) : null;
}

function isFade(length) {
  if (length === null) return true;
  if (typeof length !== "string" || !/^[0-9]{1,18}\/[1-9][0-9]{0,17}$/.test(length)) return false;
  const { n, d } = fraction(length);
  return n <= LONGEST_FADE_S * d;
}

/** What is not done, in words. */
export function refused(reason, remedy) {
  return new SourceError("refused", { reason, remedy });
}
