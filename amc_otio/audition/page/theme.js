/** Light or dark: the system's, or what the editor took. */
const KEY = "amc-theme";

/** Put on the theme that was taken before. */
export function startTheme() {
  const kept = stored();
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}

/** The theme that is on. */
export function theme() {
  const taken = document.documentElement.dataset.theme;
  if (taken) return taken;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Change to the other theme and keep it. */
export function otherTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Kept for this visit only.
  }
  return next;
}

/** Tell when the system's theme changes. */
export function onSystemTheme(tell) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
