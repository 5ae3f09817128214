/** Dialogs give the focus back to where it was, and close on their buttons, on Escape and beside them. */

/** @param {HTMLDialogElement} dialog */
export function openDialog(dialog) {
  if (dialog.open) return;
  const before = document.activeElement;
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = "yes";
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
  dialog.addEventListener("close", () => before instanceof HTMLElement && before.focus(), { once: true });
  dialog.showModal();
}
