// The files of one tab's prompt: the server looks at new ones at once, what it refuses is not missed, and what was not sent
// is there again after a reload. The HTML of llm_hub/ui/attachments.py calls this: `kind` is "chat" or "compare", `look`
// asks the server, and `put` has Gradio take what `edit` makes of the files in the box.
window.llmHub.attachments = (kind, { props, watch, look, put }) => {
  const BOX = `#${kind}-prompt textarea`;
  const BUTTON = kind === "chat" ? "#chat-prompt .submit-button" : "#compare-run";
  const KEPT = `files:${kind}`;
  const { recall, remember, without } = window.llmHub.drafts;
  let known = new Set();
  let isMissed = false;  // a file was refused, and the reader has done nothing since
  const tell = (textContent) =>
    document.querySelector(`#${kind}-hint [role=status]`)?.append(Object.assign(document.createElement("div"), { textContent }));
  let inBox = [];
  const paths = (files) => JSON.stringify(files.map(({ path }) => path));
  const showNames = () => {
    const parts = document.querySelectorAll(`#${kind}-prompt .thumbnail-wrapper`);
    parts.forEach((part, place) => {
      part.dataset.name = inBox[place]?.orig_name ?? "";
      part.setAttribute("aria-label", part.dataset.name);
    });
    return parts.length;
  };
  // Gradio draws them in its own time, and does not tell of every file that is taken out.
  const drawn = new MutationObserver(() => { if (showNames() !== inBox.length) put(); });
  const edits = [];  // what becomes of the files in the box: only Gradio can put one there
  const edit = (files) => {
    edits.push(files);
    put();
  };
  // Those files are in the box again, before what has been attached since. One that the server has no more is told.
  const attachAgain = async (files) => {
    const isGone = async ({ url }) => (await fetch(url, { method: "HEAD" }).catch(() => null))?.ok === false;
    const gone = await Promise.all(files.map(isGone));
    files.filter((_, place) => gone[place]).forEach(({ orig_name }) => tell(`${orig_name} is not here any more. Attach it again.`));
    const again = files.filter((_, place) => !gone[place]);
    edit((here) => [...again, ...without(here, again)]);
  };
  let kept = recall(KEPT, "sessionStorage") ?? [];  // of this tab, before a reload, until they are in the box again
  const begin = () => {
    if (!document.querySelector(`#${kind}-prompt input[type=file]`)) return requestAnimationFrame(begin);
    attachAgain(kept).then(() => { kept = []; });
  };
  if (kept.length) begin();

  window.llmHub.attached[kind] = {
    add: attachAgain,
    remove: (files) => edit((here) => without(here, files)),
    edit(prompt) {
      const before = prompt?.files ?? [], files = edits.splice(0).reduce((here, edit) => edit(here), before);
      this.notice(files);
      return paths(files) === paths(before) ? [] : [{ text: prompt?.text ?? "", files }];
    },
    notice(files) {
      inBox = files;
      showNames();
      drawn.observe(document.querySelector(`#${kind}-prompt`), { childList: true, subtree: true });
      remember(KEPT, [...kept, ...files], "sessionStorage");
      const isNew = files.some(({ path }) => !known.has(path));
      known = new Set(files.map(({ path }) => path));
      if (!isNew) return;
      isMissed = false;
      look();
    },
  };
  watch("value", () => { if (props.value?.refused.length) isMissed = true; });
  document.addEventListener("input", ({ target }) => { if (target.matches(BOX)) isMissed = false; });

  // The prompt is not sent without a file that was meant to go with it before that was told.
  const hold = (event) => {
    if (!isMissed && !kept.length) return;
    tell(isMissed ? "Send once more to ask without it." : "Its files come. Send once more.");
    isMissed = false;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("keydown", (key) => {
    if (key.key === "Enter" && !key.shiftKey && !key.isComposing && key.target.matches(BOX)) hold(key);
  }, true);
  window.addEventListener("click", (click) => { if (click.target.closest(BUTTON)) hold(click); }, true);
};
window.llmHub.attached = {};
