// The SDKs' own conveniences, which read more of an answer than a test would think of.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { GoogleGenAI } from '@google/genai';
import { generateObject, generateText, isStepCount, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { answer, call, text, thought } from './lib/scripts.js';
import { useMatrix } from './lib/matrix.js';

const rig = useMatrix();
const City = z.object({ city: z.string() });
const description = 'Weather of a city';
const secret = () => Buffer.from(`runner ${Math.random()}`).toString('base64');

// Two steps of tools, then the end.
const story = () => [
  answer([thought(secret(), 'Paris ', 'first.'), call('call_w1', 'get_weather', { city: 'Paris' })]),
  answer([thought(secret(), 'Then ', 'both.'), call('call_w2', 'get_weather', { city: 'Rome' }), call('call_w3', 'get_weather', { city: 'Oslo' })]),
  answer([text('Rain ', 'everywhere.')]),
];

const openai = (t, o) => new OpenAI({ apiKey: o.key, baseURL: `${o.root}/v1`, maxRetries: 0 });
const claude = (t, o) => new Anthropic({ apiKey: o.key, baseURL: o.root, maxRetries: 0 });
const google = (t, o) => new GoogleGenAI({ apiKey: o.key, httpOptions: { baseUrl: o.root } });
const options = (o) => ({ apiKey: o.key, baseURL: `${o.root}/v1` });
const VERCEL = {
  'ai chat': (o) => createOpenAI(options(o)).chat(o.model),
  'ai responses': (o) => createOpenAI(options(o)).responses(o.model),
  'ai anthropic': (o) => createAnthropic(options(o))(o.model),
  'ai google': (o) => createGoogleGenerativeAI({ ...options(o), baseURL: `${o.root}/v1beta` })(o.model),
};

// Each runs the whole conversation with tools that call `seen(city)`, and gives the last words.
const RUNNERS = {
  'openai chat': async (t, o, seen) => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const run = openai(t, o).chat.completions.runTools({
      model: o.model,
      stream: t.stream,
      messages: [{ role: 'user', content: o.words }],
      tools: [{ type: 'function', function: { name: 'get_weather', description, parameters, parse: JSON.parse, function: ({ city }) => seen(city) } }],
    });
    return run.finalContent();
  },
  anthropic: async (t, o, seen, thread) => {
    const tools = [betaZodTool({ name: 'get_weather', description, inputSchema: City, run: ({ city }) => seen(city) })];
    const runner = claude(t, o).beta.messages.toolRunner({ model: o.model, max_tokens: 512, stream: t.stream, tools, thread, messages: [{ role: 'user', content: o.words }] });
    if (t.stream) for await (const stream of runner) await stream.finalMessage();
    const last = await (t.stream ? runner.done() : runner);
    return last.content.map((b) => b.text ?? '').join('');
  },
  genai: async (t, o, seen) => {
    const functionDeclarations = [{ name: 'get_weather', description, parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } } }];
    const weather = {
      tool: async () => ({ functionDeclarations }),
      callTool: async (calls) => calls.map(({ id, name, args }) => ({ functionResponse: { id, name, response: { output: seen(args.city) } } })),
    };
    const body = { model: o.model, contents: o.words, config: { tools: [weather] } };
    if (!t.stream) return (await google(t, o).models.generateContent(body)).text;
    let words = '';
    for await (const chunk of await google(t, o).models.generateContentStream(body)) words += chunk.candidates?.[0]?.content?.parts?.map((p) => (p.thought ? '' : (p.text ?? ''))).join('') ?? '';
    return words;
  },
};
for (const [name, model] of Object.entries(VERCEL))
  RUNNERS[name] = async (t, o, seen) => {
    const tools = { get_weather: tool({ description, inputSchema: City, execute: ({ city }) => seen(city) }) };
    const body = { model: model(o), maxRetries: 0, prompt: o.words, tools, stopWhen: isStepCount(5), providerOptions: { openai: { store: false } } };
    if (!t.stream) return (await generateText(body)).text;
    const result = streamText({ ...body, onError() {} });
    return await result.text;
  };

async function runs(t, ...options) {
  t.script(...story());
  const cities = [];
  const seen = (city) => {
    cities.push(city);
    return `Rain in ${city}`;
  };
  assert.equal(await RUNNERS[t.driver.name](t, t.place('thinker'), seen, ...options), 'Rain everywhere.');
  assert.deepEqual(cities, ['Paris', 'Rome', 'Oslo']);
  assert.equal(t.requests.filter((r) => !r.json.thread).length, 3);
}

rig.each('the tool runner', (t) => runs(t, false), { fits: (t) => t.driver.name in RUNNERS });

// By default the runner wants the server to hold the conversation.  It goes on without where the
// server says, in the words that the SDK knows, that it cannot: error_code thread_unsupported_request.
rig.each('the tool runner, asking for a thread first', (t) => runs(t, undefined), { fits: (t) => t.driver.name === 'anthropic' });

const Weather = z.object({ city: z.string(), degrees: z.number().int(), sky: z.enum(['clear', 'grey']) });
const OBJECT = { city: 'Zürich', degrees: -3, sky: 'grey' };

const PARSERS = {
  'openai chat': async (t, o) =>
    (await openai(t, o).chat.completions.parse({ model: o.model, messages: [{ role: 'user', content: o.words }], response_format: zodResponseFormat(Weather, 'weather') }))
      .choices[0].message.parsed,
  'openai responses': async (t, o) =>
    (await openai(t, o).responses.parse({ model: o.model, input: o.words, text: { format: zodTextFormat(Weather, 'weather') } })).output_parsed,
  anthropic: async (t, o) =>
    (await claude(t, o).messages.parse({ model: o.model, max_tokens: 512, messages: [{ role: 'user', content: o.words }], output_config: { format: zodOutputFormat(Weather) } }))
      .parsed_output,
};
for (const [name, model] of Object.entries(VERCEL))
  PARSERS[name] = async (t, o) => (await generateObject({ model: model(o), maxRetries: 0, schema: Weather, prompt: o.words })).object;

rig.each('an object by a schema of zod', async (t) => {
  const json = JSON.stringify(OBJECT);
  t.script(answer([text(json.slice(0, 10), json.slice(10))]));
  assert.deepEqual(await PARSERS[t.driver.name](t, t.place('model')), OBJECT);
}, { fits: (t) => t.driver.name in PARSERS, streams: [false] });

rig.each('a chat of genai', async (t) => {
  t.script(answer([text('Hel', 'lo')]), answer([text('Again.')]));
  const o = t.place('model');
  const chat = google(t, o).chats.create({ model: o.model });
  const say = async (message) => {
    if (!t.stream) return (await chat.sendMessage({ message })).text;
    let words = '';
    for await (const chunk of await chat.sendMessageStream({ message })) words += chunk.text ?? '';
    return words;
  };
  assert.equal(await say(o.words), 'Hello');
  assert.equal(await say('More'), 'Again.');
  assert.match(t.requests[1].text, /"Hello"|"Hel".*"lo"/s);
}, { fits: (t) => t.driver.name === 'genai' });
