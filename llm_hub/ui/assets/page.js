// Times are counted on here, without the server: "back in 12 s", "40 s ago".
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

// What scrolls by itself takes the focus, so that the keyboard can scroll it: not every browser sees to that. Not in an
// answer that is being written: it is replaced as it grows, and its sizes may not be known yet.
(() => {
  const PARTS = ["#chat-scroll", ".pane-scroll", ".pane-past .message.user", ".md pre", ".md table", ".katex-display",
    ".content-preview", ".wide"].map((part) => `${part}:not([tabindex], .pane-live *, #chat-live *)`).join();
  let isAsked = false;
  let rest = 0;  // milliseconds until it looks again, so that it takes a tenth of the time at most
  const mark = () => {
    isAsked = false;
    const began = performance.now();
    document.querySelectorAll(PARTS).forEach((part) => {
      if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.tabIndex = 0;
    });
    rest = 9 * (performance.now() - began);
  };
  const markSoon = () => {  // just before the page is drawn, when its sizes are computed anyway
    if (!isAsked) setTimeout(requestAnimationFrame, rest, mark);
    isAsked = true;
  };
  new MutationObserver(markSoon).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class", "open"],
  });
  addEventListener("resize", () => requestAnimationFrame(mark));
})();

// A list, a quotation and a table stand in the direction of their first letters, with their marks and columns. The box of a
// task has a name. Only what has changed is looked at: that happens many times a second.
new MutationObserver((changes) => {
  for (const place of new Set(changes.map(({ target }) => target))) {
    place.querySelectorAll(".md.chatbot > :is(ul, ol, blockquote, table):not([dir])").forEach((part) => { part.dir = "auto"; });
    place.querySelectorAll(".md.chatbot [type=checkbox]:not([aria-label])").forEach((box) => {
      box.setAttribute("aria-label", box.checked ? "Done" : "To do");
    });
  }
}).observe(document.documentElement, { childList: true, subtree: true });

// The figures under the answers: one tap shows or hides them all, and it stays so.
(() => {
  const root = document.documentElement;
  const { remember, recall } = window.llmHub.drafts;
  root.toggleAttribute("data-figures", recall("figures") === true);
  document.addEventListener("click", ({ target }) => {
    if (target.closest(".figures-switch")) remember("figures", root.toggleAttribute("data-figures") || null);
  });
})();

// The examples on the empty page are links to this page. Gradio has links open in a new tab.
document.addEventListener("click", (click) => {
  const example = click.target.closest(".welcome .examples a");
  if (!example || click.ctrlKey || click.metaKey || click.shiftKey) return;
  click.preventDefault();
  location.assign(example.href);
});

// Room where there is little of it, as above the keyboard of a phone: what is less needed steps back (`data-low`), and a
// narrow page shows the conversation, above and below which the rest of the tab can be scrolled to. Chrome is told to make
// the page shorter for its keyboard; Safari only tells how much of the page can be seen. The tab in front is named in sight.
(() => {
  const TAB = "#tabs > .tab-wrapper [role=tab]";
  const IN_FRONT = `${TAB}[aria-selected=true]`;
  const IN_SIGHT = `${IN_FRONT}, :root[data-low=narrow] :is(#chat-main, #compare-panes)`;
  const LOW = 480;
  const widest = matchMedia("(hover: hover)").matches ? 500 : 800;  // of a phone; with a mouse, a page that is zoomed
  const root = document.documentElement;
  const seen = window.visualViewport;
  const show = (what = IN_SIGHT) => document.querySelectorAll(what).forEach((part) => {
    part.scrollIntoView({ behavior: "instant", block: "start", inline: "nearest" });
  });
  const fit = () => {
    if (seen.scale > 1.01) return;  // it is the reader who looks closer
    const before = root.dataset.low;
    if (seen.height < LOW) root.dataset.low = innerWidth > widest ? "wide" : "narrow";
    else delete root.dataset.low;
    if (root.dataset.low === before) show(IN_FRONT);
    else {
      show();
      document.activeElement.scrollIntoView({ behavior: "instant", block: "nearest" });  // what is being typed in
    }
    if (seen.height < innerHeight - 60) root.style.setProperty("--hub-height", `${seen.height}px`);
    else root.style.removeProperty("--hub-height");
    scrollTo(0, 0);
  };
  seen.addEventListener("resize", fit);
  fit();
  new MutationObserver((changes) => {
    if (changes.some(({ target }) => target.matches(TAB))) show();
  }).observe(root, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("meta[name=viewport]").content += ", interactive-widget=resizes-content";
  });
})();
