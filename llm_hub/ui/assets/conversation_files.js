// Conversations as files: one or all are saved, one is printed, and a file of them is imported. What the server does not
// have, it is sent. Runs in one function with conversation_list.js.

const asked = async (method, path, body) => {
  let response;
  try {
    response = await fetch(`conversations${path}`, { method, body });
  } catch {
    throw new Error("LLM Hub cannot be reached.");
  }
  if (response.ok) return response;
  const { problem } = await response.json().catch(() => ({}));
  throw new Error(problem ?? `LLM Hub refused that (${response.status}).`);
};
const exported = async (head, kind) => {
  const kept = keeping === "browser" && await store.get(head.id);
  if (kept) await request("PUT", `/${head.id}`, kept);
  return asked("GET", `/${head.id}/export?as=${kind}`);
};
const download = async (response) => {
  const name = response.headers.get("content-disposition").match(/filename\*=UTF-8''(.*)$/)[1];
  const link = make("a", "", { href: URL.createObjectURL(await response.blob()), download: decodeURIComponent(name) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
const save = (head, kind) => attempt(async () => download(await exported(head, kind)));
const print = (head) => attempt(async () => {
  const frame = make("iframe", "", { className: "print", srcdoc: await (await exported(head, "html")).text() });
  frame.sandbox = "allow-same-origin allow-modals";  // no script runs in it
  frame.onload = () => {
    frame.contentWindow.onafterprint = () => frame.remove();
    frame.contentWindow.print();
  };
  document.querySelectorAll("iframe.print").forEach((old) => old.remove());
  document.body.append(frame);
});
const saveAll = () => attempt(async () => {
  done.textContent = "Saving …";
  try {
    let body;
    if (keeping === "browser") {
      const documents = (await Promise.all((await store.list()).heads.map((head) => store.get(head.id)))).filter(Boolean);
      body = new Blob(['{"documents":[', documents.map((one) => JSON.stringify(one)).join(","), "]}"]);
    }
    await download(await asked("POST", "/export", body));
  } finally {
    done.textContent = "";
  }
});
const conversations = (count) => `${count} conversation${count === 1 ? "" : "s"}`;
const MAX_IMPORT_BYTES = 100 * 2 ** 20;  // as MAX_CONVERSATIONS_BYTES in serving/front_door/body_limit.py
const takeIn = () => attempt(async () => {
  const [chosen] = file.files;
  if (!chosen) return;
  say("");
  if (chosen.size > MAX_IMPORT_BYTES) {
    file.value = done.textContent = "";
    throw new Error(`${chosen.name} is larger than 100 MB, so nothing was imported. Choose the ZIP that it came in, or a part of it.`);
  }
  done.textContent = `Importing ${chosen.name} …`;
  let [added, known] = [0, 0];
  try {
    const answer = await (await asked("POST", "/import", chosen)).json();
    if (answer.documents) {
      added = await store.takeIn(answer.documents);
      known = answer.documents.length - added;
    } else [added, known] = [answer.conversations.length, answer.known];
  } catch (error) {
    done.textContent = "";
    throw error;
  } finally {
    file.value = "";
  }
  others.postMessage("changed");
  await load();
  const there = known ? `${conversations(known)} ${known === 1 ? "was" : "were"} here already.` : "";
  done.textContent = [added || !known ? `${conversations(added)} imported.` : "", there].filter(Boolean).join(" ");
});
find(".import").addEventListener("click", () => file.click());
file.addEventListener("change", takeIn);
find(".export").addEventListener("click", saveAll);
