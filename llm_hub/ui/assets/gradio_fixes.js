// Workarounds for Gradio 6.31.0, each with what Gradio does, why that hurts, and the test that tells when it may go.
// The tests are in tests/ui/gradio_fixes/.

// Placeholders. Gradio's Dropdown takes no placeholder: a list that has no label either would be an empty box.
// May go when: test_server_side.py::test_a_dropdown_takes_no_placeholder fails.
new MutationObserver(() => {
  for (const [id, text] of [["#chat-again", "Answer again with …"], ["#chat-chain-add", "Add a model"]]) {
    const box = document.querySelector(`${id} input`);
    if (box && box.placeholder !== text) box.placeholder = text;
  }
}).observe(document.documentElement, { childList: true, subtree: true });

// Lists of choices on a phone. Gradio opens a list where its box stood before the page scrolled, and on a phone a pane is
// often half in view: its list would open beside the screen. May go when tests/ui/test_compare_page.py passes without it.
document.addEventListener("focusin", (focus) => {
  if (!focus.target.matches(".pane [role=combobox]")) return;
  const pane = focus.target.closest(".pane");
  pane.scrollIntoView({ behavior: "instant", block: "nearest", inline: "nearest" });
  const left = focus.target.closest(".wrap").getBoundingClientRect().left;
  pane.style.setProperty("--hub-left", `${Math.max(0, Math.min(left, innerWidth - 228))}px`);
});

// Tab. Gradio opens a list once more that Tab has just left, and it then covers what is below.
// May go when: test_in_browser.py::test_tab_leaves_a_list_open fails.
document.addEventListener("keydown", (key) => {
  if (key.key === "Tab" && key.target.matches("[role=combobox]")) key.stopPropagation();
}, true);

// The page's configuration. Svelte watches every part of it, by a proxy for each, although nothing in it ever changes: a
// fifth of the time that the page takes to be there. It leaves alone what is of another class than Array and Object.
// May go when: test_in_browser.py::test_every_part_of_the_configuration_is_watched fails.
//
// Inputs of events that have ended. From then on Gradio tells them of every message of any event, as if they were those of
// a stream (`includes` finds them), and copies each with all that is inside it to do so: a tenth of the time that four
// panes take. May go when: test_in_browser.py::test_gradio_copies_the_inputs_of_an_event_that_has_ended fails.
(() => {
  class List extends Array {}
  class Inputs extends Array {
    static get [Symbol.species]() { return Array; }
    includes() { return false; }
  }
  class Layout {}
  let config;
  Object.defineProperty(window, "gradio_config", {
    get: () => config,
    set(given) {
      for (const list of [given.components, given.dependencies]) Object.setPrototypeOf(list, List.prototype);
      for (const { inputs } of given.dependencies) Object.setPrototypeOf(inputs, Inputs.prototype);
      Object.setPrototypeOf(given.layout, Layout.prototype);
      config = given;
    },
  });
})();

// Refused events. Gradio shows nothing where an event that does not go through the queue is refused (413, 429, 503): a
// visitor would click, and nothing would happen. May go when: test_in_browser.py::test_a_refused_event_is_shown_nowhere
// fails.
(() => {
  const show = (text) => {
    document.querySelector("#busy")?.remove();
    const box = document.createElement("div");
    box.id = "busy";
    box.setAttribute("role", "alert");
    box.textContent = text;
    box.style.cssText = "position:fixed;left:50%;bottom:96px;transform:translateX(-50%);z-index:50;padding:8px 14px;"
      + "max-width:90vw;border-radius:8px;font-size:14px;background:var(--hub-warm);color:var(--hub-warm-text)";
    document.body.append(box);
    setTimeout(() => box.remove(), 8000);
  };
  const fetchAsBefore = window.fetch.bind(window);
  window.fetch = async (...call) => {
    const response = await fetchAsBefore(...call);
    if ([413, 429, 503].includes(response.status) && response.url.includes("/gradio_api/")) {
      response.clone().json().then((body) => { if (typeof body.detail === "string") show(body.detail); }, () => {});
    }
    return response;
  };
})();

// Lost connections. Where an event's stream breaks or an event cannot be sent, Gradio takes no event any more and then
// reloads the page (gradio#12907), and whatever was typed is gone. So here its requests never fail for want of a
// connection: what was running ends, and the page is told of it by an event of the window, `hub-lost`, and `hub-back` when
// the hub can be reached again. `detail.unsent` of `hub-lost` says whether something never arrived there.
// May go when: test_in_browser.py::test_a_lost_connection_reloads_the_page fails.
//
// Closed streams. Gradio's server closes a tab's stream when the last event of it has ended. Where another event comes in
// that moment, and the page has the reply to it before it hears that the stream is closed, Gradio takes the stream for open
// and never fetches what that event says: a conversation that was asked for is never shown. So here a stream goes on until
// no event runs, over a connection of its own if need be.
// May go when: test_in_browser.py::test_an_event_is_lost_that_is_sent_as_the_stream_closes fails.
(() => {
  const MAX_SILENCE = 40_000;  // milliseconds; the hub's heart beats every 15 s
  // A proxy says that the hub does not answer; or the connection broke, and what the browser sent again has arrived before.
  const LOST = [409, 502, 504];
  const UNSENT = "unsent-";
  const fetchAsBefore = window.fetch;
  let joins = 0;  // events that are being sent
  let joined = () => {};  // is called when one of them was sent, or could not be
  const running = new Set();  // events that were sent and have not ended
  const early = new Set();  // events that ended before the reply came that names them
  const streams = new Set();  // what ends each stream that is open, and the heartbeat
  const { gather, join: joinUpdates } = window.llmHub.joinedUpdates;
  const encode = (frames) => new TextEncoder().encode(frames.map((text) => `${text}\n\n`).join(""));
  const frame = (message) => encode([`data: ${JSON.stringify(message)}`]);
  const streamed = (source) => new Response(new ReadableStream(source), { headers: { "content-type": "text/event-stream" } });
  const pause = (seconds) => new Promise((resolve) => {
    setTimeout(resolve, 1000 * seconds);
    window.addEventListener("online", resolve, { once: true });
  });
  let leaving = false;
  let tab = "";  // its session
  let back = null;  // a promise while the connection is lost
  window.addEventListener("pagehide", () => { leaving = true; });
  window.addEventListener("pageshow", () => { leaving = false; });

  const lose = (unsent = false) => {
    if (leaving) return back ?? Promise.resolve();
    const detail = { running: running.size > 0, unsent };
    streams.forEach((end) => end());
    if (!back || unsent) window.dispatchEvent(new CustomEvent("hub-lost", { detail }));
    return back ??= waitForHub();
  };
  const waitForHub = async () => {
    for (let wait = 0.3; ; wait = Math.min(1.5 * wait, 5)) {
      await pause(wait);
      // The hub then ends what it still takes for this tab's connections (front_door/lost_connections.py).
      const response = await fetchAsBefore(`gradio_api/app_id?session_hash=${tab}`, { cache: "no-store" }).catch(() => null);
      const answer = response?.ok && await response.json().catch(() => null);
      if (!answer) continue;
      if (answer.app_id !== window.gradio_config.app_id) { location.reload(); continue; }  // another hub: its page may be another
      back = null;
      window.dispatchEvent(new CustomEvent("hub-back"));
      return;
    }
  };

  const send = async (request, unsent) => {
    // With its body: the connection may break in the middle of that.
    const whole = async (reply) => new Response(await reply.blob(), reply);
    const response = await fetchAsBefore(request).then(whole).catch(() => null);
    if (response && !LOST.includes(response.status)) return response;
    lose(true);
    return unsent();
  };
  const join = async (request) => {
    const response = await send(request, () => Response.json({ event_id: UNSENT + crypto.randomUUID() }));
    const { event_id: id } = await response.clone().json().catch(() => ({}));
    if (response.ok && id && !early.delete(id)) running.add(id);
    if (!response.ok) window.dispatchEvent(new CustomEvent("hub-refused"));
    return response;
  };

  const listen = async (request) => {
    const isUnsent = (id) => id.startsWith(UNSENT);
    const connect = async () => {
      const response = back || [...running].every(isUnsent) ? null : await fetchAsBefore(request).catch(() => null);
      return response?.ok ? gather(response.body.getReader()) : null;
    };
    let reader = await connect();
    const decoder = new TextDecoder();
    let rest = "";
    let open = true;
    let end;
    return streamed({
      start(controller) {
        const complete = (ids) => ids.forEach((id) => {
          running.delete(id);
          controller.enqueue(frame({ msg: "process_completed", event_id: id, success: true, output: { data: [] } }));
        });
        end = () => {
          if (!open) return;
          open = false;
          streams.delete(end);
          complete([...running]);
          controller.enqueue(frame({ msg: "close_stream" }));
          controller.close();
          reader?.cancel().catch(() => {});
        };
        streams.add(end);
        complete([...running].filter(isUnsent));
        if (!reader && (back || !running.size)) end();
        else if (!reader) lose();
      },
      async pull(controller) {
        const { value } = await reader.read().catch(() => ({}));
        if (!open) return;
        const all = value ? (rest + decoder.decode(value, { stream: true })).split("\n\n") : [""];
        rest = all.pop();
        const frames = all.filter((text) => !/"msg":"(close_stream|unexpected_error)"/.test(text));
        for (const text of frames) {
          if (!text.includes('"msg":"process_completed"')) continue;
          const { event_id: id } = JSON.parse(text.slice("data:".length));
          if (!running.delete(id)) early.add(id);
        }
        if (frames.length) controller.enqueue(encode(joinUpdates(frames)));
        const isBroken = !value || all.some((text) => text.includes('"msg":"unexpected_error"'));
        if (isBroken && (running.size || request.signal.aborted)) {  // nothing is lost where nothing runs
          if (!request.signal.aborted) lose();
          return end();
        }
        const isOver = isBroken || frames.length < all.length;
        if (isOver) {
          while (open && joins && !running.size) await new Promise((resolve) => { joined = resolve; });
          if (!open) return;
          if (!running.size) {
            open = false;
            streams.delete(end);
            return controller.enqueue(frame({ msg: "close_stream" }));
          }
          reader = await connect();
          if (!open) return;
          if (!reader) { lose(); return end(); }
        }
        if (isOver || !frames.length) await this.pull(controller);
      },
      cancel() { open = false; streams.delete(end); return reader?.cancel(); },
    });
  };

  // Beats for as long as the page is open, also over another connection: this tells that one was lost.
  const beat = async (request) => {
    while (!request.signal.aborted) {
      const response = await fetchAsBefore(request.clone()).catch(() => null);
      if (response && !response.ok && !LOST.includes(response.status)) { await pause(10); continue; }  // it is full
      const reader = response?.body.getReader();
      const stop = () => reader?.cancel().catch(() => {});
      streams.add(stop);
      while (reader) {
        const silent = setTimeout(stop, MAX_SILENCE);
        const { value } = await reader.read().catch(() => ({}));
        clearTimeout(silent);
        if (!value) break;
      }
      streams.delete(stop);
      if (!request.signal.aborted) await lose();
    }
  };

  window.fetch = async (resource, options) => {
    const path = new URL(resource instanceof Request ? resource.url : resource, location.href).pathname;
    const call = path.match(/\/gradio_api\/(queue\/join|queue\/data|run|heartbeat)\b/)?.[1];
    if (!call) return fetchAsBefore(resource, options);
    const request = new Request(resource, options);
    if (call === "queue/join") {
      joins += 1;
      return join(request).finally(() => { joins -= 1; joined(); });
    }
    if (call === "run") return send(request, () => Response.json({ data: [] }));
    if (call === "queue/data") return listen(request);
    tab = path.split("/").pop();
    beat(request);
    return streamed({});
  };
})();
