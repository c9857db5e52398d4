// Vercel's AI SDK against the hub: text, a stream, a loop with tools, a schema and an error, in the three vendors' dialects.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const base = `${process.argv[2]}/v1`;
const providers = {
  openai: createOpenAICompatible({ name: "hub", baseURL: base, apiKey: "any", supportsStructuredOutputs: true }),
  responses: createOpenAI({ baseURL: base, apiKey: "any" }),
  anthropic: createAnthropic({ baseURL: base, apiKey: "any" }),
};
const weather = tool({
  description: "Tells the weather.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `Sunny in ${city}`,
});
const told = {};
for (const [name, hub] of Object.entries(providers)) {
  const prompt = "Hello";
  const model = hub("openai/ok");
  const { text } = await generateText({ model, prompt });
  let streamed = "";
  for await (const piece of streamText({ model, prompt }).textStream) streamed += piece;
  const tools = await generateText({ model: hub("openai/ok?calls=2"), prompt, tools: { weather }, stopWhen: stepCountIs(3) });
  const verdict = z.object({ good: z.boolean(), why: z.string() });
  const { output } = await generateText({ model, prompt, output: Output.object({ schema: verdict }) });
  let status = 0;
  try {
    await generateText({ model: hub("nobody/x"), prompt, maxRetries: 0 });
  } catch (error) {
    status = error.statusCode;
  }
  const called = tools.steps.flatMap((step) => step.toolCalls.map((call) => call.toolName));
  told[name] = { text, streamed, called, afterwards: tools.text, object: output, status };
}
console.log(JSON.stringify(told));
