// Draws what has changed of a run: of its table only the marks that are others. The server sends all marks that are in
// sight, so that none is lost if updates come faster than they are drawn.
const NAMES = { "✓": "passed", "✗": "did not pass", "•": "answered", F: "answered by a fallback", "!": "failed" };
let table, buttons;
watch("value", () => {
  const { shown, marks } = props.value;
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
