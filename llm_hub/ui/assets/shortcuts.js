// Shortcuts of the keyboard. "?" shows them, and so does the button in the page's head.
(() => {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  const ctrl = mac ? "⌘" : "Ctrl";
  const click = (selector) => document.querySelector(selector)?.click();
  const isShown = (part) => part?.checkVisibility();
  const prompt = () => [...document.querySelectorAll(":is(#chat-prompt, #compare-prompt) textarea")].find(isShown);
  const newChat = () => {
    window.llmHub.tab("Chat")?.click();
    click("#chat-new");
    document.querySelector("#chat-prompt textarea")?.focus();
  };
  const search = () => {
    if (document.querySelector("#conversation-list[inert]")) click("#conversations .toggle");
    document.querySelector("#conversation-list [type=search]")?.focus();
  };
  const editLast = () => {
    [...document.querySelectorAll("#chat-log [aria-label=Edit]")].at(-1)?.click();
    requestAnimationFrame(() => document.querySelector("#chat-log .user-row textarea")?.focus());
  };
  const SHORTCUTS = [
    [[ctrl, "Shift", "O"], "New chat", (key) => (key.ctrlKey || key.metaKey) && key.shiftKey && key.code === "KeyO", newChat],
    [[ctrl, "K"], "Search conversations", (key) => (key.ctrlKey || key.metaKey) && !key.shiftKey && key.code === "KeyK", search],
    [["/"], "Go to the prompt", (key, typing) => key.key === "/" && !typing, () => prompt()?.focus()],
    [["↑"], "In an empty prompt: edit the last one", (key) => key.key === "ArrowUp" && key.target.matches("#chat-prompt textarea")
      && !key.target.value, editLast],
    [["Esc"], "Stop the answer"],
    [["Enter"], "Send"],
    [["Shift", "Enter"], "New line"],
    [["?"], "This list", (key, typing) => key.key === "?" && !typing, () => help().showModal()],
  ];
  const help = () => {
    let dialog = document.querySelector("#shortcuts");
    if (dialog) return dialog;
    dialog = Object.assign(document.createElement("dialog"), { id: "shortcuts" });
    dialog.setAttribute("aria-labelledby", "shortcuts-title");
    const signs = (keys) => keys.map((key) => `<kbd>${key}</kbd>`).join(" ");
    const rows = SHORTCUTS.map(([keys, what]) => `<dt>${signs(keys)}</dt><dd>${what}</dd>`);
    dialog.innerHTML = `<h2 id="shortcuts-title">Keyboard</h2><dl>${rows.join("")}</dl><form method="dialog"><button>Close</button></form>`;
    dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
    (document.querySelector(".gradio-container") ?? document.body).append(dialog);
    return dialog;
  };
  document.addEventListener("keydown", (key) => {
    if (key.isComposing || key.altKey || document.querySelector("dialog[open]")) return;
    const typing = key.target.matches("input, textarea, select, [contenteditable]");
    const [, , , act] = SHORTCUTS.find(([, , fits]) => fits?.(key, typing)) ?? [];
    if (!act) return;
    key.preventDefault();
    act();
  });
  document.addEventListener("click", ({ target }) => { if (target.closest("#header .shortcuts")) help().showModal(); });
})();
