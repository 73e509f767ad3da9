// What is reserved is what upstream may bill (hardening.md T16, P5): tricks to ask for more than one pays for.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, assertError } from './lib/rig.js';
import { chat, responses, anthropic, gemini, message } from './lib/dialects.js';
import { newUser, meteredConfig, spentBy, PRICE } from './lib/metered.js';
import { answerWell } from './lib/upstream.js';
import { call, eventually } from './lib/client.js';

// A dollar for a thousand tokens of input, and nothing for output.
const READING = { input: '1000', output: '0' };
const half = () => newUser({ quota: { usd: '0.50' } });
const users = {
  thinks: half(),
  limited: newUser({ rate_limits: [{ models: '*', tpm: 500 }] }),
  recalls: newUser({ quota: { usd: '10' } }),
  pauses: newUser({ quota: { usd: '0.25' } }),
  ruled: half(),
  spells: half(),
  tiers: half(),
};

const rig = useRig({
  config: (up) => {
    const config = meteredConfig(up, Object.values(users), { settings: { reserve_max_output: 100, response_ttl_ms: 60000 } });
    config.providers[1].models.push({ id: 'claude-sonnet-4-5', price: PRICE }, { id: 'claude-reads', price: READING });
    config.providers[0].models.push({ id: 'gpt-tiers', price: { ...PRICE, modes: { priority: { multiplier: '2' } } } });
    config.rules = [
      { scope: 'provider/openai', phase: 'outbound', action: 'set', path: 'max_tokens', value: 4000, filter: { models: 'talk-more' } },
    ];
    config.aliases.push({ name: 'talk-more', targets: [{ provider: 'openai', model: 'gpt-test' }] });
    return config;
  },
});

const using = (input, output) => (req, res) => answerWell(req, res, { usage: { input, cacheRead: 0, cacheWrite: 0, output, reasoning: 0 } });
let marks = 0;
const mark = (fn) => rig.up.script(`case-reserve-${++marks}`, fn);
const asked = () => rig.up.requests.length;

// Not a byte of it may go upstream.
async function refused(d, status, body) {
  const before = asked();
  const a = await ask(rig, d, body);
  const { message: said } = assertError(d, a, status);
  assert.equal(asked(), before, 'upstream was asked');
  return said;
}

test('Claude thinks beside what the client wants to read, and that is reserved too', async () => {
  const text = mark(using(1, 10));
  const body = { key: users.thinks.key, model: 'anthropic/claude-sonnet-4-5', text, max_tokens: 10 };
  assert.equal((await ask(rig, chat, body)).status, 200);
  assert.match(await refused(chat, 402, { ...body, reasoning_effort: 'low' }), /1\.03\d* USD/);
  await refused(responses, 402, { ...body, max_tokens: undefined, max_output_tokens: 10, reasoning: { effort: 'low' } });
  await eventually(() => spentBy(rig.gw, users.thinks) === 0.01e9, { what: 'only the first one cost anything' });
});

test('and of a limit of tokens', async () => {
  const body = { key: users.limited.key, model: 'anthropic/claude-sonnet-4-5', max_tokens: 10 };
  assert.match(await refused(chat, 429, { ...body, reasoning_effort: 'low' }), /send less at a time/);
  assert.equal((await ask(rig, chat, body)).status, 200);
});

test('what was said before and is kept here is input as well', async () => {
  const text = mark(using(8000, 1));
  const model = 'anthropic/claude-reads';
  const first = await ask(rig, responses, { key: users.recalls.key, model, input: `${text} ${'word '.repeat(2000)}`, max_output_tokens: 20 });
  assert.equal(first.status, 200, first.text);
  await eventually(() => spentBy(rig.gw, users.recalls) === 8e9, { what: 'the first turn is billed' });
  // Two dollars are left; what is sent is small, and what upstream gets is over ten thousand bytes.
  const said = await refused(responses, 402, { key: users.recalls.key, model, input: 'go on', previous_response_id: first.json.id, max_output_tokens: 20 });
  assert.match(said, /2 USD are left/);
});

test('each round of an answer that pauses must be within the quota', async () => {
  const text = mark((req, res) => {
    const content = [{ type: 'text', text: 'searching' }, { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } }];
    res.json(200, message('msg_1', req.json.model, content, 'pause_turn', { input_tokens: 1, output_tokens: 90 }));
  });
  const before = asked();
  const a = await ask(rig, chat, { key: users.pauses.key, model: 'anthropic/claude-test', text, max_tokens: 100, web_search_options: {} });
  assertError(chat, a, 402);
  assert.equal(asked() - before, 2, 'a third round would pass 0.25 USD: 0.18 are spent');
  await eventually(() => spentBy(rig.gw, users.pauses) === 0.18e9, { what: 'the rounds that there were are billed' });
});

test('a rule that asks for more is reserved for', async () => {
  await refused(chat, 402, { key: users.ruled.key, model: 'talk-more', max_tokens: 10 });
  assert.equal((await ask(rig, chat, { key: users.ruled.key, model: 'gpt-test', max_tokens: 10 })).status, 200);
});

// What passes unchanged, and would have an upstream do more than anybody here knows of.
const unseen = [
  ['an answer in the background', responses, '"background":true'],
  ['the same, as an escaped key', responses, '"back\\u0067round":true'],
  ['the same, said twice', responses, '"background":true,"background":false'],
  ['the same, as a stream', responses, '"background":true,"stream":true'],
  ['other models (OpenRouter)', chat, '"models":["openai/gpt-dear"]'],
  ['other models, by an escaped key', chat, '"m\\u006fdels":["openai/gpt-dear"]'],
  ['models to fall back on (Anthropic)', anthropic, '"fallbacks":[{"model":"claude-dear"}]'],
  ['a tool that is a model (Anthropic)', anthropic, '"tools":[{"name":"a","input_schema":{}},{"type":"advisor_20260301","name":"advisor","model":"claude-dear"}]'],
  ['the same, by an escaped key', anthropic, '"tools":[{"type":"advisor_20260301","name":"advisor","mod\\u0065l":"claude-dear"}]'],
  ['the same, behind other tools', anthropic, '"tools":[{"type":"advisor_20260301","model":"claude-dear"}],"tools":[]'],
];

for (const [why, d, fields] of unseen) {
  test(`refused, as nobody would see it: ${why}`, async () => {
    const sent = `{${fields},${JSON.stringify(d.body(`${d.provider}/${d.model}`)).slice(1)}`;
    const before = asked();
    assertError(d, await call(rig.gw, { path: d.path(), headers: d.auth(users.spells.key), body: sent }), 400);
    assert.equal(asked(), before);
  });
}

test('and what says that there is nothing of it passes', async () => {
  const one = (d, more) => ask(rig, d, { key: users.spells.key, model: `${d.provider}/${d.model}`, max_tokens: 5, ...more });
  assert.equal((await one(chat, { models: [] })).status, 200);
  assert.equal((await one(responses, { max_tokens: undefined, max_output_tokens: 16, background: false })).status, 200);
  assert.equal((await one(anthropic, { fallbacks: null, tools: [{ name: 'model', input_schema: { model: 1 } }] })).status, 200);
});

test('a dearer service tier that the price does not know has no price', async () => {
  const key = users.tiers.key;
  assert.match(await refused(chat, 402, { key, max_tokens: 10, service_tier: 'priority' }), /"gpt-test \(priority\)"/);
  await refused(responses, 402, { key, max_output_tokens: 16, service_tier: 'PRIORITY' });
  await refused(anthropic, 402, { key, max_tokens: 10, speed: 'fast' });
  await refused(gemini, 402, { key, generationConfig: { maxOutputTokens: 10 }, serviceTier: 'priority' });
  await refused(chat, 402, { key, model: 'aistudio/gemini-test', max_tokens: 10, service_tier: 'priority' });
  const sent = '{"model":"openai/gpt-test","messages":[{"role":"user","content":"x"}],"max_tokens":10,"service\\u005ftier":"pri\\u006frity"}';
  assertError(chat, await call(rig.gw, { path: chat.path(), headers: chat.auth(key), body: sent }), 402);
  for (const more of [{ service_tier: 'flex' }, { service_tier: 'default' }, { service_tier: null }, { model: 'openai/gpt-tiers', service_tier: 'priority' }])
    assert.equal((await ask(rig, chat, { key, max_tokens: 10, ...more })).status, 200, JSON.stringify(more));
  assert.equal((await ask(rig, anthropic, { key, max_tokens: 10, service_tier: 'auto' })).status, 200);
  assert.equal((await ask(rig, chat, { key: users.limited.key, max_tokens: 10, service_tier: 'priority' })).status, 200, 'no quota');
});

// By whoever hopes that gproxy reads less than upstream does: 4000 tokens are four dollars.
const big = [
  ['twice', chat, '"max_tokens":4000,"max_tokens":1'],
  ['twice, the other way', chat, '"max_tokens":1,"max_tokens":4000'],
  ['under both names', chat, '"max_completion_tokens":1,"max_tokens":4000'],
  ['an escaped name', chat, '"max_completion_tokens":1,"max\\u005ftokens":4000'],
  ['an exponent', chat, '"max_tokens":4e3'],
  ['a string', chat, '"max_tokens":"4000"'],
  ['n', chat, '"max_tokens":10,"n":400'],
  ['an escaped n', chat, '"max_tokens":10,"\\u006e":400'],
  ['too much to count', chat, '"max_tokens":99999999999999999999999999'],
  ['Messages', anthropic, '"max_tokens":1,"max\\u005ftokens":4000'],
  ['Gemini, in the other spelling', gemini, '"generationConfig":{"maxOutputTokens":1},"generation_config":{"max_output_tokens":4000}'],
  ['Gemini, a string with an escape', gemini, '"generationConfig":{"maxOutputTokens":"4\\u0030\\u0030\\u0030","candidateCount":9}'],
  ['a string as Python reads it', chat, '"max_tokens":"4_000","n":9'],
  ['n as Python reads it', chat, '"max_tokens":10,"n":"4_00"'],
];

for (const [why, d, fields] of big) {
  test(`spelled to be missed: ${why}`, async () => {
    const { max_tokens: _, ...plain } = d.body(`${d.provider}/${d.model}`);
    const sent = `{${fields},${JSON.stringify(plain).slice(1)}`;
    const before = asked();
    const a = await call(rig.gw, { path: d.path(`${d.provider}/${d.model}`), headers: d.auth(users.spells.key), body: sent });
    assertError(d, a, 402);
    assert.equal(asked(), before);
  });
}
