/** Decisions and joins in words. */
import { isAsProposed, lawName, methodName } from "./adjust.js";

/** What is decided, in words. */
export function stateWords(decision) {
  if (decision.state === "chosen") return `candidate ${decision.rank} accepted`;
  return { kept: "the present shot is kept", rejected: "rejected", undecided: "undecided" }[decision.state];
}

/** How a join is, in a line. */
export function joinWords({ take, meeting, adjustments }) {
  if (!take) return "present cut";
  const fade = Math.round((meeting.fade_before + meeting.fade_after) / 48);
  const parts = [methodName(adjustments.method ?? take.meeting.method), fade ? `${fade} ms ${lawName(meeting.law).toLowerCase()}` : "plain cut"];
  if (meeting.gain_db) parts.push(`${meeting.gain_db > 0 ? "+" : "−"}${Math.abs(meeting.gain_db).toFixed(1)} dB`);
  if (!isAsProposed(adjustments)) parts.push("adjusted");
  return parts.join(" · ");
}

/** What was adjusted, in words. */
export function adjustWords(patch, current) {
  if (Object.keys(patch).length > 1) return "back to the join as proposed";
  if ("nudge_frames" in patch) return `nudge ${patch.nudge_frames > 0 ? "+" : ""}${patch.nudge_frames} frames`;
  if ("fade_length" in patch) return `fade ${Math.round((current.meeting.fade_before + current.meeting.fade_after) / 48)} ms`;
  if ("fade_law" in patch) return `fade law ${lawName(current.meeting.law).toLowerCase()}`;
  return `method ${methodName(patch.method ?? current.take.meeting.method)}`;
}
