// What was last set for each model in this browser: temperature, max tokens, reasoning effort. A model that is chosen
// brings its own back; one that was never set has its defaults. What the server shows, a conversation's settings, stays.
(() => {
  const MAX_MODELS = 100;  // the ones that were set last
  const NAMES = ["temperature", "max_tokens", "effort"];
  const { remember, recall } = window.llmHub.drafts;
  const name = (provider, model) => provider === "auto" ? provider : `${provider}/${model?.trim() ?? ""}`;
  const known = () => new Map(recall("models") ?? []);
  const bring = (target) => NAMES.map((setting) => known().get(target)?.[setting] ?? "");
  let chosen = "";  // what the settings that are shown belong to, as far as a choice of the reader's goes

  window.llmHub.modelSettings = {
    isLinked: false,  // the page's address has chosen the model
    // The reader is about to choose. A list reports a choice also when it is only left.
    begin: (provider, model) => { chosen = name(provider, model); },
    choose(provider, model) {
      if (name(provider, model) === chosen) return [];
      chosen = name(provider, model);
      return bring(chosen);
    },
    // The first model of a provider's list stands in the empty box: what was typed meanwhile stays, unless it was set before.
    chooseFirst(provider, model) {
      if (chosen !== name(provider, "") || !known().has(name(provider, model))) return [];
      return this.choose(provider, model);
    },
    open(provider, model) {
      if (!this.isLinked) return [];
      this.isLinked = false;
      return bring(name(provider, model));
    },
    // What changes a text otherwise than by the reader's hand is not set for the model.
    type(...values) {
      if (document.activeElement?.closest("#chat-temperature, #chat-max-tokens")) this.keep(...values);
    },
    keep(provider, model, ...values) {
      const models = known();
      models.delete(name(provider, model));
      if (values.some((value) => value)) {
        models.set(name(provider, model), Object.fromEntries(NAMES.map((setting, place) => [setting, values[place] ?? ""])));
      }
      remember("models", models.size ? [...models].slice(-MAX_MODELS) : null);
    },
  };
})();
