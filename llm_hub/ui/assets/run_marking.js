// Marks answers by keys. Once one was used, others do nothing until the next answer is there: a mark never goes to the
// wrong one. Who leaves meanwhile sees no next one.
let busy = false;
let left = false;
const pick = (what) => {
  if (busy) return;
  busy = true;
  trigger("pick", { what });
};
watch("value", () => {
  busy = false;
  const dialog = element.querySelector("dialog");
  if (left && dialog) pick("done");
  left = false;
  if (busy) return;
  dialog?.addEventListener("close", () => { if (busy) left = true; else pick("done"); });
  dialog?.showModal();
});
element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-pick]");
  if (button && !button.disabled) pick(button.dataset.pick);
});
document.addEventListener("keydown", (key) => {
  if (key.ctrlKey || key.metaKey || key.altKey) return;
  const button = element.querySelector(`dialog[open] [data-keys~="${CSS.escape(key.key)}"]:not(:disabled)`);
  if (!button) return;
  key.preventDefault();
  pick(button.dataset.pick);
});
