// Copy and Edit take the text that was said. Where the page shows another one, the message begins with a
// definition of a link that holds it (llm_hub/ui/render/source.py). And code is copied with its tabs, before which the
// page has a sign that nobody sees (page_markdown.py), and with the spaces of its first line, which Gradio would take off.
(() => {
  const BEFORE_TAB = "\u2064";
  const SOURCE = /^\[\ufffa\]: <([^>]*)>\n\n/;
  const ESCAPES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  const said = (text) => {
    const source = SOURCE.exec(text)?.[1];
    if (source === undefined) return text.replaceAll(BEFORE_TAB, "");
    return source.replace(/&(?:#(\d+)|lt|gt|amp);/g, (escape, code) => ESCAPES[escape] ?? String.fromCharCode(code));
  };
  const clipboard = navigator.clipboard;
  if (clipboard) {
    const write = clipboard.writeText.bind(clipboard);
    clipboard.writeText = (text) => write(said(code ?? text));
  }
  let code;  // of the block whose button is being clicked
  document.addEventListener("click", ({ target }) => {
    code = target.closest(".copy_code_button")?.parentElement.querySelector("code")?.textContent.replace(/\n$/, "");
    setTimeout(() => { code = undefined; });
  }, true);
  // Where a page came without encryption, Gradio copies from a text field.
  document.addEventListener("copy", (event) => {
    const { value } = event.target;
    const isTyped = typeof value === "string";
    const text = code ?? (isTyped ? value : String(getSelection()));
    if (!code && !(isTyped ? SOURCE.test(text) : text.includes(BEFORE_TAB))) return;
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
