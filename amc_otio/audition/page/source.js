/**
 * Where the page has everything from: a server, or the page's own file.
 *
 * Both have the same methods:
 *   told(), segment(id), matrix(n, r), joins(n, r), frameUrl(id), videoUrl(id),
 *   decisions {get(), put(number, decision, seen), subscribe(tell), path}, write (null where none can be written),
 *   active(), end()
 */
import { LiveSource } from "./live.js";
import { OfflineSource } from "./offline.js";

/** The source of this page: its own file where that holds the list, else the server that sent it. */
export function makeSource() {
  return document.getElementById("amc-told") ? new OfflineSource() : new LiveSource();
}
