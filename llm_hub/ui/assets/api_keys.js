// Keys of the hub's own API. A new one is shown once, in the part that says so: no event of Gradio's carries it. The part
// shows itself once the server has answered: it does not answer those who come through a proxy.
const PATH = "owner/api-keys";
const form = element.querySelector("form"), message = form.nextElementSibling;
const made = element.querySelector(".made"), list = element.querySelector("ul");
const { make } = window.llmHub;

const say = (text, mood = "") => { message.textContent = text; message.className = mood; };
const request = async (method, change) => {
  try {
    const answer = await fetch(PATH, { method, ...(change && { body: JSON.stringify(change) }) });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    if (change || answer.status !== 403) say(body.problem ?? "LLM Hub refused that. Try again in a moment.", "bad");
    return answer.status === 403 ? undefined : { keys: [], ...body };
  } catch {
    if (change) say("LLM Hub cannot be reached. Try again.", "bad");
  }
};
const number = (value) => value.toLocaleString("en");
const dollars = (value) => `$${value >= 0.01 || !value ? value.toFixed(2) : value.toPrecision(1)}`;
const WRITE = { requests: (n) => `${number(n)} ${n === 1 ? "request" : "requests"}`, tokens: (n) => `${number(n)} tokens`, dollars };
const use = ({ limits, today }) => Object.entries(WRITE).map(([unit, write]) => {
  const limit = limits[unit];
  return limit === null ? write(today[unit]) : `${write(today[unit])} of ${unit === "dollars" ? dollars(limit) : number(limit)}`;
}).join(", ");
const row = (key) => {
  const item = make("li"), word = make("span", `ends in ${key.ending} · today ${use(key)}`, { className: "word" });
  item.append(make("b", key.name), word, window.llmHub.workButton("Revoke", `Revoke the key ${key.name}`, async () => {
    if (!window.confirm(`Revoke the key ${key.name}? Programs that use it are refused from then on.`)) return;
    const answer = await request("DELETE", { name: key.name });
    if (!answer || answer.problem) return;
    made.hidden = true;
    show(answer);
    say(`The key ${key.name} is revoked.`, "good");
    form.elements.name.focus();
  }));
  return item;
};
const show = (answer) => {
  list.replaceChildren(...answer.keys.map(row));
  element.querySelector(".none").hidden = answer.keys.length > 0;
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = ["name", "requests", "tokens", "dollars"].map((name) => form.elements[name]);
  if (!fields[0].value.trim()) { say("Enter a name first."); fields[0].focus(); return; }
  say("Making …");
  const answer = await request("POST", Object.fromEntries(fields.map((field) => [field.name, field.value])));
  if (!answer || answer.problem) return;
  show(answer);
  made.querySelector("input").value = answer.key;
  made.hidden = false;
  say(`The key ${fields[0].value.trim()} is made, and can be used from now on.`, "good");
  fields.forEach((field) => { field.value = ""; });
  made.querySelector("input").focus();
  made.querySelector("input").select();
});
made.querySelector("button").addEventListener("click", async () => {
  const { value } = made.querySelector("input");
  await navigator.clipboard.writeText(value).then(() => say("Copied.", "good"), () => say("Copy it by hand: select it, and press Ctrl+C."));
});
const refresh = async () => {
  const answer = await request("GET");
  if (!answer) return;
  show(answer);
  element.firstElementChild.hidden = false;
};
// What was used is read anew whenever the tab comes to the front.
new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) refresh(); }).observe(element.parentElement ?? element);
refresh();
