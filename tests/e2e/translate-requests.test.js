// What requests hold besides words and tools of plain names: it arrives, or is refused by its name.
import assert from 'node:assert/strict';
import { answer, call, text } from './lib/scripts.js';
import { useMatrix } from './lib/matrix.js';

const rig = useMatrix();
const foreign = (t) => !t.target.direct && !t.native;
const bySdk = (t) => foreign(t) && !t.driver.name.startsWith('ai ');
const yes = answer([text('Yes.')]);

const refusal = (t, field) => (error) => {
  const { own, status } = t.driver.explain(error);
  assert.ok(own, error.stack);
  assert.equal(status, 400, error.message);
  assert.match(error.message, field, 'names the field');
  return true;
};

// ---- names -----------------------------------------------------------------

const DECLARED = {
  openai_chat: (b) => b.tools.map((t) => t.function.name),
  openai_responses: (b) => b.tools.map((t) => t.name),
  anthropic: (b) => b.tools.map((t) => t.name),
  gemini: (b) => b.tools[0].functionDeclarations.map((f) => f.name),
};

// Too long, of letters that some vendor does not take, and two that are one when cut or cleaned.
const LONG = 'mcp__warehouse_of_everything__'.padEnd(70, 'list_');
const NAMES = ['files.read', 'files/read', 'files read', `${LONG}_a`, `${LONG}_b`, 'größe', '2fast', 'plain'];

rig.each('tools of any name', async (t) => {
  const schema = { type: 'object', properties: { path: { type: 'string' } } };
  const args = { path: 'a/ü' };
  t.script((req) => answer(DECLARED[req.dialect.name](req.json).map((name, i) => call(`call_${i}`, name, args))), yes);
  const s = t.open({ tools: NAMES.map((name) => ({ name, description: `the tool ${name}`, schema })) });
  const asked = await s.say(t.say('Use them all'));
  assert.deepEqual(asked.calls.map(({ name, args: a }) => [name, a]), NAMES.map((name) => [name, args]));
  assert.equal((await s.results(asked.calls.map(({ id, name }) => ({ id, name, output: `of ${name}` })))).text, 'Yes.');
  for (const name of NAMES) assert.ok(t.requests[1].text.includes(`of ${name}`), `the result of ${name} came back`);
  assert.deepEqual(DECLARED[t.dialect.name](t.requests[1].json), DECLARED[t.dialect.name](t.requests[0].json), 'the same names each time');
}, { fits: foreign });

rig.each('a model by provider/model', async (t) => {
  t.script(yes);
  const got = await t.open({ model: t.scopedName() }).say(t.say('Hi'));
  assert.equal(got.text, 'Yes.');
  assert.equal(t.requests[0].model, t.target.model);
}, { fits: (t) => !t.target.direct });

// ---- media -----------------------------------------------------------------

const PDF = { mime: 'application/pdf', name: 'report.pdf', data: Buffer.from('%PDF-1.4\n1 0 obj<<>>endobj trailer<<>>\n%%EOF ÿ').toString('base64') };
const WAV = { mime: 'audio/wav', data: Buffer.from('RIFF\x24\0\0\0WAVEfmt ÿ', 'latin1').toString('base64') };
const once = (t, { data }) => assert.equal(t.requests[0].text.split(data).length - 1, 1, 'the bytes arrive, once');

rig.each('a PDF is read', async (t) => {
  t.script(yes);
  assert.equal((await t.open().say(t.say('What does it say?'), { file: PDF })).text, 'Yes.');
  once(t, PDF);
  assert.match(t.requests[0].text, /application\/pdf/);
});

rig.each('sound is heard, or refused', async (t) => {
  t.script(yes);
  const asked = t.open().say(t.say('What is said?'), { audio: WAV });
  if (t.dialect.name === 'anthropic') {
    await assert.rejects(asked, refusal(t, /audio/i));
    assert.deepEqual(t.requests, []);
  } else {
    assert.equal((await asked).text, 'Yes.');
    once(t, WAV);
  }
}, { fits: (t) => foreign(t) && t.shows('audio') });

// ---- more than one answer --------------------------------------------------

const candidates = (req) => ({
  candidates: ['One.', 'Two.'].map((words, index) => ({ content: { role: 'model', parts: [{ text: words }] }, finishReason: 'STOP', index })),
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 4, totalTokenCount: 9 },
  modelVersion: req.model,
  responseId: 'two1',
});

rig.each('two answers at once, or none', async (t) => {
  const s = t.open({ extra: { n: 2 } });
  s.history.push(s.user(t.say('Choose'), {}));
  if (t.dialect.name !== 'gemini') {
    t.script(yes);
    await assert.rejects(s.fetch(), refusal(t, /\bn\b/));
    return;
  }
  rig.up.script(t.mark, (req, res) => {
    assert.equal(req.json.generationConfig.candidateCount, 2);
    return res.json(200, candidates(req));
  });
  const { choices, usage } = await s.fetch();
  assert.deepEqual(choices.map((c) => [c.index, c.message.content, c.finish_reason]), [[0, 'One.', 'stop'], [1, 'Two.', 'stop']]);
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [5, 4]);
}, { fits: (t) => foreign(t) && t.driver.name === 'openai chat', streams: [false] });

// ---- Gemini's framings ------------------------------------------------------

function ask(t, query = '') {
  const { root, key, model } = t.place('model');
  return fetch(`${root}/v1beta/models/${model}:streamGenerateContent${query}`, {
    method: 'POST',
    headers: { 'x-goog-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: t.say('Hi') }] }] }),
  });
}

async function asArray(t) {
  const response = await ask(t);
  return [response, await response.json()];
}

// @google/genai 1.30, which Gemini CLI brings along, ends in an error behind anything else, pings too.
rig.each('a stream of nothing but data', async (t) => {
  t.script(answer([text('Hel', 'lo')]));
  const lines = (await (await ask(t, '?alt=sse')).text()).split(/\r?\n/);
  assert.deepEqual(lines.filter((line) => line && !line.startsWith('data: {')), []);
  assert.ok(lines.filter(Boolean).length >= 3);
}, { fits: (t) => foreign(t) && t.driver.name === 'genai', streams: [true] });

rig.each('a stream as an array', async (t) => {
  t.script(answer([text('Hel', 'lo')]));
  const [response, chunks] = await asArray(t);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.equal(chunks.map((c) => c.candidates[0].content.parts.map((p) => p.text).join('')).join(''), 'Hello');
  assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
}, { fits: (t) => foreign(t) && t.driver.name === 'genai', streams: [true] });

rig.each('a stream as an array that breaks off', async (t) => {
  t.script(answer([text('Hel', 'lo')], { fault: { at: 'some', how: 'cut' } }));
  const [, chunks] = await asArray(t);
  assert.ok(chunks.length > 1);
  assert.equal(chunks.at(-1).error.status, 'INTERNAL');
  assert.ok(!chunks.some((c) => c.candidates?.[0].finishReason));
}, { fits: (t) => foreign(t) && t.driver.name === 'genai', streams: [true] });

// ---- the web ---------------------------------------------------------------

const SEARCH = {
  openai_chat: { web_search_options: { search_context_size: 'low' } },
  openai_responses: { tools: [{ type: 'web_search', filters: { allowed_domains: ['example.org'] } }] },
  anthropic: { tools: [{ type: 'web_search_20250305', name: 'web_search', allowed_domains: ['example.org'] }] },
  gemini: { tools: [{ googleSearch: {} }] },
};
const SEARCHES = {
  openai_responses: (b) => b.tools.some((x) => x.type === 'web_search'),
  anthropic: (b) => b.tools.some((x) => x.type === 'web_search_20250305' && x.name === 'web_search'),
  gemini: (b) => b.tools.some((x) => x.googleSearch),
};

rig.each('a search of the web is asked for in the words of each', async (t) => {
  t.script(yes);
  const s = t.open({ extra: SEARCH[t.driver.dialect.name] });
  assert.equal((await s.say(t.say('News?'))).text, 'Yes.');
  const searches = SEARCHES[t.dialect.name];
  if (searches) return assert.ok(searches(t.requests[0].json), t.requests[0].text);
  return assert.match(s.headers.get('x-gproxy-dropped') ?? '', /tools\[0\]|web_search/);
}, { fits: bySdk });
