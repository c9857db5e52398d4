// Keeps the end of the conversation in view while it grows, unless the reader has scrolled away from it.
(() => {
  const NEAR = 80;
  const follow = (box) => {
    let following = true;
    let last = 0;  // where the box was scrolled to before: only who scrolls back leaves the end, which grows meanwhile
    let below = 0;  // how far a reader is above the end who has asked for the earlier turns, until they are there
    const button = Object.assign(document.createElement("button"), { id: "chat-end", type: "button", textContent: "↓" });
    button.setAttribute("aria-label", "To the end of the conversation");
    document.querySelector("#chat-compose").append(button);
    const end = () => {
      if (below) box.scrollTop = box.scrollHeight - below;
      else if (following) box.scrollTop = box.scrollHeight;
      last = box.scrollTop;
      if (!box.querySelector("#chat-earlier button")) below = 0;
      button.hidden = following;
    };
    button.addEventListener("click", () => { following = true; end(); });
    box.addEventListener("click", ({ target }) => {
      if (target.closest("#chat-earlier button")) below = box.scrollHeight - box.scrollTop;
    });
    box.addEventListener("scroll", () => {
      const isNear = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      following = isNear || (following && box.scrollTop >= last);
      last = box.scrollTop;
      button.hidden = following;
    }, { passive: true });
    const sizes = new ResizeObserver(end);
    [box, ...box.children].forEach((part) => sizes.observe(part));
    document.querySelector("#chat-prompt").addEventListener("keydown", (key) => {
      if (key.key === "Enter" && !key.shiftKey) following = true;
    }, true);
  };
  // A screen reader hears an answer once, when it is complete, and not piece by piece.
  const hush = (live) => live.querySelector("[role=log]")?.setAttribute("aria-live", "off");
  // A phone has room for the conversation or for the settings. Gradio builds what is in a section once it is open.
  const fold = () => {
    if (matchMedia("(max-width: 800px)").matches) document.querySelector("#chat-settings > .label-wrap")?.click();
  };
  // Escape stops the answer, and a stop leaves the keyboard where the next prompt is typed.
  const reach = (prompt) => document.addEventListener("keydown", (key) => {
    const stop = document.querySelector("#chat-stop");
    if (key.key !== "Escape" || !stop?.checkVisibility()) return;
    stop.click();
    prompt.focus();
  });
  const observer = new MutationObserver(() => {
    const box = document.querySelector("#chat-scroll");
    const live = document.querySelector("#chat-live");
    const prompt = document.querySelector("#chat-prompt textarea");
    if (!box || !live || !prompt) return;
    observer.disconnect();
    prompt.setAttribute("aria-label", "Prompt");
    reach(prompt);
    follow(box);
    hush(live);
    fold();
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
})();
