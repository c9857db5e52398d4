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

// What scrolls by itself takes the focus, so that the keyboard can scroll it: not every browser sees to that.
(() => {
  const PARTS = ["#chat-scroll", ".pane-scroll", ".pane-past .message.user", ".md pre", ".md table", ".katex-display",
    ".content-preview", ".wide"].map((part) => `${part}:not([tabindex])`).join();
  let isAsked = false;
  const mark = () => {
    isAsked = false;
    document.querySelectorAll(PARTS).forEach((part) => {
      if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.tabIndex = 0;
    });
  };
  const markSoon = () => {  // just before the page is drawn, when its sizes are computed anyway
    if (!isAsked) requestAnimationFrame(mark);
    isAsked = true;
  };
  new MutationObserver(markSoon).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class", "open"],
  });
  addEventListener("resize", markSoon);
})();
