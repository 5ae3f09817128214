/** What leaves the page: a timeline, or from a page without a server its decisions, which it can take up again too. */
import { counted } from "./dom.js";
import { makeWrite } from "./write.js";

const at = (id) => document.getElementById(id);

/**
 * @param {Session} session
 * @param {(text: string, options?: {bad?: boolean}) => void} say
 * @returns {() => void} what "Write timeline" does, or "Save decisions" in its place
 */
export function makeHandover(session, say) {
  const { source, told } = session;
  if (source.write) {
    const dialog = makeWrite(
      at("write"),
      { summary: at("write-summary"), table: at("formats"), bounce: at("bounce"), write: at("write-now"), result: at("written"), form: at("write-form") },
      { source, tell: say, counts: () => session.counts(), decisions: session.decisions, noTimeline: told.no_timeline },
    );
    return () => dialog.open();
  }
  const give = async () => {
    try {
      await source.download();
      say("The decisions are saved as a file: hand it back to whoever sent this page.");
    } catch (error) {
      say(error.message, { bad: true });
    }
  };
  const take = async (file) => {
    try {
      const count = await source.upload(file);
      say(`${counted(count, "decision")} loaded from ${file.name}.`);
    } catch (error) {
      say(`${file.name}: ${error.message}`, { bad: true });
    }
  };
  at("write-button").textContent = "Save decisions";
  at("write-button").title = "Save the decisions as a file (W)";
  at("load-button").hidden = false;
  at("load-button").addEventListener("click", () => at("load-file").click());
  at("load-file").addEventListener("change", async () => {
    const [file] = at("load-file").files;
    if (file) await take(file);
    at("load-file").value = ""; // the same file can be loaded again
  });
  return give;
}
