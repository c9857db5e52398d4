// Secrets by which the server knows this page. No other page can read them, and none is ever part of an address.
// - The tab's finds the keys that were typed in it. It exists in this closure alone, and goes with the tab.
// - The browser's finds its conversations on a hub that several people share. It stays in the browser's storage; where
//   that is closed, or conversations are not kept, until the tab is closed.
// Each request has an id, too: one that the browser sends twice by itself is handled once (front_door/repeated_events.py).
(() => {
  const random = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const stored = (storage, name) => {
    try {
      if (!window[storage].getItem(name)) window[storage].setItem(name, random());
      return window[storage].getItem(name);
    } catch {
      return null;
    }
  };
  const name = "llm-hub-browser";
  const browserSecret = (window.llmHub.keeping !== "off" && stored("localStorage", name)) || stored("sessionStorage", name) || random();
  const secret = random();
  const fetchAsBefore = window.fetch;
  window.fetch = (resource, options) => {
    const whole = resource instanceof Request;
    if (new URL(whole ? resource.url : resource, location.href).origin !== location.origin) return fetchAsBefore(resource, options);
    const headers = new Headers(options?.headers ?? (whole ? resource.headers : undefined));
    headers.set("x-llm-hub-tab", secret);
    headers.set("x-llm-hub-browser", browserSecret);
    headers.set("x-llm-hub-request", random());
    return fetchAsBefore(resource, { ...options, headers });
  };
})();
