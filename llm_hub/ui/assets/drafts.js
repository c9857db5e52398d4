// What the reader has typed and chosen, kept in this browser: the draft of each conversation's next prompt, the settings
// of a new chat, and whatever else is to be as it was. A chat and a comparison are open at once, each with a draft of its own.
(() => {
  const BOXES = { chat: "#chat-prompt textarea", comparison: "#compare-prompt textarea" };
  const BUTTONS = { chat: "#chat-prompt .submit-button", comparison: "#compare-run" };
  const KINDS = Object.keys(BOXES);
  const MAX_LEAVING = 3000;  // milliseconds
  const remember = (name, value, store = "localStorage") => {
    try {
      if (value === null || value === "") window[store].removeItem(`llm-hub:${name}`);
      else window[store].setItem(`llm-hub:${name}`, JSON.stringify(value));
    } catch { /* this browser keeps nothing, or has no room: the page works without */ }
  };
  const recall = (name, store = "localStorage") => {
    try {
      return JSON.parse(window[store].getItem(`llm-hub:${name}`));
    } catch {
      return null;
    }
  };
  const ids = { chat: "", comparison: "" };
  // By kind, a prompt that was sent, in which conversation, and how many turns that had, until it has more: the server has
  // the prompt then. While the connection is lost it may stand in the box again. Where a page goes meanwhile, the next one
  // that opens the conversation knows of it.
  const sent = {};
  const sentAgain = {};  // by kind, a prompt that was sent a second time by itself, until the server has it
  const sentName = (kind, id) => `sent:${kind}:${id}`;
  const box = (kind) => document.querySelector(BOXES[kind]);
  const name = (kind) => `draft:${kind}:${ids[kind] || "new"}`;
  const fill = (kind, text) => {
    if (!box(kind) || box(kind).value === text) return;
    // As if it were typed: Gradio learns of it by the event.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box(kind), text);
    box(kind).dispatchEvent(new Event("input", { bubbles: true }));
  };

  // The files in a box (attachments.js), and those that went with the prompt that was sent from it.
  const FILES = { chat: "chat", comparison: "compare" };
  const files = (kind, name = "files") => recall(`${name}:${FILES[kind]}`, "sessionStorage") ?? [];
  const keepSent = (kind, files) => remember(`sent-files:${FILES[kind]}`, files, "sessionStorage");
  const sentFiles = (kind) => files(kind, "sent-files");
  const isSent = (kind) => sent[kind] && (sent[kind].text.trim() || sentFiles(kind).length);
  const without = (files, others) => files.filter(({ path }) => !others.some((file) => file.path === path));
  const attach = (kind, again) => remember(`files:${FILES[kind]}`, [...again, ...without(files(kind), again)], "sessionStorage");
  const send = (kind) => {
    keepSent(kind, files(kind));
    sent[kind] = { text: box(kind).value, id: ids[kind], at: Date.now() };
  };
  document.addEventListener("input", ({ target }) => {
    const kind = KINDS.find((kind) => target.matches(BOXES[kind]));
    if (!kind) return;
    remember(name(kind), target.value);
    if (sent[kind]?.isInBox && !target.value.startsWith(sent[kind].text)) delete sent[kind];  // it is another one now
  });
  document.addEventListener("keydown", ({ target, key, shiftKey, isComposing }) => {
    const kind = key === "Enter" && !shiftKey && !isComposing && KINDS.find((kind) => target.matches(BOXES[kind]));
    if (kind) send(kind);
  }, true);
  document.addEventListener("click", ({ target }) => {
    const kind = KINDS.find((kind) => target.closest(BUTTONS[kind]));
    if (kind) send(kind);
  }, true);

  const open = (kind, id) => {
    ids[kind] = id;
    const kept = id && recall(sentName(kind, id));
    if (kept) sent[kind] ??= { ...kept, id };
    const [draft, { text, id: where, isInBox }] = [recall(name(kind)) ?? "", sent[kind] ?? {}];
    fill(kind, draft === text && id === where && !isInBox ? "" : draft);  // what is on its way would be sent twice
    return Boolean(kept);
  };
  const missing = new Set(KINDS);  // Gradio builds what is in a tab once it is in front
  const observer = new MutationObserver(() => {
    for (const kind of [...missing].filter(box)) {
      missing.delete(kind);
      if (!box(kind).value) open(kind, ids[kind]);
    }
    if (!missing.size) observer.disconnect();
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
  // What the server itself puts into a box, no event tells.
  const before = (text, typed) => !text?.trim() || typed.startsWith(text) ? typed : typed.trim() ? `${text}\n${typed}` : text;
  addEventListener("pagehide", () => KINDS.forEach((kind) => {
    if (!box(kind)) return;
    const { text, id, turns, isInBox } = sent[kind] ?? {};
    const isOnItsWay = id && turns >= 0 && !isInBox;
    if (isOnItsWay) remember(sentName(kind, id), { text, turns });
    remember(name(kind), isOnItsWay ? box(kind).value : before(text, box(kind).value));
    if (sent[kind] && turns === undefined) attach(kind, sentFiles(kind));
  }));
  let settings = recall("settings", "sessionStorage");  // of this tab, as it was before a reload

  window.llmHub.drafts = {
    remember,
    recall,
    without,
    // The settings of the Chat tab have changed, and are those of the next new chat.
    keepSettings(values) {
      const chain = new DOMParser().parseFromString(values.chain, "text/html").querySelector("[data-chain]");
      values = { ...values, chain: chain?.dataset.chain ?? "" };
      settings = { id: ids.chat, values };
      remember("settings", values);
      remember("settings", settings, "sessionStorage");
    },
    // The settings that a conversation is opened with: those that were chosen in this tab, or last for a new one.
    settings: (id) => settings?.id === id ? settings.values : id ? {} : recall("settings") ?? {},
    // This conversation is shown now, and its draft stands in the box. Gives whether another page had sent a prompt of it
    // that may not have arrived.
    open,
    // A prompt from elsewhere stands before what was typed for a new chat.
    add(prompt) {
      const draft = recall("draft:chat:new") ?? "";
      if (!draft.startsWith(prompt)) remember("draft:chat:new", draft ? `${prompt}\n\n${draft}` : prompt);
    },
    // The server has the prompt that was sent last. What was typed since is the draft of the conversation.
    arrived(kind, id) {
      delete sent[kind];
      delete sentAgain[kind];
      keepSent(kind, []);
      remember(sentName(kind, id), null);
      remember(name(kind), null);
      ids[kind] = id;
      remember(name(kind), box(kind)?.value ?? "");
    },
    // This prompt was sent before the page was reloaded, and may have begun a conversation.
    seek(kind, text) { sent[kind] = { text, id: "", turns: 0 }; },
    // It has: it is no draft of a new one any more.
    forget(kind, text) {
      const draft = recall(`draft:${kind}:new`) ?? "";
      if (text && draft.startsWith(text)) remember(`draft:${kind}:new`, draft.slice(text.length).trimStart());
    },
    // What was sent has not arrived: it stands in the box again, before what was typed since. Gives whether it does. Where
    // it `mayArrive` all the same, that is for `takeOut` to find out.
    putBack: (kinds = KINDS, mayArrive = false) => kinds.filter((kind) => {
      const prompt = sent[kind], again = sentFiles(kind);
      if (!isSent(kind) || !box(kind)) return false;
      delete sent[kind];
      remember(sentName(kind, prompt.id), null);
      fill(kind, before(prompt.text, box(kind).value));
      attach(kind, again);
      window.llmHub.attached[FILES[kind]]?.add(again);
      if (mayArrive) sent[kind] = { ...prompt, isInBox: true };
      else keepSent(kind, []);
      return true;
    }).length > 0,
    // A prompt that may have arrived is out of the box until the server says so. Gives whether there is one.
    takeOut(kind) {
      const { text, isInBox } = sent[kind] ?? {};
      if (isInBox) {
        window.llmHub.attached[FILES[kind]]?.remove(sentFiles(kind));
        sent[kind].isInBox = false;
        fill(kind, box(kind).value.slice(text.length).trimStart());
      }
      return Boolean(isSent(kind));
    },
    // The server has put a prompt back into its box, with its files.
    returned: () => KINDS.forEach((kind) => keepSent(kind, [])),
    // The prompt that was sent has come back into its box, and is sent once more, but no third time. Gives whether there is
    // nothing left to wait for.
    sendAgain(kind) {
      const text = sent[kind]?.text.trim();
      if (!text || text === sentAgain[kind]) return true;
      if (box(kind)?.value.trim() !== text) return false;
      sentAgain[kind] = text;
      document.querySelector(BUTTONS[kind])?.click();
      return true;
    },
    // What was sent leaves the page now, for a conversation with so many turns. Gives it.
    leave(kind, turns) {
      if (sent[kind]) sent[kind].turns = turns;
      return sent[kind]?.text ?? "";
    },
    // Whether what was sent a moment ago has not left yet.
    isLeaving(kind) {
      const { turns, isInBox, at } = sent[kind] ?? {};
      return isSent(kind) && turns === undefined && !isInBox && Date.now() - at < MAX_LEAVING;
    },
    // Whether this conversation, which has so many turns, has what was sent.
    hasArrived(kind, conversation, count) {
      const { id, turns, isInBox } = sent[kind] ?? {};
      return isSent(kind) && !isInBox && count > turns && (!id || id === conversation);
    },
  };
})();
