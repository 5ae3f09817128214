/** How much each reason counts, and the order that follows. */
import { make } from "./dom.js";

/** The bars of a candidate: the key in its record, its name, and what 1 means. */
export const REASONS = [
  { key: "timbre", name: "Timbre", short: "Timb", says: "the two sounds are of one colour" },
  { key: "pitch", name: "Pitch", short: "Pitch", says: "the same notes or tones" },
  { key: "rhythm", name: "Rhythm", short: "Rhy", says: "the same beat" },
  { key: "loudness", name: "Loudness", short: "Loud", says: "loudness moves alike" },
  { key: "level", name: "Level step", short: "Lev", says: "no jump in level at the cut" },
  { key: "join", name: "Join quality", short: "Join", says: "nothing jumps where the sounds meet" },
  { key: "handles", name: "Handles", short: "Hand", says: "media on both sides for a fade" },
];

/** Weights that change nothing: candidates stand as they were proposed. */
export function noWeights() {
  return Object.fromEntries(REASONS.map(({ key }) => [key, 0]));
}

/** Whether any reason counts. */
export function isWeighed(weights) {
  return REASONS.some(({ key }) => weights[key] > 0);
}

/** Similarity and, for each reason, its weight times its bar. */
export function weighed(take, weights) {
  return REASONS.reduce((sum, { key }) => sum + weights[key] * take.bars[key], take.similarity);
}

/**
 * Candidates best first. Without weights as they were proposed; equals stay in that order.
 * @template T
 * @param {T[]} takes in the order that they were proposed in
 * @param {Record<string, number>} weights
 * @returns {T[]}
 */
export function ranked(takes, weights) {
  if (!isWeighed(weights)) return takes;
  const scores = new Map(takes.map((take) => [take, weighed(take, weights)]));
  return [...takes].sort((one, other) => scores.get(other) - scores.get(one));
}

/** Weights that an earlier visit of this tab left. */
export function keptWeights(key) {
  const weights = noWeights();
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}");
    for (const { key: reason } of REASONS) {
      const value = Number(kept?.[reason]);
      if (value >= 0 && value <= 1) weights[reason] = value;
    }
  } catch {
    // Nothing was kept.
  }
  return weights;
}

/** Keep weights for a reload of this tab. */
export function keepWeights(key, weights) {
  try {
    sessionStorage.setItem(key, JSON.stringify(weights));
  } catch {
    // Kept for this visit only.
  }
}

/**
 * The panel of sliders.
 * @param {HTMLElement} box
 * @param {{weights: Record<string, number>, change: (weights: Record<string, number>) => void}} with
 */
export function makeWeighPanel(box, { weights, change }) {
  const inputs = new Map();
  let now = { ...weights };
  for (const { key, name, says } of REASONS) {
    const id = `weight-${key}`;
    const value = make("output", { for: id, text: now[key].toFixed(2) });
    const input = make("input", { id, type: "range", min: "0", max: "1", step: "0.05", value: String(now[key]), title: says });
    input.addEventListener("input", () => {
      now = { ...now, [key]: Number(input.value) };
      value.textContent = now[key].toFixed(2);
      change(now);
    });
    inputs.set(key, { input, value });
    box.append(make("div", { class: "weight" }, make("label", { for: id, text: name }), input, value));
  }
  return {
    /** Show weights that were set elsewhere. */
    show(next) {
      now = { ...next };
      for (const [key, { input, value }] of inputs) {
        input.value = String(now[key]);
        value.textContent = now[key].toFixed(2);
      }
    },
    focus: () => inputs.get(REASONS[0].key).input.focus(),
  };
}
