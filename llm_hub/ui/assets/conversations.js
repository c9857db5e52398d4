// The list of conversations, and which of them the page shows: its address and title name it, so that a reload, Back, a
// second tab and a bookmark come back to it. Runs in the list's own HTML. `llmHub.open` asks the server for a
// conversation, and the window's event `llm-hub-opened` tells what it shows (ui/chat/open_wish.py).
const { keeping, browserStore, httpStore, request, drafts } = window.llmHub;
const store = keeping === "browser" ? browserStore() : httpStore();
const find = (selector) => element.querySelector(selector);
const [toggle, nav, box, temporary, note, list, line] =
  [".toggle", "nav", "[type=search]", ".temporary", ".note", "ul", ".line"].map(find);
const block = element.closest("#conversations");  // its attributes are for conversations.css
block.dataset.list = drafts.recall("list") ?? "open";
const BACK = "The connection is back.";
const narrow = matchMedia("(max-width: 1100px)");
const others = new BroadcastChannel("llm-hub-conversations");
const left = { chat: "", comparison: "" };  // what was shown before, until the server shows another one
let heads = [];
const shown = { chat: { id: "", version: 0 }, comparison: { id: "", version: 0 } };  // what the server shows, by kind
let deleted = null;  // the head that a click on Undo brings back
let busy = { id: "", what: "" };  // the conversation whose actions are open, or whose title is being changed

const make = (tag, text = "", more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
const button = (text, act, label) => {
  const made = make("button", text, { type: "button", onclick: act });
  if (label) made.setAttribute("aria-label", label);
  return made;
};
const say = (text) => { note.textContent = text; };
const attempt = async (work) => {
  try {
    return await work();
  } catch (error) {
    say(error.message);
  }
};

// What is shown.

const DAY = 86_400_000;
const section = (head) => head.pinned ? "Pinned"
  : new Date(1000 * head.changed_at).toDateString() === new Date().toDateString() ? "Today"
  : Date.now() - 1000 * head.changed_at < 7 * DAY ? "Last 7 days" : "Earlier";
const title = (head) => head.shown_title || "Untitled";
const show = () => {
  const focus = document.activeElement?.closest?.("#conversation-list li")?.dataset.id;
  const shown = [];
  let above = "";
  for (const head of heads) {
    if (!box.value.trim() && section(head) !== above) shown.push(make("li", above = section(head), { className: "section" }));
    shown.push(item(head));
  }
  if (deleted) shown.unshift(undoItem());
  list.replaceChildren(...shown);
  if (!heads.length && !deleted) list.append(make("li", box.value.trim() ? "Nothing found." : "No conversations yet.", { className: "none" }));
  if (focus && !list.contains(document.activeElement)) list.querySelector(`[data-id="${focus}"] :is(input, .actions button, a)`)?.focus();
};
const item = (head) => {
  const entry = make("li");
  entry.dataset.id = head.id;
  entry.className = [head.kind, head.running && "running"].filter(Boolean).join(" ");
  if (busy.id === head.id && busy.what === "rename") {
    entry.append(titleBox(head));
    return entry;
  }
  const link = make("a", title(head), { href: address(head.id), title: title(head), dir: "auto" });
  if (head.id === shown[front()].id) link.setAttribute("aria-current", "page");
  if (head.kind === "comparison") link.append(make("span", "Comparison", { className: "kind" }));
  if (head.running) link.append(make("span", "is being answered", { className: "hidden-text" }));
  if (head.excerpt) link.append(make("span", head.excerpt, { className: "excerpt", dir: "auto" }));
  link.addEventListener("click", (click) => {
    if (click.ctrlKey || click.metaKey || click.shiftKey) return;
    click.preventDefault();
    go(head.id, head.kind);
  });
  const isOpen = busy.id === head.id;
  const more = button("⋯", () => { busy = isOpen ? {} : { id: head.id, what: "actions" }; show(); }, `Rename, pin or delete ${title(head)}`);
  more.className = "more";
  more.setAttribute("aria-expanded", isOpen);
  entry.append(link, more);
  if (isOpen) {
    const actions = make("div", "", { className: "actions" });
    actions.append(
      button("Rename", () => { busy = { id: head.id, what: "rename" }; show(); }),
      button(head.pinned ? "Unpin" : "Pin", () => change(head, { pinned: !head.pinned })),
      button("Delete", () => remove(head)),
    );
    entry.append(actions);
  }
  return entry;
};
const titleBox = (head) => {
  const field = make("input", "", { value: head.shown_title, maxLength: 80, dir: "auto" });
  field.setAttribute("aria-label", "Title");
  const end = (keep) => {
    if (!field.onblur) return;
    field.onblur = null;
    busy = {};
    if (keep && field.value !== head.shown_title) change(head, { title: field.value });
    else show();
  };
  field.onblur = () => end(true);
  field.addEventListener("keydown", (key) => {
    if (key.isComposing || !["Enter", "Escape"].includes(key.key)) return;
    key.stopPropagation();
    end(key.key === "Enter");
  });
  queueMicrotask(() => { field.focus(); field.select(); });
  return field;
};
const undoItem = () => {
  const entry = make("li", "Deleted. ", { className: "deleted" });
  entry.append(button("Undo", () => restore(), `Undo the deletion of ${title(deleted)}`));
  return entry;
};

// What changes.

let loads = 0;
const load = () => attempt(async () => {
  const number = ++loads;
  const found = await store.list(box.value.trim());
  if (number !== loads) return;
  if (found.problem) say(found.problem);
  heads = found.heads;
  show();
});
const change = (head, changes) => attempt(async () => {
  busy = {};
  // A visitor's conversation is also in the memory of the hub, which would bring the old title back.
  if (keeping === "browser") await request("PATCH", `/${head.id}`, changes).catch(() => null);
  const changed = await store.change(head.id, changes);
  if (changed && shown[head.kind].id === head.id) Object.assign(shown[head.kind], { shown_title: changed.shown_title }), entitle();
  others.postMessage("changed");
  await load();
});
const remove = async (head) => {
  deleted = { ...head, wasOpen: shown[head.kind].id === head.id };
  await change(head, { deleted: true });
  list.querySelector(".deleted button")?.focus();
  if (deleted.wasOpen) go("", head.kind);
};
const restore = async () => {
  const head = deleted;
  deleted = null;
  await change(head, { deleted: false });
  list.querySelector(`[data-id="${head.id}"] a`)?.focus();
  if (head.wasOpen) go(head.id, head.kind);
};

// Which conversation is open: a chat and a comparison at once, and the address names the one whose tab is in front.

const address = (id) => {
  const url = new URL(location.href);
  url.search = id ? `?c=${encodeURIComponent(id)}` : "";
  return url.href;
};
const named = () => new URL(location.href).searchParams.get("c") ?? "";
const front = () => document.querySelector("#compare")?.checkVisibility() ? "comparison" : "chat";
const entitle = () => {
  const head = shown[front()];
  const name = head.kept === false && keeping !== "off" ? "Temporary chat" : head.shown_title;
  document.title = head.id && name ? `${name} · LLM Hub` : "LLM Hub";
  block.toggleAttribute("data-temporary", shown.chat.kept === false && keeping !== "off");
};
const open = async (id, more = {}) => {
  // The server does not have what a visitor's browser keeps, until it is told.
  if (id && keeping === "browser") {
    await attempt(async () => {
      const document = await store.get(id);
      if (document) await request("PUT", `/${id}`, document);
    });
  }
  window.llmHub.open({ id, ...more });
};
const turnTo = (id, kind, more = {}) => {
  left[kind] = shown[kind].id;
  shown[kind] = { id, version: 0, kept: !more.temporary };
  drafts.open(kind, id);
  entitle();
  show();
  open(id, more);
};
const go = (id, kind = "chat", more = {}) => {
  if (!id || id !== named()) history.pushState(null, "", address(id));
  closeDrawer();
  turnTo(id, kind, more);
};
addEventListener("popstate", () => turnTo(named(), heads.find((head) => head.id === named())?.kind ?? "chat"));

const keep = (head) => {
  const known = heads.find((known) => known.id === head.id);
  if (keeping === "browser") sync(head.id);
  if (!known && keeping !== "browser") load();
  if (!known || (known.running === head.running && known.shown_title === head.shown_title)) return;
  const { running, shown_title, changed_at } = head;
  Object.assign(known, { running, shown_title, changed_at });
  if (!box.value.trim()) heads.sort((one, other) => other.pinned - one.pinned || other.changed_at - one.changed_at);
  show();
};

// Takes over what the server says about a conversation that it shows, on every change of it.
const opened = (head) => {
  const kind = head.kind ?? "chat";
  nav.removeAttribute("aria-busy");
  if (head.id && head.id === left[kind]) return head.kept && keep(head);  // the reader has turned to another one
  left[kind] = "";
  if (head.lost) return open(head.id);  // it was started again, and is given what this browser has
  const before = shown[kind];
  say(head.problem ?? "");
  if (drafts.isSent(kind) && head.version > (before.version ?? 0)) drafts.arrived(kind, head.id);
  else if (head.id !== before.id) drafts.open(kind, head.id);
  shown[kind] = head;
  if (kind === front() && head.id !== named()) {
    if (head.id || named()) history[named() && !head.problem ? "pushState" : "replaceState"](null, "", address(head.id));
  }
  entitle();
  if (head.id && head.kept) keep(head);
  else if (head.id !== before.id) show();
};
document.addEventListener("click", ({ target }) => {
  if (target.closest("#tabs [role=tab]")) setTimeout(() => {
    if (!["chat", "comparison"].some((kind) => shown[kind].id === named()) && named()) return;
    if (shown[front()].id !== named() && (shown[front()].id || named())) history.replaceState(null, "", address(shown[front()].id));
    entitle();
    show();
  });
});

// Writes what the server has and this browser has not into the browser's own store.
const syncing = new Map();
const sync = async (id) => {
  if (syncing.has(id)) { syncing.set(id, true); return; }
  syncing.set(id, false);
  await attempt(async () => {
    const kept = await store.get(id);
    const document = await request("GET", `/${id}?after=${kept?.version ?? 0}`);
    if (document && document.version > (kept?.version ?? 0)) {
      await store.put(document);
      others.postMessage("changed");
      await load();
    }
  });
  const again = syncing.get(id);
  syncing.delete(id);
  if (again) sync(id);
};

// The reader's hands: the toggle, the search, a temporary chat, and the keyboard.

const expanded = () => block.dataset[narrow.matches ? "drawer" : "list"] === "open";
const mark = () => { toggle.setAttribute("aria-expanded", expanded()); nav.inert = !expanded(); };
const closeDrawer = () => {
  delete block.dataset.drawer;
  mark();
};
toggle.addEventListener("click", () => {
  const [name, state] = [narrow.matches ? "drawer" : "list", expanded() ? "closed" : "open"];
  block.dataset[name] = state;
  if (name === "list") drafts.remember(name, state);
  mark();
  if (expanded()) box.focus();
});
narrow.addEventListener("change", closeDrawer);
document.addEventListener("pointerdown", (press) => { if (narrow.matches && expanded() && !element.contains(press.target)) closeDrawer(); });
element.addEventListener("keydown", (key) => {
  if (key.key !== "Escape") return;
  key.stopPropagation();  // it would stop the answer
  if (busy.id) { busy = {}; show(); } else if (narrow.matches) { closeDrawer(); toggle.focus(); }
});
let typing;
box.addEventListener("input", () => { clearTimeout(typing); deleted = null; typing = setTimeout(load, 120); });
temporary.addEventListener("click", () => go("", "chat", { temporary: true }));
others.addEventListener("message", load);
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });

// A connection that was lost (assets/gradio_fixes.js).

addEventListener("hub-lost", ({ detail }) => {
  const inBox = detail.unsent && drafts.putBack();
  line.textContent = inBox ? "LLM Hub cannot be reached. Your prompt was not sent, it is in the box again."
    : detail.unsent ? "LLM Hub cannot be reached. Trying again …"
    : detail.running ? "The connection was lost. The answer is being written on, and is shown once LLM Hub can be reached."
    : "The connection was lost. Trying again …";
});
addEventListener("hub-back", () => {
  line.textContent = BACK;
  setTimeout(() => { if (line.textContent === BACK) line.textContent = ""; }, 4000);
  open(shown[front()].id, { settings: drafts.settings(shown.chat.id) });
});

// The page begins: with what its address names, or asks for.

const begin = () => {
  addEventListener("llm-hub-opened", ({ detail }) => opened(detail));
  const query = new URL(location.href).searchParams;
  const [id, prompt] = [named(), query.has("models") ? "" : query.get("prompt") ?? ""];
  shown.chat.id = id;
  if (prompt) drafts.add(prompt);
  ["chat", "comparison"].forEach((kind) => drafts.open(kind, id));
  const [, provider, model] = query.get("model")?.match(/^([^/]*)\/?(.*)$/s) ?? [];
  open(id, { settings: provider ? { provider, model } : drafts.settings(id) });
  // A reload is to bring back what has become of the prompt, and not the address's once more.
  if (prompt || provider) history.replaceState(null, "", address(id));
};
mark();
if (window.llmHub.open) begin();
else addEventListener("llm-hub-opened", begin, { once: true });
load().then(() => { if (keeping === "browser") heads.filter((head) => head.running).forEach((head) => sync(head.id)); });
