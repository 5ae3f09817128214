/**
 * The page: its parts are put together here.
 *
 *   source.js     where everything comes from: live.js asks the server (lane.js: how much at once), offline.js reads the file
 *                 (kept.js: its decisions)
 *   session.js    what was told, decided (decisions.js, undo.js) and selected (state.js), and questions about them
 *   lists.js      edit points (points.js), candidates (takes.js, weigh.js), filters
 *   hearing.js    the selected row on the stage (stage.js: mix.js, player.js, viewer.js, waveform.js and the other drawings)
 *                 and the controls of its join (adjust.js, meeting.js, fades.js)
 *   deciding.js   accept, keep, reject, clear, undo; what is saved
 *   handover.js   the timeline that is written (write.js), or decisions as a file
 *   commands.js   what the editor can do; keys.js and the buttons call it
 *
 * Data flows one way: commands change the state or a decision, and each part redraws what follows from it.
 */
import { makeAnnouncer } from "./announce.js";
import { makeCommands } from "./commands.js";
import { Deciding } from "./deciding.js";
import { makeHandover } from "./handover.js";
import { Hearing } from "./hearing.js";
import { makeHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { Lists } from "./lists.js";
import { Session } from "./session.js";
import { makeSource } from "./source.js";
import { startTheme } from "./theme.js";

const ACTIVE_EVERY_MS = 60_000;
const BUTTONS = {
  play: "togglePlay",
  accept: "accept",
  keep: "keep",
  reject: "reject",
  clear: "clear",
  undo: "undo",
  "weigh-button": "weigh",
  "theme-button": "theme",
  "help-button": "help",
  "write-button": "write",
};

const at = (id) => document.getElementById(id);

startTheme();
const announcer = makeAnnouncer(at("said"), at("banner"));
start().catch((error) => {
  announcer.banner(error.message);
  if (!error.kind) console.error(error);
});

async function start() {
  const source = makeSource();
  const session = new Session(source, await source.told());
  const { told, state } = session;
  const { say } = announcer;
  at("name").textContent = told.name;
  at("name").title = told.file;
  document.title = `${told.name} – audition`;

  // The lists are first told what changed, then the stage, then the buttons.
  const lists = new Lists(session, { say, play: () => commands.togglePlay() });
  const deciding = new Deciding(session, { announcer, lists });
  const hearing = new Hearing(session, { say, lists, decide: (...asked) => deciding.decide(...asked) });
  deciding.hearing = hearing;
  const help = makeHelp(at("help"), at("help-body"), source.live && { place: at("ending"), button: at("end"), end: () => source.end() });
  const commands = makeCommands({ session, lists, hearing, deciding, help, write: makeHandover(session, say), say });
  listen(commands, lists);
  tellThatSomebodyIsHere(source);

  await deciding.start();
  Object.defineProperty(window, "amc", { value: Object.freeze({ state, player: hearing.player }) });
  const cuttable = (point) => point.refusal === null;
  const first = told.points.find((point) => session.isOpen(point)) ?? told.points.find(cuttable) ?? told.points[0];
  if (first) session.go(first.number);
  else say("There are no edit points.");
  state.flush();
  lists.focus();
}

function listen(commands, lists) {
  for (const [id, command] of Object.entries(BUTTONS)) at(id).addEventListener("click", () => commands[command]());
  // After a click with the pointer the keys are the candidates' again: space plays, and does not press the button anew.
  at("stage").addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.closest("button, .segments")) lists.focus();
  });
  listenToKeys(commands, { leave: () => lists.focus() });
}

function tellThatSomebodyIsHere(source) {
  let told = Date.now();
  const here = () => {
    if (Date.now() - told < ACTIVE_EVERY_MS) return;
    told = Date.now();
    source.active();
  };
  for (const type of ["keydown", "pointermove", "pointerdown"]) addEventListener(type, here, { passive: true });
}
