// Words in and out between any client and any upstream: text, system, history, images, schemas, ends.
import assert from 'node:assert/strict';
import { FIGURES, answer, text } from './lib/scripts.js';
import { figuresOf, useMatrix } from './lib/matrix.js';
import { WORDS } from './lib/dialects.js';

const rig = useMatrix();
const HELLO = WORDS.join('');
const PNG = { mime: 'image/png', data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==' };
const hello = answer([text(...WORDS)]);

// What a request says, whoever says it, by dialect.
const SAID = {
  openai_chat: (b) => b.messages.map((m) => [m.role, m.content]),
  openai_responses: (b) => [
    ...(b.instructions ? [['system', b.instructions]] : []),
    ...(typeof b.input === 'string' ? [['user', b.input]] : b.input.map((i) => [i.role, i.content])),
  ],
  anthropic: (b) => [...(b.system ? [['system', b.system]] : []), ...b.messages.map((m) => [m.role, m.content])],
  gemini: (b) => [...(b.systemInstruction ? [['system', b.systemInstruction.parts]] : []), ...b.contents.map((c) => [c.role, c.parts])],
};
const ROLES = { developer: 'system', model: 'assistant' };
const words = (content) => (typeof content === 'string' ? content : content.map((p) => p.text ?? '').join(''));
const said = (req) => SAID[req.dialect.name](req.json).map(([role, content]) => [ROLES[role] ?? role, words(content)]);

rig.each('text', async (t) => {
  t.script(hello);
  const got = await t.open().say(t.say('Say "hello" in\tGerman\\'));
  assert.equal(got.text, HELLO);
  assert.equal(got.finish, 'stop');
  assert.deepEqual(got.calls, []);
  assert.deepEqual(got.usage, figuresOf(t, FIGURES));
  if (got.model) assert.equal(got.model, t.model, "the client's name of the model");
  assert.deepEqual(said(t.requests[0]), [['user', t.say('Say "hello" in\tGerman\\')]]);
});

rig.each('system and history', async (t) => {
  t.script(hello, answer([text('Again.')]));
  const s = t.open({ system: 'Be “brief”.\nBe kind.' });
  await s.say(t.say('Hi'));
  assert.equal((await s.say('Once more')).text, 'Again.');
  const system = ['system', 'Be “brief”.\nBe kind.'];
  assert.deepEqual(said(t.requests[0]), [system, ['user', t.say('Hi')]]);
  assert.deepEqual(said(t.requests[1]), [system, ['user', t.say('Hi')], ['assistant', HELLO], ['user', 'Once more']]);
});

rig.each('an image is seen', async (t) => {
  t.script(hello);
  await t.open().say(t.say('What is this?'), { image: PNG });
  assert.equal(t.requests[0].text.split(PNG.data).length - 1, 1, 'the bytes arrive, once');
  assert.match(t.requests[0].text, /image\/png/);
});

rig.each(
  'an image is painted',
  async (t) => {
    t.script(answer([text('Here: '), { image: PNG }]));
    const got = await t.open().say(t.say('Paint'));
    if (t.shows('image')) assert.deepEqual(got.images, [PNG.data]);
    assert.match(got.text, /^Here: /);
  },
  { fits: (t) => t.dialect.name === 'gemini' },
);

const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'integer' }, sky: { type: ['string', 'null'], enum: ['clear', null] } },
  required: ['city', 'degrees', 'sky'],
  additionalProperties: false,
};
const OBJECT = { city: 'Zürich', degrees: -3, sky: null };
const json = JSON.stringify(OBJECT);

rig.each('an answer by schema', async (t) => {
  t.script(answer([text(json.slice(0, 9), json.slice(9))]));
  const got = await t.open({ schema: SCHEMA }).say(t.say('Weather?'));
  assert.deepEqual(JSON.parse(got.text), OBJECT);
  assert.equal(got.finish, 'stop');
  for (const name of Object.keys(SCHEMA.properties)) assert.ok(t.requests[0].text.includes(`"${name}"`), `the schema names ${name}`);
});

const LIMIT = {
  openai_chat: (b) => b.max_completion_tokens ?? b.max_tokens,
  openai_responses: (b) => b.max_output_tokens,
  anthropic: (b) => b.max_tokens,
  gemini: (b) => b.generationConfig.maxOutputTokens,
};

rig.each('cut off at the limit', async (t) => {
  t.script(answer([text('Once upon', ' a')], { finish: 'length' }));
  const got = await t.open({ maxOutput: 77 }).say(t.say('A story'));
  assert.equal(got.text, 'Once upon a');
  assert.equal(got.finish, 'length');
  assert.equal(LIMIT[t.dialect.name](t.requests[0].json), 77);
});

rig.each('filtered after some words', async (t) => {
  t.script(answer([text('First ', 'you')], { finish: 'filter' }));
  const got = await t.open().say(t.say('How?'));
  assert.equal(got.text, 'First you');
  assert.equal(got.finish, 'filter');
});

rig.each('filtered at once', async (t) => {
  t.script(answer([], { finish: 'filter' }));
  const got = await t.open().say(t.say('How?'));
  assert.equal(got.finish, 'filter');
  assert.deepEqual(got.calls, []);
});

const STOPS = {
  openai_chat: (b) => b.stop,
  openai_responses: () => undefined,
  anthropic: (b) => b.stop_sequences,
  gemini: (b) => b.generationConfig?.stopSequences,
};

rig.each(
  'ends at a stop sequence',
  async (t) => {
    t.script(answer([text('one two')], { finish: 'sequence', sequence: 'three' }));
    const s = t.open({ stop: ['three', 'END'] });
    const got = await s.say(t.say('Count'));
    const told = t.dialect.name === 'anthropic' && t.driver.name === 'anthropic';
    assert.equal(got.finish, told ? 'sequence' : 'stop');
    if (told) assert.equal(got.sequence, 'three');
    assert.deepEqual([STOPS[t.dialect.name](t.requests[0].json)].flat().filter(Boolean), t.dialect.name === 'openai_responses' ? [] : ['three', 'END']);
  },
  { fits: (t) => t.shows('stop') && !(t.target.direct && t.dialect.name === 'openai_responses') },
);

const TEMPERATURE = { gemini: (b) => b.generationConfig.temperature };

rig.each(
  'temperature',
  async (t) => {
    t.script(hello);
    await t.open({ temperature: 0.25 }).say(t.say('Hi'));
    assert.equal((TEMPERATURE[t.dialect.name] ?? ((b) => b.temperature))(t.requests[0].json), 0.25);
  },
  { fits: (t) => t.shows('temperature') },
);
