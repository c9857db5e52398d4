// The list of conversations: searched, and each opened, renamed, pinned and deleted in place. Runs in the list's own HTML,
// in one function with open_conversation.js.
const { browserStore, httpStore, request, drafts, make } = window.llmHub;
let { keeping } = window.llmHub;
const store = keeping === "browser" ? browserStore() : httpStore();
const find = (selector) => element.querySelector(selector);
const [toggle, nav, box, temporary, note, list, line, done, file] =
  [".toggle", "nav", "[type=search]", ".temporary", ".note", "ul", ".line", ".done", "[type=file]"].map(find);
const block = element.closest("#conversations");  // its attributes are for conversations.css
block.dataset.list = drafts.recall("list") ?? "open";
const BACK = "The connection is back.";
const narrow = matchMedia("(max-width: 1100px)");
const others = new BroadcastChannel("llm-hub-conversations");
let heads = [];
const shown = { chat: { id: "", version: 0 }, comparison: { id: "", version: 0 } };  // what the server shows, by kind
let deleted = null;  // the head that a click on Undo brings back
let busy = { id: "", what: "" };  // the conversation whose actions are open, or whose title is being changed

const button = (text, act, label) => {
  const made = make("button", text, { type: "button", onclick: act });
  if (label) made.setAttribute("aria-label", label);
  return made;
};
const say = (text) => { note.textContent = text; };
const attempt = async (work, tell = say) => {
  try {
    return await work();
  } catch (error) {
    tell(error.message);
  }
};
const quiet = () => {};

// What is shown.

const DAY = 86_400_000;
const section = (head, midnight) => head.pinned ? "Pinned"
  : 1000 * head.changed_at >= midnight ? "Today"
  : Date.now() - 1000 * head.changed_at < 7 * DAY ? "Last 7 days" : "Earlier";
const title = (head) => head.shown_title || "Untitled";
const show = () => {
  if (busy.what === "rename" && list.querySelector("input")) return;  // that would end what is being typed
  const focused = document.activeElement?.closest?.("#conversation-list li");
  const focus = focused?.dataset.id;
  const rows = [];
  const [current, midnight, isWhole] = [shown[front()].id, new Date().setHours(0, 0, 0, 0), !box.value.trim()];
  let above = "";
  for (const head of heads) {
    const here = section(head, midnight);
    if (isWhole && here !== above) rows.push(make("li", above = here, { className: "section" }));
    rows.push(item(head, head.id === current));
  }
  if (deleted) rows.unshift(undoItem());
  list.replaceChildren(...rows);
  if (!heads.length && !deleted) list.append(make("li", box.value.trim() ? "Nothing found." : "No conversations yet.", { className: "none" }));
  if (focus && !list.contains(document.activeElement)) list.querySelector(`[data-id="${focus}"] :is(input, .actions button, a)`)?.focus();
  if (focused?.className === "deleted") list.querySelector(".deleted button")?.focus();
};
const item = (head, isShown) => {
  const entry = make("li");
  entry.dataset.id = head.id;
  entry.className = [head.kind, head.running && "running"].filter(Boolean).join(" ");
  if (busy.id === head.id && busy.what === "rename") {
    entry.append(titleBox(head));
    return entry;
  }
  const isRun = head.kind === "run";
  const link = make("a", title(head), { href: `?${isRun ? "run" : "c"}=${encodeURIComponent(head.id)}`, title: title(head), dir: "auto" });
  if (isShown) link.setAttribute("aria-current", "page");
  if (head.kind !== "chat") link.append(make("span", isRun ? "Run" : "Comparison", { className: "kind" }));
  if (head.running) link.append(make("span", "is being answered", { className: "hidden-text" }));
  if (head.excerpt) link.append(make("span", head.excerpt, { className: "excerpt", dir: "auto" }));
  link.addEventListener("click", (click) => {
    if (click.ctrlKey || click.metaKey || click.shiftKey) return;
    click.preventDefault();
    closeDrawer();
    if (isRun) openRun(head.id);
    else go(head.id, head.kind);
  });
  if (isRun) {
    entry.append(link);
    return entry;
  }
  const isOpen = busy.id === head.id;
  const more = button("⋯", () => { busy = isOpen ? {} : { id: head.id, what: "actions" }; show(); }, `Rename, pin, delete or save ${title(head)}`);
  more.className = "more";
  more.setAttribute("aria-expanded", isOpen);
  entry.append(link, more);
  if (isOpen) {
    const actions = make("div", "", { className: "actions" });
    actions.append(
      button("Rename", () => { busy = { id: head.id, what: "rename" }; show(); }),
      button(head.pinned ? "Unpin" : "Pin", () => change(head, { pinned: !head.pinned })),
      button("Delete", () => remove(head)),
      make("span", "Save as"),
      button("Markdown", () => save(head, "markdown"), "Save as Markdown"),
      button("JSON", () => save(head, "json"), "Save as JSON"),
      button("Print", () => print(head), "Print"),
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

const inList = (id) => heads.find((head) => head.id === id);
// Takes over what has changed of a conversation in the list, and tells whether that is seen.
const takeOver = ({ id, running, shown_title, changed_at, version }) => {
  const known = inList(id);
  if (!known || (known.running === running && known.shown_title === shown_title)) return false;
  Object.assign(known, { running, shown_title, changed_at, version });
  if (!box.value.trim()) heads.sort((one, other) => other.pinned - one.pinned || other.changed_at - one.changed_at);
  return true;
};
let loads = 0;
const load = (tell) => attempt(async () => {
  const number = ++loads;
  const found = await store.list(box.value.trim());
  if (number !== loads) return;
  const before = JSON.stringify(heads);
  if (found.problem) say(found.problem);
  if (found.keeping === "off" && keeping !== "off") {  // the hub keeps its owner's alone, and somebody else is here
    keeping = "off";
    line.textContent = found.problem;
    setTimeout(() => { line.textContent = ""; }, 15000);
    block.classList.add("off");
  }
  heads = found.heads;
  for (const head of Object.values(shown)) if (head.version > inList(head.id)?.version) takeOver(head);  // it came meanwhile
  if (tell !== quiet || JSON.stringify(heads) !== before) show();
}, tell);
let waiting;
const loadSoon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(load, 150);
};
const change = (head, changes) => attempt(async () => {
  busy = {};
  say("");
  // A visitor's conversation is also in the memory of the hub, which would bring the old title back.
  if (keeping === "browser") await request("PATCH", `/${head.id}`, changes);
  const changed = await store.change(head.id, changes);
  if (changed && shown[head.kind].id === head.id) Object.assign(shown[head.kind], { shown_title: changed.shown_title }), entitle();
  others.postMessage("changed");
  await load();
  return true;
}, (problem) => { say(problem); show(); });
const remove = async (head) => {
  deleted = { ...head, wasOpen: shown[head.kind].id === head.id };
  if (!await change(head, { deleted: true })) {
    deleted = null;
    return show();
  }
  list.querySelector(".deleted button")?.focus();
  if (deleted.wasOpen) turnTo("", head.kind, { stays: true });
  forget(head);
};
const restore = async () => {
  const head = deleted;
  deleted = null;
  if (!await change(head, { deleted: false })) {
    deleted = head;
    return show();
  }
  list.querySelector(`[data-id="${head.id}"] a`)?.focus();
  if (head.wasOpen) turnTo(head.id, head.kind, { stays: true });
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
box.addEventListener("input", () => { deleted = null; loadSoon(); });
temporary.addEventListener("click", () => { closeDrawer(); go("", "chat", { temporary: true }); });
others.addEventListener("message", () => { if (!document.hidden) load(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
