/** What the editor changes at a join: the controls, what can be carried out, and what is kept of it. */
import { adjusted, limits } from "./meeting.js";
import { RATE } from "./rational.js";

/** A join as it was proposed. */
export const AS_PROPOSED = Object.freeze({ nudge_frames: 0, fade_length: null, fade_law: null, method: null });

const METHOD_NAMES = {
  fitted: "Fitted (ours)",
  paper: "Paper, as printed",
  "max-ss-adaptive": "Max-SS, adaptive fade",
  "max-ss": "Max-SS, plain cut",
  crossfade: "Fixed crossfade",
  concatenate: "Plain cut at the edit",
};
const LAW_NAMES = { "equal-power": "Equal power", "equal-gain": "Equal gain" };

/** A method's name for the eye. */
export const methodName = (method) => METHOD_NAMES[method] ?? method;
/** A law's name for the eye. */
export const lawName = (law) => LAW_NAMES[law] ?? law;

/** The four adjustments of a decision, or of anything that holds them. */
export function adjustmentsOf({ nudge_frames, fade_length, fade_law, method }) {
  return { nudge_frames, fade_length, fade_law, method };
}

/** Whether a join is as it was proposed. */
export function isAsProposed(adjustments) {
  return Object.entries(AS_PROPOSED).every(([key, value]) => adjustments[key] === value);
}

/** A fade of so many milliseconds as a decision holds it. */
export function fadeOf(milliseconds) {
  return `${Math.round((milliseconds * RATE) / 1000)}/${RATE}`;
}

/** Milliseconds of a meeting's fade. */
export function fadeMs(meeting) {
  return (1000 * (meeting.fade_before + meeting.fade_after)) / RATE;
}

/** Adjustments of candidates that are not accepted, in the session's storage. */
export class Drafts {
  #key;
  #drafts;

  /** @param {string} key one for each proposals file */
  constructor(key) {
    this.#key = key;
    this.#drafts = {};
    try {
      const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}");
      if (kept && typeof kept === "object") this.#drafts = kept;
    } catch {
      // Nothing was kept.
    }
  }

  of(number, rank) {
    return { ...AS_PROPOSED, ...this.#drafts[`${number}.${rank}`] };
  }

  set(number, rank, adjustments) {
    if (isAsProposed(adjustments)) delete this.#drafts[`${number}.${rank}`];
    else this.#drafts[`${number}.${rank}`] = adjustments;
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(this.#drafts));
    } catch {
      // Kept for this visit only.
    }
  }
}

/**
 * The meeting that adjustments make of a candidate.
 * @param {object} take
 * @param {object} adjustments
 * @param {Record<string, object> | null} joins the meetings by method, where another method's is needed
 * @param {string} rate the timeline's
 * @returns {{meeting: object} | {refusal: {reason: string, remedy: string}}}
 */
export function meetingOf(take, adjustments, joins, rate) {
  const { method } = adjustments;
  let base = take.meeting;
  if (method !== null && method !== take.meeting.method) {
    base = joins?.[method];
    if (!base) return { refusal: { reason: `its join by ${methodName(method)} is not here`, remedy: "take another method" } };
    if (base.refusal) return { refusal: { reason: `${methodName(method)}: ${base.refusal}`, remedy: "take another method" } };
  }
  return adjusted(base, adjustments, rate);
}

/**
 * The row of controls.
 * @param {Record<string, HTMLElement>} at nudge, nudgeLess, nudgeMore, fade, fadeLess, fadeMore, law, method, reset,
 *   problem, group
 * @param {{laws: string[], methods: string[], rate: string, change: (patch: object) => void, reset: () => void,
 *   needJoins: () => void}} with
 */
export function makeControls(at, { laws, methods, rate, change, reset, needJoins }) {
  for (const law of laws) at.law.append(new Option(lawName(law), law));
  for (const method of methods) at.method.append(new Option(methodName(method), method));
  let shown = { adjustments: AS_PROPOSED, meeting: null, take: null };

  const nudge = (frames) => change({ nudge_frames: shown.adjustments.nudge_frames + frames });
  const fade = (ms) => shown.meeting && change({ fade_length: fadeOf(Math.max(0, Math.round(fadeMs(shown.meeting)) + ms)) });
  const setLaw = (law) => change({ fade_law: law === shown.base?.law ? null : law });
  const setMethod = (method) => change({ method: method === shown.take.meeting.method ? null : method });
  at.nudgeLess.addEventListener("click", () => nudge(-1));
  at.nudgeMore.addEventListener("click", () => nudge(1));
  at.fadeLess.addEventListener("click", () => fade(-10));
  at.fadeMore.addEventListener("click", () => fade(10));
  at.fade.addEventListener("change", () => {
    const ms = at.fade.valueAsNumber;
    if (ms >= 0) change({ fade_length: fadeOf(ms) });
    else if (shown.meeting) at.fade.value = String(Math.round(fadeMs(shown.meeting)));
  });
  at.law.addEventListener("change", () => setLaw(at.law.value));
  at.method.addEventListener("change", () => setMethod(at.method.value));
  at.method.addEventListener("focus", needJoins);
  at.method.addEventListener("pointerenter", needJoins);
  at.reset.addEventListener("click", reset);

  return {
    nudge,
    fade,
    nextLaw() {
      if (shown.meeting) setLaw(laws[(laws.indexOf(shown.meeting.law) + 1) % laws.length]);
    },
    setMethod,
    /** Say what was refused, next to the controls; null takes it away. */
    problem(words) {
      at.problem.textContent = words ?? "";
      at.problem.hidden = !words;
    },
    /**
     * Show a candidate's join; null: nothing here can be adjusted.
     * @param {{take: object, adjustments: object, base: object, meeting: object, joins: object | null, methods: string[]} | null} now
     */
    show(now) {
      at.group.disabled = !now;
      shown = now ?? { adjustments: AS_PROPOSED, meeting: null, take: null };
      if (!now) {
        at.nudge.textContent = "0";
        at.fade.value = "";
        return;
      }
      const { take, adjustments, meeting, joins } = now;
      const frames = adjustments.nudge_frames;
      at.nudge.textContent = frames > 0 ? `+${frames}` : String(frames).replace("-", "−");
      at.fade.value = String(Math.round(fadeMs(meeting)));
      at.law.value = meeting.law;
      at.method.value = adjustments.method ?? take.meeting.method;
      at.reset.disabled = isAsProposed(adjustments);
      const { nudge: [least, most], longestFade } = limits(meeting, rate);
      at.nudge.title = `This join can be nudged by ${least} to +${most} frames more`;
      at.fade.title = `No longer than ${Math.floor((1000 * longestFade) / RATE)} ms here`;
      for (const option of at.method.options) {
        const refusal = joins?.[option.value]?.refusal;
        const usable = option.value === take.meeting.method || now.methods.includes(option.value);
        option.disabled = Boolean(refusal) || !usable;
        option.textContent = methodName(option.value) + (refusal ? ` (${refusal})` : usable ? "" : " (not in this file)");
      }
    },
  };
}
