// The files of one tab's prompt: the server looks at new ones at once, what it refuses is not missed, and what was not sent
// is there again after a reload. The HTML of llm_hub/ui/attachments.py calls this: `kind` is "chat" or "compare", and
// `look` asks the server.
window.llmHub.attachments = (kind, { props, watch, look }) => {
  const BOX = `#${kind}-prompt textarea`;
  const BUTTON = kind === "chat" ? "#chat-prompt .submit-button" : "#compare-run";
  const KEPT = `files:${kind}`;
  const { recall, remember } = window.llmHub.drafts;
  let known = new Set();
  let isMissed = false;  // a file was refused, and the reader has done nothing since
  const tell = (textContent) =>
    document.querySelector(`#${kind}-hint [role=status]`)?.append(Object.assign(document.createElement("div"), { textContent }));
  const showNames = (files) => document.querySelectorAll(`#${kind}-prompt .thumbnail-wrapper`).forEach((part, place) => {
    part.dataset.name = files[place]?.orig_name ?? "";
    part.setAttribute("aria-label", part.dataset.name);
  });

  let kept = recall(KEPT, sessionStorage) ?? [];  // of this tab, before a reload, until they are in the box again
  const attachAgain = async () => {
    const input = document.querySelector(`#${kind}-prompt input[type=file]`);
    if (!input) return requestAnimationFrame(attachAgain);
    const again = new DataTransfer();
    for (const { url, orig_name } of kept) {
      const reply = await fetch(url).catch(() => ({}));
      if (reply.ok) again.items.add(new File([await reply.blob()], orig_name));
      else tell(`${orig_name} is not here any more. Attach it again.`);
    }
    kept = [];
    input.files = again.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  if (kept.length) attachAgain();

  window.llmHub.chosen[kind] = (files) => {
    setTimeout(() => showNames(files));  // Gradio draws them first
    if (!kept.length) remember(KEPT, files, sessionStorage);
    const paths = files.map((file) => file.path), isNew = paths.some((path) => !known.has(path));
    known = new Set(paths);
    if (!isNew) return;
    isMissed = false;
    look();
  };
  watch("value", () => { if (props.value?.refused.length) isMissed = true; });
  document.addEventListener("input", ({ target }) => { if (target.matches(BOX)) isMissed = false; });

  // The prompt is not sent without a file that was meant to go with it before that was told.
  const hold = (event) => {
    if (!isMissed) return;
    isMissed = false;
    event.preventDefault();
    event.stopImmediatePropagation();
    tell("Send once more to ask without it.");
  };
  window.addEventListener("keydown", (key) => {
    if (key.key === "Enter" && !key.shiftKey && !key.isComposing && key.target.matches(BOX)) hold(key);
  }, true);
  window.addEventListener("click", (click) => { if (click.target.closest(BUTTON)) hold(click); }, true);
};
window.llmHub.chosen = {};
