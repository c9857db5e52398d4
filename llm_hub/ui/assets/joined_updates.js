// A workaround for Gradio 6.31.0, which draws every update that it is given. Where drawing takes longer than until the next
// one comes, a page falls further behind with each. So what comes while a picture is being drawn waits for it, and then the
// updates of an event go on as one. May go when: test_in_browser.py::test_gradio_shows_every_update_by_itself fails.
window.llmHub ??= {};
window.llmHub.joinedUpdates = (() => {
  const MAX_WAIT = 250;  // milliseconds: a page that nobody sees is not drawn, and not every browser calls it hidden
  const LARGE = 20_000;  // bytes of what Gradio is busy with for longer than a picture, such as all turns of a page
  const begun = new Set();  // events of which an update has gone on: the first one is whole, and the others are its edits
  let picture;  // a promise that what went on last has been drawn
  let release = () => {};
  document.addEventListener("visibilitychange", () => release());
  const draw = () => new Promise((resolve) => {
    release = resolve;
    if (document.hidden) return resolve();
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, MAX_WAIT);
  });

  // What an update leaves out is sent as an update of nothing, which would take the place of an earlier one that says more.
  const replaces = (edits) => edits.some(([, path, value]) => !path.length && value?.__type__ === "update");
  const joinTwo = ({ output: first }, message) => {
    const { output } = message;
    if (!first?.data || output?.data?.length !== first.data.length) return null;
    if (output.data.some((edits, place) => first.data[place].length && replaces(edits))) return null;
    return { ...message, output: { ...output, data: output.data.map((edits, place) => [...first.data[place], ...edits]) } };
  };

  return {
    // A reader that gives everything that has come since, once a picture has been drawn.
    gather(reader) {
      let chunks = [];
      let isOver = false;
      let wake = () => {};
      (async () => {
        while (!isOver) {
          const { value } = await reader.read().catch(() => ({}));
          if (value) chunks.push(value);
          else isOver = true;
          wake();
        }
      })();
      return {
        async read() {
          await picture;
          while (!chunks.length && !isOver) await new Promise((resolve) => { wake = resolve; });
          if (!chunks.length) return {};
          if (chunks.some(({ length }) => length > LARGE)) await draw();  // the words before it are to be seen first
          const taken = chunks;
          chunks = [];
          return { value: taken.length === 1 ? taken[0] : new Uint8Array(await new Blob(taken).arrayBuffer()) };
        },
        cancel: () => reader.cancel(),
      };
    },
    // The messages of a stream with fewer updates among them: each stands where the last of those stood that it joins.
    join(texts) {
      const joined = [];
      const last = {};  // by event, the place of the update that the next one may join
      for (const text of texts) {
        const [, kind] = text.match(/"msg":"process_(generating|completed)"/) ?? [];
        const message = kind && JSON.parse(text.slice("data:".length));
        const id = message?.event_id;
        if (kind === "completed") begun.delete(id);
        if (kind !== "generating" || !begun.has(id)) {
          if (kind === "generating") begun.add(id);
          joined.push(text);
          continue;
        }
        const both = id in last && joinTwo(JSON.parse(joined[last[id]].slice("data:".length)), message);
        if (both) joined[last[id]] = "";
        last[id] = joined.push(both ? `data: ${JSON.stringify(both)}` : text) - 1;
      }
      if (texts.some((text) => text.includes('"msg":"process_generating"'))) picture = draw();
      return joined.filter(Boolean);
    },
  };
})();
