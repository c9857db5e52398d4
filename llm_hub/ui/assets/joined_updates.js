// Updates that come while the page is busy. Gradio 6.31.0 shows each one by itself, however many wait: a page that cannot
// keep up falls further behind with every token. So nothing is read while the page works on what came before, and the
// updates of one event that have come by then become one (gradio_fixes.js reads the streams). May go when:
// tests/ui/gradio_fixes/test_in_browser.py::test_each_update_is_shown_however_many_wait fails.
window.llmHub.joinedUpdates = (() => {
  const begun = new Set();  // events whose first update was whole: those after it are lists of edits, one for each output

  const replacement = (edits) => edits.length === 1 && edits[0][0] === "replace" && !edits[0][1].length ? edits[0][2] : null;
  const isProperties = (value) => value?.__type__ === "update";
  const isNothing = (value) => isProperties(value) && Object.keys(value).length === 1;

  // The edits of an output that do what those before and after do; null where there are none.
  const joinEdits = (before, after) => {
    const [first, second] = [replacement(before), replacement(after)];
    if (!after.length || (isNothing(second) && before.length)) return before;
    if (!before.length || isNothing(first)) return after;
    if (isProperties(first) && isProperties(second)) return [["replace", [], { ...first, ...second }]];
    return isProperties(first) || isProperties(second) ? null : [...before, ...after];
  };

  return (frames) => {
    const last = new Map();  // by event, its update that nothing else of that event has followed yet
    const joined = [];
    for (const text of frames) {
      const message = text.startsWith("data:") ? JSON.parse(text.slice("data:".length)) : {};
      const id = message.event_id;
      const entry = { text, message };
      if (message.msg !== "process_generating" || !message.success) {
        if (message.msg === "process_completed") begun.delete(id);
        last.delete(id);
      } else if (!begun.has(id)) {
        begun.add(id);
      } else {
        const before = last.get(id);
        const data = before?.message.output.data.map((edits, index) => joinEdits(edits, message.output.data[index]));
        if (data?.every(Boolean)) {
          before.text = "";
          message.output.data = data;
          entry.text = `data: ${JSON.stringify(message)}`;
        }
        last.set(id, entry);
      }
      joined.push(entry);
    }
    return joined.map((entry) => entry.text).filter(Boolean);
  };
})();

// Resolves when the page has done what it was given until now. A timer would be slow in a tab that is hidden.
window.llmHub.idle = () => new Promise((resolve) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = resolve;
  channel.port2.postMessage(null);
});
