// What is typed goes to the server and nowhere else: no event of Gradio's carries it, and the page does not keep it.
const PATH = "visitor/keys";
const form = element.querySelector("form");
const provider = form.querySelector("select");
const key = form.querySelector("input");
const message = element.querySelector("[role=status]");
const list = element.querySelector("ul");
let rows = [];
window.llmHub.keysChanged = () => trigger("keys_changed");

const say = (text, mood = "") => { message.textContent = text; message.className = mood; };
const request = async (method, name = "", rest = "", content = undefined) => {
  try {
    const path = name ? `${PATH}/${encodeURIComponent(name)}${rest}` : PATH;
    const answer = await fetch(path, { method, body: content });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    say(body.problem ?? "LLM Hub refused that. Try again in a moment.", "bad");
  } catch {
    say("LLM Hub cannot be reached. Try again.", "bad");
  }
};
const { make } = window.llmHub;
const where = () => {
  const row = rows.find((row) => row.name === provider.value);
  if (row) element.querySelector(".where").textContent = `It is sent to ${row.host} only.`;
};
const show = (answer) => {
  rows = answer.providers;
  const chosen = provider.value;
  provider.replaceChildren(...rows.map((row) => make("option", row.title, { value: row.name })));
  if (rows.some((row) => row.name === chosen)) provider.value = chosen;
  where();
  list.replaceChildren(...rows.filter((row) => row.held).map((row) => {
    const item = document.createElement("li");
    item.append(
      make("b", row.title),
      make("span", row.last ? `ends in ${row.last}` : "kept", { className: "word" }),
      window.llmHub.workButton("Test", `Test your key for ${row.title}`, () => test(row)),
      window.llmHub.workButton("Clear", `Clear your key for ${row.title}`, async () => {
        const answer = await request("DELETE", row.name);
        if (answer) { show(answer); say(`Your key for ${row.title} is forgotten.`); trigger("keys_changed"); provider.focus(); }
      }),
    );
    return item;
  }));
};
const test = async (row) => {
  say(`Asking ${row.title} …`);
  const result = await request("POST", row.name, "/test");
  if (result?.works) say(`${row.title} works: ${result.models} model${result.models === 1 ? "" : "s"}.`, "good");
  else if (result) say(result.told, "bad");
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, typed] = [provider.value, key.value.trim()];
  if (!typed) { say("Paste a key first."); key.focus(); return; }
  key.value = "";
  const answer = await request("PUT", name, "", typed);
  if (!answer) return;
  show(answer);
  trigger("keys_changed");
  await test(rows.find((row) => row.name === name));
});
provider.addEventListener("change", where);
request("GET").then((answer) => {
  if (answer) show(answer);
  if (!document.querySelector("#keys-owner")) window.llmHub.keyForm(form);
});
