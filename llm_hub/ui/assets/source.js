// Copy and Edit take the text that was said. Where the page shows another one, the message begins with a
// definition of a link that holds it (llm_hub/ui/render/source.py).
(() => {
  const SOURCE = /^\[\ufffa\]: <([^>]*)>\n\n/;
  const ESCAPES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  const said = (text) => {
    const source = SOURCE.exec(text)?.[1];
    if (source === undefined) return text;
    return source.replace(/&(?:#(\d+)|lt|gt|amp);/g, (escape, code) => ESCAPES[escape] ?? String.fromCharCode(code));
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
