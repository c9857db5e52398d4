// Where this browser finds conversations: in the hub's database, or in the browser itself (IndexedDB). Both stores have
//   list(search)  {heads, problem}: the heads of all conversations, or of those in which every word of the search occurs,
//                 pinned ones first and then the newest; a head that was searched for has an `excerpt`
//   get(id)       the document of a conversation, null if there is none
//   change(id, {title, pinned, deleted})  gives the new head, null if there is none; a deletion can be undone for a day
// and reject with an Error whose message is for the reader. What the server writes into its database by itself, this
// browser is told with
//   put(document) keeps a document, or the turns of one that have changed, and gives its head.
window.llmHub ??= {};
(() => {
  const DAY = 86400;
  const MAX_TITLE_CHARS = 80;
  const TROUBLE = {
    QuotaExceededError: "This browser has no room left for LLM Hub. Delete conversations, or make room on the disk.",
    UnknownError: "This browser cannot read its storage. Restarting it may help.",
  };

  // The hub's database. `request` gives null for what is not there.

  const request = async (method, path, body) => {
    let response, answer;
    try {
      response = await fetch(`conversations${path}`, { method, ...body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } } });
      answer = await response.json();
    } catch {
      throw new Error("LLM Hub cannot be reached.");
    }
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(answer.problem ?? answer.detail ?? `LLM Hub refused that (${response.status}).`);
    return answer;
  };

  const httpStore = () => ({
    async list(search = "") {
      const answer = await request("GET", `?search=${encodeURIComponent(search)}`);
      return { heads: answer?.conversations ?? [], problem: answer?.problem ?? "", keeping: answer?.keeping };
    },
    get: (id) => request("GET", `/${encodeURIComponent(id)}`),
    change: (id, changes) => request("PATCH", `/${encodeURIComponent(id)}`, changes),
  });

  // This browser. Heads stand apart from turns, so that a list reads no turns; texts stand apart for the search.

  const STEPS = [
    (base) => {
      base.createObjectStore("heads", { keyPath: "id" });
      base.createObjectStore("nodes", { keyPath: ["id", "number"] });
      base.createObjectStore("texts", { keyPath: "id" });
    },
  ];

  const explained = (error) => new Error(TROUBLE[error?.name] ?? `This browser could not keep the conversation (${error?.name}).`);
  const result = (asked) => new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(explained(asked.error));
  });
  const opened = (name) => new Promise((resolve, reject) => {
    const asked = indexedDB.open(name, STEPS.length);
    asked.onupgradeneeded = ({ oldVersion }) => STEPS.slice(oldVersion).forEach((step) => step(asked.result));
    asked.onsuccess = () => {
      asked.result.onversionchange = () => asked.result.close();  // another tab has a newer page
      resolve(asked.result);
    };
    asked.onerror = () => reject(explained(asked.error));
    asked.onblocked = () => reject(new Error("Another tab has an older page of LLM Hub open. Reload that one."));
  });
  const of = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);
  const newest = (one, other) => other.pinned - one.pinned || other.changed_at - one.changed_at;
  const cut = (title) => title.split(/\s+/).filter(Boolean).join(" ").slice(0, MAX_TITLE_CHARS);
  const firstLine = (text) => {
    const line = text.trim().split("\n")[0].split(/\s+/).join(" ");
    return line.length <= MAX_TITLE_CHARS ? line : `${line.slice(0, MAX_TITLE_CHARS - 1)}…`;
  };
  // A word in any case. As an expression it is found in a tenth of the time that texts take to be made lower case.
  const expression = (word) => new RegExp(word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "iu");
  const excerpt = (text, word) => {
    const { index: at = 0, 0: match = "" } = text.match(word) ?? {};
    const [from, to] = [Math.max(0, at - 40), at + match.length + 80];
    return `${from ? "…" : ""}${text.slice(from, to).replace(/\s+/g, " ")}${to < text.length ? "…" : ""}`;
  };

  const browserStore = (name = "llm-hub") => {
    let base;
    const begin = async (mode, ...stores) => {
      try {
        base ??= opened(name);
        return (await base).transaction(stores, mode);
      } catch (error) {
        base = undefined;  // the next call opens it anew
        throw error instanceof DOMException ? explained(error) : error;
      }
    };
    // Everything that `work` writes is kept, or nothing of it.
    const write = async (work) => {
      const transaction = await begin("readwrite", "heads", "nodes", "texts");
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(explained(transaction.error));
      });
      const store = (name) => transaction.objectStore(name);
      const worked = work(store("heads"), store("nodes"), store("texts"));
      worked.catch(() => { try { transaction.abort(); } catch { /* it has ended by itself */ } });
      const value = await Promise.all([worked, done]);
      return value[0];
    };
    const writeText = async (head, nodes, texts) => {
      const turns = (await result(nodes.getAll(of(head.id)))).map(({ turn }) => [turn.prompt.text, turn.text, turn.reasoning]);
      texts.put({ id: head.id, text: turns.flat().filter(Boolean).join("\n").normalize("NFKC") });
    };
    const sweep = () => write(async (heads, nodes, texts) => {
      const before = Date.now() / 1000 - DAY;
      for (const head of await result(heads.getAll())) {
        if (head.deleted_at && head.deleted_at < before) [heads, texts].forEach((store) => store.delete(head.id)), nodes.delete(of(head.id));
      }
    });
    let swept;

    // As conversations/imports/merge.py.
    const isPart = (turns, others) => turns.length <= others.length && turns.every(({ parent, pane, turn }, place) => {
      const same = others[place];
      return parent === same.parent && pane === same.pane && turn.prompt.text === same.turn.prompt.text
        && (same.turn.text ?? "").startsWith(turn.text ?? "");
    });
    const takeInOne = async (document, heads, nodes, texts) => {
      const { nodes: turns, copy_id, ...head } = document;
      for (const id of [head.id, copy_id]) {
        const kept = await result(heads.get(id));
        const before = kept && !kept.deleted_at ? await result(nodes.getAll(of(id))) : [];
        if (before.length && isPart(turns, before)) return 0;
        if (!isPart(before, turns) || (before.length && kept.running)) continue;
        const version = Math.max(head.version, kept?.version ?? 0) + 1;
        nodes.delete(of(id));
        turns.forEach((node) => nodes.put({ ...node, version, id }));
        const { title, shown_title, pinned } = before.length && kept.title ? kept : head;
        heads.put({ ...head, id, version, title, shown_title, pinned, deleted_at: 0 });
        await writeText({ id }, nodes, texts);
        return 1;
      }
      return 0;
    };

    return {
      // Keeps what was imported, all or none, and gives how many of it were not here.
      takeIn: (documents) => write(async (heads, nodes, texts) => {
        let added = 0;
        for (const document of documents) added += await takeInOne(document, heads, nodes, texts);
        return added;
      }),
      async list(search = "") {
        swept ??= sweep();
        await swept;
        const words = search.normalize("NFKC").split(/\s+/).filter(Boolean).map(expression);
        const transaction = await begin("readonly", "heads", "texts");
        const [heads, texts] = await Promise.all([
          result(transaction.objectStore("heads").getAll()),
          words.length ? result(transaction.objectStore("texts").getAll()) : [],
        ]);
        const alive = heads.filter((head) => !head.deleted_at).sort(newest);
        if (!words.length) return { heads: alive, problem: "" };
        const text = new Map(texts.map((kept) => [kept.id, kept.text]));
        const found = alive.flatMap((head) => {
          const all = [head.title, text.get(head.id) ?? ""];
          const isFound = words.every((word) => all.some((part) => word.test(part)));
          return isFound ? [{ ...head, excerpt: excerpt(all.join("\n"), words[0]) }] : [];
        });
        return { heads: found, problem: "" };
      },
      async get(id) {
        const transaction = await begin("readonly", "heads", "nodes");
        const [head, nodes] = await Promise.all([
          result(transaction.objectStore("heads").get(id)),
          result(transaction.objectStore("nodes").getAll(of(id))),
        ]);
        if (!head || head.deleted_at) return null;
        return { ...head, nodes: nodes.map(({ id, ...node }) => node) };
      },
      // Two tabs may write at once, and an older state may come late: what is newer stays.
      put: ({ nodes: turns = [], ...head }) => write(async (heads, nodes, texts) => {
        const kept = await result(heads.get(head.id));
        for (const node of turns) {
          const before = await result(nodes.get([head.id, node.number]));
          if (before && node.version < before.version) continue;
          const prompt = node.turn.prompt ?? before.turn.prompt;  // one that is here already is not sent again
          nodes.put({ ...node, turn: { ...node.turn, prompt }, id: head.id });
        }
        const shown = !kept || head.version >= kept.version ? { ...head, deleted_at: kept?.deleted_at ?? 0 } : kept;
        heads.put(shown);
        if (!head.running || turns.some(({ turn }) => turn.prompt)) await writeText(head, nodes, texts);  // not at each step of an answer
        return shown;
      }),
      change: (id, { title, pinned, deleted }) => write(async (heads, nodes) => {
        const head = await result(heads.get(id));
        if (!head) return null;
        if (title !== undefined) {
          head.title = cut(title);
          head.shown_title = head.title || firstLine((await result(nodes.get([id, 1])))?.turn.prompt.text ?? "");
        }
        if (pinned !== undefined) head.pinned = pinned;
        if (deleted !== undefined) head.deleted_at = deleted ? Date.now() / 1000 : 0;
        heads.put(head);
        return head;
      }),
    };
  };

  Object.assign(window.llmHub, { httpStore, browserStore, request });
})();
