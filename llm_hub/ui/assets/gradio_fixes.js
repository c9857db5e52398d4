// Workarounds for Gradio 6.31.0, each with what Gradio does, why that hurts, and the test that tells when it may go.
// The tests are in tests/ui/gradio_fixes/.

// Placeholders. Gradio's Dropdown takes no placeholder: a list that has no label either would be an empty box.
// May go when: test_server_side.py::test_a_dropdown_takes_no_placeholder fails.
new MutationObserver(() => {
  for (const [id, text] of [["#chat-again", "Answer again with …"], ["#chat-chain-add", "Add a model"]]) {
    const box = document.querySelector(`${id} input`);
    if (box && box.placeholder !== text) box.placeholder = text;
  }
}).observe(document.documentElement, { childList: true, subtree: true });

// Lists of choices on a phone. Gradio opens a list where its box stood before the page scrolled, and on a phone a pane is
// often half in view: its list would open beside the screen. May go when tests/ui/test_compare_page.py passes without it.
document.addEventListener("focusin", (focus) => {
  if (!focus.target.matches(".pane [role=combobox]")) return;
  const pane = focus.target.closest(".pane");
  pane.scrollIntoView({ behavior: "instant", block: "nearest", inline: "nearest" });
  const left = focus.target.closest(".wrap").getBoundingClientRect().left;
  pane.style.setProperty("--hub-left", `${Math.max(0, Math.min(left, innerWidth - 228))}px`);
});

// Tab. Gradio opens a list once more that Tab has just left, and it then covers what is below.
// May go when: test_in_browser.py::test_tab_leaves_a_list_open fails.
document.addEventListener("keydown", (key) => {
  if (key.key === "Tab" && key.target.matches("[role=combobox]")) key.stopPropagation();
}, true);

// Refused events. Gradio shows nothing where an event that does not go through the queue is refused (413, 429, 503): a
// visitor would click, and nothing would happen. May go when: test_in_browser.py::test_a_refused_event_is_shown_nowhere
// fails.
(() => {
  const show = (text) => {
    document.querySelector("#busy")?.remove();
    const box = document.createElement("div");
    box.id = "busy";
    box.setAttribute("role", "alert");
    box.textContent = text;
    box.style.cssText = "position:fixed;left:50%;bottom:96px;transform:translateX(-50%);z-index:50;padding:8px 14px;"
      + "max-width:90vw;border-radius:8px;font-size:14px;background:var(--hub-warm);color:var(--hub-warm-text)";
    document.body.append(box);
    setTimeout(() => box.remove(), 8000);
  };
  const fetchAsBefore = window.fetch.bind(window);
  window.fetch = async (...call) => {
    const response = await fetchAsBefore(...call);
    if ([413, 429, 503].includes(response.status) && response.url.includes("/gradio_api/")) {
      response.clone().json().then((body) => { if (typeof body.detail === "string") show(body.detail); }, () => {});
    }
    return response;
  };
})();
