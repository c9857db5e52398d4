// An earlier prompt that is being edited, kept as drafts are: where its conversation is opened again, or is shown anew after
// a lost connection, it stands in its box once more. Of a chat that is not kept, only this tab of the browser knows.
(() => {
  const BOX = "#chat-log .user-row textarea";
  const { remember, recall } = window.llmHub.drafts;
  const box = () => document.querySelector(BOX);
  let head = {};  // of the chat that is shown
  const store = () => head.kept ? "localStorage" : "sessionStorage";
  const keep = (edit) => { if (head.id) remember(`edit:${head.id}`, edit, store()); };
  const kept = () => head.id && recall(`edit:${head.id}`, store());

  // The number of the turn that a prompt belongs to, by the buttons under its answer.
  const numberOf = (row) => {
    let line = row.nextElementSibling;
    while (line && !line.matches(".user-row") && !line.querySelector("[class*='with-']")) line = line.nextElementSibling;
    return Number(line?.querySelector("[class*='with-']")?.className.match(/\bwith-(\d+)/)[1]);
  };
  const editButton = (number) => {
    const row = [...document.querySelectorAll("#chat-log .user-row")].find((row) => numberOf(row) === number);
    return row?.nextElementSibling?.querySelector("[aria-label=Edit]");
  };
  let editing = "";  // the chat whose prompt is being edited
  let isLeaving = false;
  // Gradio's box stays open where another chat is shown, over a prompt of that one.
  const leave = () => {
    isLeaving = true;
    document.querySelector("#chat-log [aria-label=Cancel]")?.click();
    isLeaving = false;
  };
  const offer = () => {
    if (box() && editing !== head.id) leave();
    const { number, text, turns } = kept() ?? {};
    if (turns < head.turns) return keep(null);  // it was sent, and is a turn now
    if (!number || box() || isSent) return;
    editButton(number)?.click();
    requestAnimationFrame(() => {
      if (!box()) return;
      box().dispatchEvent(new FocusEvent("focusin", { bubbles: true }));  // source.js puts what was said into it
      box().value = text;
      box().dispatchEvent(new Event("input", { bubbles: true }));
    });
  };
  let isSent = false;
  addEventListener("hub-lost", () => { isSent = false; });

  document.addEventListener("input", ({ target, isTrusted }) => {
    if (isTrusted && target.matches(BOX)) keep({ number: numberOf(target.closest(".user-row")), text: target.value });
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest("#chat-log [aria-label=Edit]")) editing = head.id;
    if (!box()) return;
    if (target.closest("#chat-log [aria-label=Cancel]") && !isLeaving) keep(null);
    if (!target.closest("#chat-log [aria-label=Submit]") || !kept()) return;
    isSent = true;
    keep({ ...kept(), turns: head.turns });
  }, true);
  let log;
  addEventListener("llm-hub-opened", ({ detail }) => {
    if (!detail.keeping || (detail.kind ?? "chat") !== "chat") return;
    if (detail.id !== head.id || detail.turns !== head.turns) isSent = false;
    head = detail;
    setTimeout(offer);
    if (log) return;
    log = document.querySelector("#chat-log");  // where a conversation may be only later than what is told of it
    new MutationObserver(() => { if (box() || kept()) offer(); }).observe(log, { childList: true, subtree: true });
  });
})();
