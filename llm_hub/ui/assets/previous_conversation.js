// The way back from an empty chat or comparison to the one that stood there before, also to a temporary one: a button where
// the answers will be, until something is asked. Runs in one function with open_conversation.js.

const WAYS = { chat: ["#chat-previous .previous", "Previous conversation"], comparison: ["#compare-previous .previous", "Previous comparison"] };
const previous = { chat: null, comparison: null };  // the heads of what stood there before
const offer = (kind, head) => {
  previous[kind] = head;
  const [place, name] = WAYS[kind];
  const way = head && button(`${name}: ${title(head)}`, () => go(head.id, kind));
  if (way) way.dir = "auto";
  document.querySelector(place)?.replaceChildren(...way ? [way] : []);
};
// Something else is shown from now on: `id` is "" for what is empty.
const leaveBehind = (kind, before, id) => offer(kind, id ? null : before.id ? before : previous[kind]);
const forget = (head) => { if (previous[head.kind]?.id === head.id) offer(head.kind, null); };
