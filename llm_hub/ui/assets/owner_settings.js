// What the owner enters goes to the server and nowhere else: no event of Gradio's carries it, and the page does not keep
// it. The part shows itself once the server has answered: it does not answer those who come through a proxy.
const PATH = "owner/settings";
const [keys, servers, route] = element.querySelectorAll("form");
const [keyList, serverList] = element.querySelectorAll("ul");
let rows = [];

const say = (form, text, mood = "") => {
  const message = form.nextElementSibling;
  message.textContent = text;
  message.className = mood;
};
const request = async (form, change) => {
  try {
    const answer = await fetch(PATH, change ? { method: "PUT", body: JSON.stringify(change) } : {});
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    if (change) say(form, body.problem ?? "LLM Hub refused that. Try again in a moment.", "bad");
  } catch {
    if (change) say(form, "LLM Hub cannot be reached. Try again.", "bad");
  }
};
const { make } = window.llmHub;
const item = (...parts) => {
  const item = document.createElement("li");
  item.append(...parts);
  return item;
};
// Sets something: says what came of it, and tells the page's lists.
const change = async (form, wish, told) => {
  say(form, "Saving …");
  const answer = await request(form, wish);
  if (!answer) return false;
  show(answer);
  say(form, told, "good");
  window.llmHub.keysChanged();
  return true;
};
const word = (row) => row.fixed ? `${row.variable} in the environment` : row.last ? `ends in ${row.last}` : "saved";
const chosen = () => rows.find((row) => row.name === keys.elements.provider.value);
const where = () => {
  const row = chosen();
  if (!row) return;
  keys.querySelector(".where").textContent = row.fixed
    ? `${row.variable} is set in the environment. It is changed there, not here.`
    : `It is sent to ${row.host} only.`;
  keys.querySelector("[type=submit]").disabled = row.fixed;
};
const lock = (form, { fixed, variable }) => {
  form.querySelectorAll("input, button").forEach((part) => { part.disabled = fixed; });
  form.querySelector(".where").textContent = fixed ? `${variable} is set in the environment. It is changed there, not here.` : "";
};
const show = (answer) => {
  rows = answer.keys;
  element.querySelectorAll(".file").forEach((part) => { part.textContent = answer.file; });
  const { provider } = keys.elements, before = provider.value;
  provider.replaceChildren(...rows.map((row) => make("option", row.title, { value: row.name })));
  if (rows.some((row) => row.name === before)) provider.value = before;
  where();
  keyList.replaceChildren(...rows.filter((row) => row.held).map((row) => item(
    make("b", row.title),
    make("span", word(row), { className: "word" }),
    ...(row.fixed ? [] : [window.llmHub.workButton("Remove", `Remove the key for ${row.title}`, async () => {
      if (await change(keys, { provider: row.name, key: "" }, `The key for ${row.title} is removed.`)) provider.focus();
    })]),
  )));
  const isFixed = answer.servers.fixed;
  lock(servers, answer.servers);
  serverList.replaceChildren(...Object.entries(answer.servers.set).map(([name, url]) => item(
    make("b", name),
    make("span", url, { className: "word" }),
    ...(isFixed ? [] : [window.llmHub.workButton("Remove", `Remove the server ${name}`, async () => {
      if (await change(servers, { server: name }, `${name} is removed.`)) servers.elements.name.focus();
    })]),
  )));
  lock(route, answer.route);
  route.elements.route.value = answer.route.set;
};

keys.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { key } = keys.elements, row = chosen(), typed = key.value.trim();
  if (!typed) { say(keys, "Paste a key first."); key.focus(); return; }
  key.value = "";
  await change(keys, { provider: row.name, key: typed }, `The key for ${row.title} is saved, and used from now on.`);
});
servers.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, url, key } = servers.elements;
  const [server, address, typed] = [name, url, key].map((field) => field.value.trim());
  if (!server || !address) { say(servers, "Enter a name and an address first."); (server ? url : name).focus(); return; }
  key.value = "";
  const wish = { server, url: address, key: typed };
  if (await change(servers, wish, `${server} is saved, and can be chosen from now on.`)) name.value = url.value = "";
});
route.addEventListener("submit", async (event) => {
  event.preventDefault();
  const typed = route.elements.route.value.trim();
  await change(route, { route: typed }, typed ? "The route is saved, and used from now on." : "The route is removed.");
});
keys.elements.provider.addEventListener("change", where);

// Without an answer the visitors' own form takes over, also for a key that a note has asked for.
const begin = async () => {
  const answer = await request(keys);
  if (answer) {
    show(answer);
    element.firstElementChild.hidden = false;
  }
  window.llmHub.keyForm(answer ? keys : document.querySelector("#keys-own form"));
};
begin();
