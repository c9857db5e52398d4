// Draws what has changed of a run: of its table only the marks that are others. The server sends all marks that are in
// sight, so that none is lost if updates come faster than they are drawn.
const NAMES = { "✓": "passed", "✗": "did not pass", "•": "answered", F: "answered by a fallback", "!": "failed" };
const conversations = new BroadcastChannel("llm-hub-conversations");  // whose list has the runs, too
let table, buttons, listed, run;
watch("value", () => {
  const { shown, marks, state } = props.value;
  const [id] = shown.split(" ");
  if (listed !== id + state) conversations.postMessage("changed");
  listed = id + state;
  if (id !== run) document.getElementById("runs").scrollTop = 0; // it was chosen far down, or started there
  run = id;
  const now = document.querySelector("#runs-table table");
  if (now?.dataset.shown !== shown) return;
  if (now !== table) [table, buttons] = [now, now.querySelectorAll("button")];
  buttons.forEach((button, place) => {
    const mark = marks[place];
    if (button.textContent === mark) return;
    button.textContent = mark;
    button.disabled = !(mark in NAMES);
    button.ariaLabel = NAMES[mark] ?? null;
  });
});
