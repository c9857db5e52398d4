// Keeps the end of the conversation in view while it grows, unless the reader has scrolled away from it.
(() => {
  const NEAR = 80;
  const follow = (box) => {
    let following = true;
    const end = () => { if (following) box.scrollTop = box.scrollHeight; };
    box.addEventListener("scroll", () => {
      following = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
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
  const found = new MutationObserver(() => {
    const box = document.querySelector("#chat-scroll");
    const live = document.querySelector("#chat-live");
    const prompt = document.querySelector("#chat-prompt textarea");
    if (!box || !live || !prompt) return;
    found.disconnect();
    prompt.setAttribute("aria-label", "Prompt");
    reach(prompt);
    follow(box);
    hush(live);
    fold();
  });
  found.observe(document.documentElement, { childList: true, subtree: true });
})();

// What passes by itself is counted here: "back in 12 s", "40 s ago".
(() => {
  const ago = (age) => age >= 3600 ? `${Math.floor(age / 3600)} h ago`
    : age >= 60 ? `${Math.floor(age / 60)} min ago` : `${Math.floor(age)} s ago`;
  const since = new WeakMap();
  const passed = (part) => {
    if (!since.has(part)) since.set(part, performance.now());
    return (performance.now() - since.get(part)) / 1000;
  };
  setInterval(() => {
    if (document.hidden) return;
    document.querySelectorAll("[data-in]").forEach((part) => {
      part.textContent = `${Math.max(0, Math.ceil(part.dataset.in - passed(part)))} s`;
    });
    document.querySelectorAll("[data-ago]").forEach((part) => {
      part.textContent = ago(Number(part.dataset.ago) + passed(part));
    });
  }, 500);
})();

// Copying gives what was said: the mark where another model went on is only to be seen.
(() => {
  const clipboard = navigator.clipboard;
  if (!clipboard) return;
  const write = clipboard.writeText.bind(clipboard);
  clipboard.writeText = (text) => write(text.replace(/<span class="seam" title="[^"<>]*"><\/span>/g, ""));
})();

// Gradio's dropdowns have no placeholder of their own.
new MutationObserver(() => {
  for (const [id, words] of [["#chat-again", "Answer again with …"], ["#chat-chain-add", "Add a model"]]) {
    const box = document.querySelector(`${id} input`);
    if (box && box.placeholder !== words) box.placeholder = words;
  }
}).observe(document.documentElement, { childList: true, subtree: true });

// On a phone a pane is often half in view, and Gradio opens a list of choices where its box was before any scrolling.
document.addEventListener("focusin", (focus) => {
  if (!focus.target.matches(".pane [role=combobox]")) return;
  const pane = focus.target.closest(".pane");
  pane.scrollIntoView({ behavior: "instant", block: "nearest", inline: "nearest" });
  const left = focus.target.closest(".wrap").getBoundingClientRect().left;
  pane.style.setProperty("--hub-left", `${Math.max(0, Math.min(left, innerWidth - 228))}px`);
});

// Gradio would open a list once more that Tab has just left.
document.addEventListener("keydown", (key) => {
  if (key.key === "Tab" && key.target.matches("[role=combobox]")) key.stopPropagation();
}, true);

// "Busy" is said where everybody sees it: Gradio says nothing of an event that never came to its queue.
(() => {
  const say = (words) => {
    document.querySelector("#busy")?.remove();
    const box = document.createElement("div");
    box.id = "busy";
    box.setAttribute("role", "alert");
    box.textContent = words;
    box.style.cssText = "position:fixed;left:50%;bottom:96px;transform:translateX(-50%);z-index:50;padding:8px 14px;"
      + "max-width:90vw;border-radius:8px;font-size:14px;background:var(--hub-warm);color:var(--hub-warm-text)";
    document.body.append(box);
    setTimeout(() => box.remove(), 8000);
  };
  const ask = window.fetch.bind(window);
  window.fetch = async (...call) => {
    const answer = await ask(...call);
    if ([413, 429, 503].includes(answer.status) && answer.url.includes("/gradio_api/")) {
      answer.clone().json().then((said) => { if (typeof said.detail === "string") say(said.detail); }, () => {});
    }
    return answer;
  };
})();
