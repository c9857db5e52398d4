// Which conversations the page shows: a chat and a comparison at once. The page's address and title name the one whose
// tab is in front, so that a reload, Back, a second tab and a bookmark come back to it. `llmHub.open` asks the server for
// one, and the window's event `llm-hub-opened` tells what it shows (ui/chat/open_wish.py). Runs in one function with
// conversation_list.js.

const address = (id) => {
  const url = new URL(location.href);
  url.search = id ? `?c=${encodeURIComponent(id)}` : "";
  return url.href;
};
const named = () => new URL(location.href).searchParams.get("c") ?? "";
// The address names this from now on. Where it `isNew`, Back leads to what was named before.
const writeAddress = (id, kind, isNew = named()) => history[isNew ? "pushState" : "replaceState"](kind, "", address(id));
const front = () => document.querySelector("#compare")?.checkVisibility() ? "comparison" : "chat";
const entitle = () => {
  const head = shown[front()];
  const name = head.kept === false && keeping !== "off" ? "Temporary chat" : head.shown_title;
  document.title = head.id && name ? `${name} · LLM Hub` : "LLM Hub";
  block.toggleAttribute("data-temporary", shown.chat.kept === false && keeping !== "off");
};
const MAX_OPENING = 10_000;  // milliseconds
const opening = {};  // by kind, what the server is asked to show, until it does
let opens = 0;  // each has a number: of several that come together the server may hear in another order
const newest = {};  // by kind, the number of the last one, New among them: an earlier one that has not left stays here
const endOpening = (kind) => {
  opening[kind]?.end();
  delete opening[kind];
};
const awaitOpened = (kind, number) => {
  endOpening(kind);
  const over = new Promise((end) => {
    const asked = { number, end };
    opening[kind] = asked;
    setTimeout(() => { if (opening[kind] === asked) endOpening(kind); }, MAX_OPENING);
  });
  opening[kind].over = over;
};
// By kind, the id that the next new conversation will have. So the page can ask for it, also if it was cut off or reloaded
// before it heard that its prompt has begun one.
const next = {};
const renew = (kind) => { next[kind] = makeId(); };
const makeId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
["chat", "comparison"].forEach(renew);
// A prompt waits until the page shows what it has asked for: that would be shown in the place of the prompt's answer. One
// that is sent behind it waits until the first is shown, too: Gradio hands both on in one component, and the second would
// go on from what the page showed before the first.
const MAX_HANDING_ON = 3000;  // milliseconds
const lastPrompt = {};  // by kind, a promise that the page shows it
const isShown = {};  // by kind, keeps that promise
window.llmHub.makeReady = (kind) => {
  const ready = Promise.resolve(lastPrompt[kind]).then(() => prepare(kind));
  lastPrompt[kind] = ready.then((prompt) => prompt && new Promise((resolve) => {
    isShown[kind] = resolve;
    setTimeout(resolve, MAX_HANDING_ON);
  }));
  return ready;
};
// One that is empty, or has come back into its box, is shown nowhere: the next one need not wait for it.
window.llmHub.isReturned = () => {
  drafts.returned();
  Object.values(isShown).forEach((end) => end());
};
const prepare = async (kind) => {
  while (opening[kind]) await opening[kind].over;
  const prompt = drafts.leave(kind, shown[kind].turns ?? 0);
  if (shown[kind].id) return prompt;
  begun.note(next[kind], kind, prompt);
  window.llmHub.nameNext[kind](next[kind]);
  return prompt;
};
const open = async (id, kind = "chat", more = {}) => {
  const number = newest[kind] = ++opens;
  awaitOpened(kind, number);
  if (kind === "comparison") window.llmHub.nameComparison(id);
  else window.llmHub.name(id, !more.temporary);
  // The server does not have what a visitor's browser keeps, until it is told.
  if (id && keeping === "browser") {
    await attempt(async () => {
      const document = await store.get(id);
      if (document) await request("PUT", `/${id}`, document);
    });
  }
  if (kind === "comparison") {
    if (!more.stays) await bringComparison();
    if (newest[kind] === number) window.llmHub.openComparison({ id, number, ...more });
  } else if (newest[kind] === number) window.llmHub.open({ id, number, ...more });
};
// Gradio builds what is in a tab once it is in front. What it is told of a part that it is still building, it shows last,
// in the place of what has come since: so the tab is there before a comparison is.
const bringComparison = () => new Promise((resolve) => {
  if (front() !== "comparison") window.llmHub.tab("Compare")?.click();
  const parts = { "#compare-prompt textarea": 1, "#compare-hint": 1, ".pane-past": 2, ".pane-live": 2, ".pane-line": 2 };
  const look = () => {
    if (Object.entries(parts).some(([part, count]) => document.querySelectorAll(part).length < count)) return;
    observer.disconnect();
    resolve();
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { childList: true, subtree: true });
  look();
  setTimeout(resolve, MAX_OPENING);
});
// A run is shown by its own tab, which Gradio builds once it is in front (ui/runs/run_tab.py).
const openRun = (id) => {
  window.llmHub.wantedRun = id;
  const tab = window.llmHub.tab("Runs");
  if (tab?.ariaSelected === "true") window.llmHub.showRun?.();
  else tab?.click();
};
// With `stays` the tab that is in front stays there.
const turnTo = (id, kind, more = {}) => {
  if (kind === "chat" && !more.stays) window.llmHub.tab("Chat")?.click();
  leaveBehind(kind, shown[kind], id);
  renew(kind);
  if (!id) begun.note("", kind);
  shown[kind] = { id, version: 0, kept: !more.temporary };
  isBack[kind] = drafts.open(kind, id) || isBack[kind];
  entitle();
  show();
  open(id, kind, more);
};
const go = (id, kind = "chat", more = {}) => {
  if (id !== named() || more.temporary) writeAddress(id, kind, true);
  turnTo(id, kind, more);
};
addEventListener("popstate", ({ state }) => turnTo(named(), heads.find((head) => head.id === named())?.kind ?? state ?? (named() ? "chat" : front())));

const keep = (head) => {
  const known = inList(head.id);
  if (keeping === "browser") sync(head.id);
  if (!known && keeping !== "browser") load();
  if (box.value.trim() && known?.version !== head.version) loadSoon();  // there may be more to find
  if (takeOver(head)) show();
};

// What was sent is kept, and is no draft any more. Of a visitor that is so once this browser has it: if the hub is killed
// before, the prompt stands in the box again.
const arrive = (kind, head) => {
  if (!drafts.hasArrived(kind, head.id, head.turns)) return;
  drafts.arrived(kind, head.id);
  begun.note(head.id, kind);
};

// The server was started again, has forgotten a conversation that rested, or is another one behind a load balancer. It is
// given what this browser has, and then the prompt that has come back into its box: whoever sent that need not do so twice.
const handOver = async (id, kind) => {
  isShown[kind]?.();  // the prompt that was sent is none that it will show
  await open(id, kind);
  await opening[kind]?.over;
  if (shown[kind].id !== id) drafts.putBack([kind]);  // it was deleted meanwhile
  for (const end = Date.now() + MAX_HANDING_ON; Date.now() < end && shown[kind].id === id;) {
    if (drafts.sendAgain(kind)) return;
    await new Promise(requestAnimationFrame);  // Gradio puts it there in its own time
  }
};
// Takes over what the server says about a conversation that it shows, on every change of it.
const opened = (head) => {
  if (!head.keeping) return;  // it is what the page has asked for, and not yet the server's answer
  const kind = head.kind ?? "chat";
  if (opening[kind] && head.wanted !== opening[kind].number) return head.id && head.kept && keep(head);  // it is from before
  const isAnswer = opening[kind];
  endOpening(kind);
  nav.removeAttribute("aria-busy");
  if (head.lost) return handOver(head.id, kind);
  if (head.comparison) {  // the address named a comparison, and the chat was asked for it
    shown.chat = { id: "", version: 0 };
    drafts.open("chat", "");
    return turnTo(head.comparison, "comparison");
  }
  const before = shown[kind];
  // A refresh that was made before a comparison's first prompt may come after it.
  if (kind === "comparison" && !isAnswer && !head.id && before.id) return;
  if (sought.id && (kind === "chat" || head.id === sought.id)) {
    if (head.id === sought.id) drafts.forget(kind, sought.prompt);
    else drafts.putBack([sought.kind]);
    sought = {};
  }
  if ((head.problem ?? "") !== (before.problem ?? "")) say(head.problem ?? "");
  if (drafts.hasArrived(kind, head.id, head.turns)) {
    if (keeping !== "browser" || !head.kept) arrive(kind, head);
  } else {
    if (head.id !== before.id) drafts.open(kind, head.id);
    if (isBack[kind]) drafts.putBack([kind]);
  }
  isBack[kind] = false;
  leaveBehind(kind, isAnswer ? {} : before, head.id);  // what was asked for and is not here stood nowhere
  shown[kind] = head;
  if (head.id !== before.id || head.turns !== before.turns) isShown[kind]?.();
  const isCarried = isCarrying && kind === "chat" && head.id !== before.id;
  if (isCarried) isCarrying = false;
  if ((isCarried || kind === front()) && head.id !== named()) writeAddress(head.id, kind, named() && !head.problem);
  entitle();
  if (head.id && head.kept) keep(head);
  else if (head.id !== before.id) show();
};
// A prompt on its way out of its box goes first. Else the server could hear of it last, and show it in the place of what
// was clicked after it.
document.addEventListener("click", async (click) => {
  const clicked = click.target.closest("#chat-new, #compare-new, #conversation-list a");
  const kind = front();
  if (!clicked || !drafts.isLeaving(kind)) return;
  click.preventDefault();
  click.stopImmediatePropagation();
  while (drafts.isLeaving(kind)) await new Promise(requestAnimationFrame);
  await lastPrompt[kind];
  clicked.click();
}, true);
// "Continue in Chat" was clicked last: the chat that it begins comes after the comparison, and not in its place.
let isCarrying = false;
document.addEventListener("click", ({ target }) => {
  isCarrying = Boolean(target.closest(".pane-carry"));
  const begin = target.closest("#chat-new, #compare-new");
  if (begin) go("", begin.id === "chat-new" ? "chat" : "comparison", { stays: true });
}, true);
// Another tab of the page is in front, by a click or by what the server did.
const turned = () => {
  if (isCarrying) return;
  if (!["chat", "comparison"].some((kind) => shown[kind].id === named()) && named()) return;
  if (shown[front()].id !== named()) writeAddress(shown[front()].id, front());
  entitle();
  show();
};
new MutationObserver((changes) => {
  if (changes.some(({ target }) => target.closest("#tabs [role=tab]"))) setTimeout(turned);
}).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });

// Writes what the server has and this browser has not into the browser's own store.
const syncing = new Map();
const sync = async (id, tell) => {
  if (syncing.has(id)) { syncing.set(id, true); return; }
  syncing.set(id, false);
  await attempt(async () => {
    const kept = await store.get(id);
    let document = await request("GET", `/${id}?after=${kept?.version ?? 0}`);
    const known = new Set(kept?.nodes.map(({ number }) => number));
    if (document?.nodes.some(({ number, turn }) => !turn.prompt && !known.has(number))) document = await request("GET", `/${id}`);
    if (document && document.version > (kept?.version ?? 0)) {
      const head = await store.put(document);
      others.postMessage("changed");
      if (box.value.trim() || !inList(id)) await load();
      else if (takeOver(head)) show();
    }
    // The hub was started again: nobody writes at that answer any more.
    if (!document && kept?.running && takeOver(await store.put({ ...kept, nodes: [], running: false }))) show();
    const version = Math.max(kept?.version ?? 0, document?.version ?? 0);
    for (const [kind, head] of Object.entries(shown)) if (head.id === id && head.version <= version) arrive(kind, head);
  }, tell);
  const again = syncing.get(id);
  syncing.delete(id);
  if (again) sync(id);
};

// An answer is also written in a conversation that was left: the list shows its end, and a visitor's browser keeps it.
const WATCH_INTERVAL = 3000;  // milliseconds
setInterval(() => {
  const left = isLost ? [] : heads.filter(({ id, kind, running }) => running && shown[kind]?.id !== id);
  if (keeping === "browser") left.forEach(({ id }) => sync(id, quiet));
  else if (left.length) load(quiet);
}, WATCH_INTERVAL);

// A connection that was lost (assets/gradio_fixes.js).

let isWritten = false;  // an answer, while the connection is lost
let inBox = false;  // a prompt that was not sent, while the connection is lost
let isLost = false;
addEventListener("hub-lost", ({ detail }) => {
  isLost = true;
  const unseen = ["chat", "comparison"].filter((kind) => !drafts.hasArrived(kind, shown[kind].id, shown[kind].turns));
  inBox = (detail.unsent && drafts.putBack(unseen, true)) || inBox;  // several requests of one prompt may fail
  ["chat", "comparison"].forEach((kind) => { isUnopened[kind] ||= Boolean(opening[kind]); });
  ["chat", "comparison"].forEach(endOpening);
  isWritten ||= detail.running;
  line.textContent = inBox ? "LLM Hub cannot be reached. Your prompt was not sent, it is in the box again."
    : isWritten ? "The connection was lost. The answer is being written on, and is shown once LLM Hub can be reached."
    : detail.unsent ? "LLM Hub cannot be reached. Trying again …"
    : "The connection was lost. Trying again …";
});
addEventListener("hub-refused", () => {
  drafts.putBack();
  ["chat", "comparison"].forEach(endOpening);
});
let sought = {};  // what was begun last by this page before it was reloaded
const isUnopened = {};  // by kind: the connection was lost before the server showed what was asked for
const isBack = {};  // by kind: the next thing that the server says is whether it has the prompt that was sent last
addEventListener("hub-back", async () => {
  inBox = isWritten = isLost = false;
  load();
  for (const kind of ["chat", "comparison"]) {
    const { id, kept, leaf, whole } = shown[kind];
    const isBegun = drafts.takeOut(kind) && !id;
    isBack[kind] = Boolean(id) || isBegun;
    if (!isBack[kind] && !isUnopened[kind]) continue;
    isUnopened[kind] = false;
    const more = { begun: isBegun, temporary: kept === false, settings: drafts.settings(id), leaf, whole };
    open(isBack[kind] ? id || next[kind] : "", kind, kind === "chat" ? more : { begun: isBegun, stays: kind !== front() });
  }
  // Said once what has become of a prompt is known: it is not in its box meanwhile.
  await Promise.all([opening.chat?.over, opening.comparison?.over]);
  if (isLost) return;
  line.textContent = BACK;
  setTimeout(() => { if (line.textContent === BACK) line.textContent = ""; }, 4000);
});

// The page begins: with what its address names, or asks for.

// Who reloads right after sending a first prompt, or leaves and comes back, may do so before the address names the
// conversation: the new page shows what was begun last. Where that has not begun, its prompt stands in the box.
const MAX_BEGUN_AGE = 60_000;  // milliseconds
const begun = {
  note(id, kind, prompt = "") {
    drafts.remember("begun", { id, kind, prompt, at: Date.now() }, "sessionStorage");
  },
  get last() {
    const last = drafts.recall("begun", "sessionStorage") ?? {};
    return performance.getEntriesByType("navigation")[0].type !== "navigate" && Date.now() - last.at < MAX_BEGUN_AGE ? last : {};
  },
};

const begin = () => {
  addEventListener("llm-hub-opened", ({ detail }) => opened(detail));
  const query = new URL(location.href).searchParams;
  const last = named() ? {} : begun.last;
  const [id, prompt] = [named() || last.id || "", query.has("models") ? "" : query.get("prompt") ?? ""];
  if (id !== named()) writeAddress(id, "chat", false);
  shown.chat.id = id;
  if (last.id) {
    sought = last;
    drafts.seek(last.kind, last.prompt);
  }
  if (query.has("models")) {
    bringComparison();  // what the server says of it may come before Gradio has the tabs
    if (/[^\s,]/.test(query.get("models")) && !window.llmHub.comparison?.().keeping) awaitOpened("comparison", 0);
  }
  if (prompt) drafts.add(prompt);
  isBack.chat = drafts.open("chat", id);
  const [, provider, model] = query.get("model")?.match(/^([^/]*)\/?(.*)$/s) ?? [];
  const fallback = query.has("fallback") ? { chain: query.get("fallback").replaceAll(",", "\n") } : {};
  window.llmHub.modelSettings.isLinked = Boolean(provider);
  if (query.has("run")) openRun(query.get("run"));
  open(id, "chat", { settings: provider ? { provider, model, ...fallback } : drafts.settings(id), begun: Boolean(last.id) });
  // A reload is to bring back what has become of the prompt, and not the address's once more.
  if (prompt || provider) writeAddress(id, "chat", false);
};
mark();
if (window.llmHub.open) begin();
else addEventListener("llm-hub-opened", begin, { once: true });
load().then(() => { if (keeping === "browser") heads.filter((head) => head.running).forEach((head) => sync(head.id)); });
