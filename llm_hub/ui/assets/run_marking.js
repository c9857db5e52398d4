// Marks answers by keys. Once one was used, others wait for the next answer: a mark never goes to the wrong one.
let busy = false;
const pick = (what) => {
  if (busy) return;
  busy = true;
  trigger("pick", { what });
};
watch("value", () => {
  busy = false;
  const dialog = element.querySelector("dialog");
  dialog?.addEventListener("close", () => trigger("pick", { what: "done" }));
  dialog?.showModal();
});
element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-pick]");
  if (button && !button.disabled) pick(button.dataset.pick);
});
element.addEventListener("keydown", (key) => {
  if (key.ctrlKey || key.metaKey || key.altKey) return;
  const button = element.querySelector(`[data-keys~="${CSS.escape(key.key)}"]:not(:disabled)`);
  if (!button) return;
  key.preventDefault();
  pick(button.dataset.pick);
});
