// The two vendors' own SDKs for JavaScript against the hub: text, a stream, a loop with tools, vectors and an error.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import OpenAI from "openai";

const url = process.argv[2];
const model = "openai/ok";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const messages = [{ role: "user", content: "Hello" }];
const called = [];
const weather = ({ city }) => {
  called.push(city);
  return `Sunny in ${city}`;
};
const status = async (asking) => asking.then(() => 200, (error) => error.status);

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const chat = { model, messages };
let streamed = "";
for await (const chunk of await openai.chat.completions.create({ ...chat, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const tool = { type: "function", function: { name: "weather", parse: JSON.parse, function: weather, parameters } };
const openaiTools = openai.chat.completions.runTools({ ...chat, model: `${model}?calls=2`, tools: [tool] });
const results = {};
results.openai = {
  text: (await openai.chat.completions.create(chat)).choices[0].message.content,
  streamed,
  afterwards: await openaiTools.finalContent(),
  called: called.splice(0).length,
  status: await status(openai.chat.completions.create({ ...chat, model: "nobody/x" })),
  response: (await openai.responses.create({ model, input: "Hello" })).output_text,
  vector: (await openai.embeddings.create({ model, input: "four" })).data[0].embedding,
};

const anthropic = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });
const message = { model, max_tokens: 100, messages };
const textOf = ({ content }) => content.map((block) => block.text ?? "").join("");
const stream = anthropic.messages.stream(message);
const run = betaTool({ name: "weather", inputSchema: parameters, run: weather });
const runner = anthropic.beta.messages.toolRunner({ ...message, model: `${model}?calls=2`, tools: [run] });
results.anthropic = {
  text: textOf(await anthropic.messages.create(message)),
  streamed: await stream.finalText(),
  afterwards: textOf(await runner),
  called: called.splice(0).length,
  status: await status(anthropic.messages.create({ ...message, model: "nobody/x" })),
  tokens: (await anthropic.messages.countTokens({ model, messages })).input_tokens,
};
console.log(JSON.stringify(results));
