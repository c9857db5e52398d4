// The files of one tab's prompt: the server looks at new ones at once, and what it refuses is not missed. Runs in the HTML
// of llm_hub/ui/attachments.py, after `const kind = …`, "chat" or "compare".
const BOX = `#${kind}-prompt textarea`;
const BUTTON = kind === "chat" ? "#chat-prompt .submit-button" : "#compare-run";
let known = new Set();
let isMissed = false;  // a file was refused, and the reader has done nothing since
const showNames = (files) => document.querySelectorAll(`#${kind}-prompt .thumbnail-wrapper`).forEach((part, place) => {
  part.dataset.name = files[place]?.orig_name ?? "";
  part.setAttribute("aria-label", part.dataset.name);
});
window.llmHub.chosen ??= {};
window.llmHub.chosen[kind] = (files) => {
  setTimeout(() => showNames(files));  // Gradio draws them first
  const paths = files.map((file) => file.path), isNew = paths.some((path) => !known.has(path));
  known = new Set(paths);
  if (!isNew) return;
  isMissed = false;
  trigger("attach", {});
};
watch("value", () => { if (props.value?.refused.length) isMissed = true; });
document.addEventListener("input", ({ target }) => { if (target.matches(BOX)) isMissed = false; });

// The prompt is not sent without a file that was meant to go with it before that was told.
const hold = (event) => {
  if (!isMissed) return;
  isMissed = false;
  event.preventDefault();
  event.stopImmediatePropagation();
  const told = Object.assign(document.createElement("div"), { textContent: "Send once more to ask without it." });
  document.querySelector(`#${kind}-hint [role=status]`)?.append(told);
};
window.addEventListener("keydown", (key) => {
  if (key.key === "Enter" && !key.shiftKey && !key.isComposing && key.target.matches(BOX)) hold(key);
}, true);
window.addEventListener("click", (click) => { if (click.target.closest(BUTTON)) hold(click); }, true);
