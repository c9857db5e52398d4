// Copy and Edit take the text that was said. Where the page shows another one, the message begins with an element that
// holds it (llm_hub/ui/render/source.py).
(() => {
  const SOURCE = /^<div class="source" title="\ufffa[^"]*"><\/div>(?=\n\n)/;
  const said = (text) => {
    const element = SOURCE.exec(text)?.[0];
    if (!element) return text;
    const holder = document.createElement("template");
    holder.innerHTML = element;
    return holder.content.firstChild.title.slice(1);
  };
  const clipboard = navigator.clipboard;
  if (clipboard) {
    const write = clipboard.writeText.bind(clipboard);
    clipboard.writeText = (text) => write(said(text));
  }
  // Where a page came without encryption, Gradio copies from a text field.
  document.addEventListener("copy", (event) => {
    const text = event.target.value;
    if (typeof text !== "string" || !SOURCE.test(text)) return;
    event.clipboardData.setData("text/plain", said(text));
    event.preventDefault();
  });

  const EDITED = "#chat-log .user-row textarea";
  document.addEventListener("focusin", ({ target: box }) => {
    if (!box.matches(EDITED) || !SOURCE.test(box.value)) return;
    box.value = said(box.value);
    box.rows = Math.min(20, box.value.split("\n").length + 1);
    box.setAttribute("aria-label", "Edit the prompt");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
  document.addEventListener("keydown", (key) => {
    if (key.key !== "Escape" || key.isComposing || !key.target.matches(EDITED)) return;
    key.stopPropagation();
    document.querySelector("#chat-log [aria-label=Cancel]")?.click();
    document.querySelector("#chat-prompt textarea").focus();
  }, true);
})();
