// This tab's secret: the server knows whose keys to use by it. It exists in this closure alone, and goes with the tab.
(() => {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const secret = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const fetchAsBefore = window.fetch;
  window.fetch = (resource, options) => {
    const whole = resource instanceof Request;
    if (new URL(whole ? resource.url : resource, location.href).origin !== location.origin) return fetchAsBefore(resource, options);
    const headers = new Headers(options?.headers ?? (whole ? resource.headers : undefined));
    headers.set("x-llm-hub-tab", secret);
    return fetchAsBefore(resource, { ...options, headers });
  };
})();
