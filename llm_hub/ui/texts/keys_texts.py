"""The texts of the Keys tab."""

from __future__ import annotations

SIGN_IN = """<div class="keys"><h2>Or sign in with Hugging Face</h2>
<p>Your own account then pays for the provider Hugging Face, which reaches many models through Inference Providers.</p>
</div>"""
FORM = """<div class="keys"><h2>%s</h2>
<p>What you ask with a key of yours is paid by your account with that provider. The key stays in the memory of this
server, for this tab of your browser, until you clear it or close or reload the page. Only its last four characters are
ever shown, and nothing of it is stored or written to a log.</p>
<form autocomplete="off"><label>Provider<select name="provider" id="keys-provider"></select></label>
<label>API key
<input name="key" id="keys-key" type="password" autocomplete="off" spellcheck="false" maxlength="512"></label>
<button type="submit">Keep</button><p class="where"></p></form>
<p role="status" aria-live="polite"></p><ul aria-label="Your keys"></ul></div>"""
OWNER_FORMS = """<div class="keys" hidden><h2>Keys</h2>
<p>What you save here is written to <code class="file"></code>, which only your user can read, and is in force at once
for the page and the API. Of a key only the last four characters are ever shown.</p>
<form autocomplete="off"><label>Provider<select name="provider"></select></label>
<label>API key<input name="key" type="password" autocomplete="off" spellcheck="false" maxlength="512"></label>
<button type="submit">Save</button><p class="where"></p></form>
<p role="status" aria-live="polite"></p><ul aria-label="Saved keys"></ul>
<h2>Servers</h2>
<p>More servers that speak OpenAI's protocol, such as vLLM or LM Studio. A new address needs its key again.</p>
<form autocomplete="off" class="server">
<label>Name<input name="name" spellcheck="false" maxlength="40" placeholder="studio"></label>
<label>Address<input name="url" spellcheck="false" maxlength="500" placeholder="http://127.0.0.1:1234/v1"></label>
<label>API key, if it has one
<input name="key" type="password" autocomplete="off" spellcheck="false" maxlength="512"></label>
<button type="submit">Save</button><p class="where"></p></form>
<p role="status" aria-live="polite"></p><ul aria-label="Servers"></ul>
<h2>Route</h2>
<p>The models that Automatic asks, %s. They are also asked when a model that you chose fails. Left empty,
Automatic asks every provider that has a key, and a chosen model has no fallback.</p>
<form autocomplete="off" class="route">
<label>Models, separated by commas<input name="route" spellcheck="false" maxlength="2000"
placeholder="for example openai/gpt-6-luna, anthropic/claude-haiku-5-5, local"></label>
<button type="submit">Save</button><p class="where"></p></form>
<p role="status" aria-live="polite"></p></div>"""
ROUTE_ORDERS = {
    "given": "in this order",
    "fastest": "the fastest first (<code>LLM_HUB_ORDER</code>)",
    "cheapest": "the cheapest first (<code>LLM_HUB_ORDER</code>)",
}
API_KEYS = """<div class="keys" hidden><h2>Keys of this hub's API</h2>
<p>For programs that ask this hub. Each key has its name in Usage, and may use so much a day; a field that is left empty
is no limit. Days begin at midnight UTC. Only a hash of a key is stored. A limit binds only programs that send its key:
those on this computer need none, unless <code>LLM_HUB_API_KEYS</code> is set.</p>
<form autocomplete="off" class="api">
<label>Name<input name="name" spellcheck="false" maxlength="60" placeholder="laptop"></label>
<label>Requests a day<input name="requests" inputmode="numeric" maxlength="15"></label>
<label>Tokens a day<input name="tokens" inputmode="numeric" maxlength="15"></label>
<label>Dollars a day<input name="dollars" inputmode="decimal" maxlength="12"></label>
<button type="submit">Make</button></form>
<p role="status" aria-live="polite"></p>
<div class="made" hidden><label>Copy it now: it is not shown again<input readonly spellcheck="false"></label>
<button type="button">Copy</button></div>
<p class="none">No keys yet. A key that you make works at once, in every protocol of the API.</p>
<ul aria-label="Keys of the API"></ul></div>"""
TAB_KEY = "A key for this tab alone"
YOUR_KEYS = "Your keys"
