// Rate limits (spec.md 5): per subject and row, sliding, exact across workers; a refused
// request consumes nothing; concurrency is free again however an exchange ends.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, newModel, assertError } from './lib/rig.js';
import { DIALECTS, chat, anthropic } from './lib/dialects.js';
import { newUser, meteredConfig } from './lib/metered.js';
import { answerWell } from './lib/upstream.js';
import { sleep, eventually } from './lib/client.js';

const users = {
  five: newUser({ rate_limits: [{ models: '*', rpm: 5 }] }),
  wide: newUser({ rate_limits: [{ models: '*', rpm: 3 }] }),
  specific: newUser({ rate_limits: [{ models: '*', rpm: 1 }, { models: 'gpt-*', rpm: 2 }, { models: 'openai/gpt-other', rpm: 3 }] }),
  narrow: newUser({ rate_limits: [{ models: '*', rpm: 10 }], key: { rate_limits: [{ models: '*', rpm: 2 }] } }),
  parallel: newUser({ rate_limits: [{ models: '*', rpm: 40 }] }),
  one: newUser({ rate_limits: [{ models: '*', max_concurrent: 1 }] }),
  four: newUser({ rate_limits: [{ models: '*', max_concurrent: 4 }] }),
  tokens: newUser({ rate_limits: [{ models: '*', tpm: 1000 }] }),
  daily: newUser({ rate_limits: [{ models: '*', rpd: 4 }] }),
  none: newUser({ rate_limits: [{ models: 'gpt-test', rpm: 0 }] }),
  refused: newUser({ rate_limits: [{ models: '*', rpm: 2 }] }),
  dialects: newUser({ rate_limits: [{ models: '*', rpm: 0 }] }),
  fallback: newUser({ rate_limits: [{ models: 'anthropic/*', rpm: 1 }] }),
};
const rig = useRig({ config: (up) => meteredConfig(up, Object.values(users)), args: ['--workers', '2'] });

const send = (user, more = {}) => ask(rig, chat, { key: user.key, model: 'gpt-test', max_tokens: 10, ...more });

test('the sixth of five requests a minute is refused, and says why and until when', async () => {
  for (let i = 0; i < 5; i++) {
    const a = await send(users.five);
    assert.equal(a.status, 200, a.text);
    assert.equal(a.headers['x-ratelimit-limit-requests'], '5');
    assert.equal(a.headers['x-ratelimit-remaining-requests'], String(4 - i));
  }
  const a = await send(users.five);
  const { message } = assertError(chat, a, 429);
  assert.match(message, /5 requests? per minute/);
  assert.match(message, /metered-/);
  assert.equal(a.headers['x-ratelimit-remaining-requests'], '0');
  const wait = Number(a.headers['retry-after']);
  assert.ok(wait >= 1 && wait <= 61, `retry-after ${wait}`);
});

test('a wildcard row counts all names together', async () => {
  assert.equal((await send(users.wide)).status, 200);
  assert.equal((await send(users.wide, { model: 'openai/gpt-other' })).status, 200);
  assert.equal((await send(users.wide, { model: 'fast' })).status, 200);
  assert.equal((await send(users.wide, { model: 'fast' })).status, 429);
  assert.equal((await send(users.wide, { model: 'gpt-other' })).status, 429);
});

test('the most specific row counts, also by provider/model', async () => {
  for (let i = 0; i < 3; i++) assert.equal((await send(users.specific, { model: 'gpt-other' })).status, 200);
  assert.equal((await send(users.specific, { model: 'gpt-other' })).status, 429);
  for (let i = 0; i < 2; i++) assert.equal((await send(users.specific)).status, 200);
  for (const model of ['gpt-test', 'openai/gpt-test', 'fast']) assert.equal((await send(users.specific, { model })).status, 429, `${model} is gpt-test all the same`);
  const claude = () => ask(rig, anthropic, { key: users.specific.key });
  assert.equal((await claude()).status, 200);
  assert.equal((await claude()).status, 429);
});

test("a key's row narrows the user's", async () => {
  for (let i = 0; i < 2; i++) assert.equal((await send(users.narrow)).status, 200);
  const a = await send(users.narrow);
  assert.equal(a.status, 429);
  assert.match(a.text, /key/);
});

test('exact across workers: 40 of 200 at once', async () => {
  const all = await Promise.all(Array.from({ length: 200 }, () => send(users.parallel)));
  assert.equal(all.filter((a) => a.status === 200).length, 40);
  assert.equal(all.filter((a) => a.status === 429).length, 160);
});

test('one at a time, and the next when it has ended', async () => {
  const model = newModel('slow');
  let release;
  rig.up.script(model, async (req, res) => {
    await new Promise((r) => (release = r));
    await answerWell(req, res);
  });
  const first = send(users.one, { model: `openai/${model}` });
  await eventually(() => release, { what: 'the first is upstream' });
  const second = await send(users.one);
  assert.equal(second.status, 429, second.text);
  assert.match(second.text, /1 request at one time|at one time/);
  release();
  assert.equal((await first).status, 200);
  assert.equal((await send(users.one)).status, 200);
});

test('never more than four at one time, whoever asks', async () => {
  let running = 0;
  let most = 0;
  const model = newModel('four');
  rig.up.script(model, async (req, res) => {
    most = Math.max(most, ++running);
    await sleep(30);
    running--;
    await answerWell(req, res);
  });
  const all = await Promise.all(Array.from({ length: 60 }, () => send(users.four, { model: `openai/${model}` })));
  assert.equal(most, 4);
  assert.ok(all.every((a) => a.status === 200 || a.status === 429));
  assert.equal(all.filter((a) => a.status === 200).length >= 4, true);
  assert.equal((await send(users.four)).status, 200);
});

test('tokens: reserved by estimate, settled by fact', async () => {
  const model = newModel('tok');
  rig.up.script(model, (req, res) => answerWell(req, res, { usage: { input: 100, cacheRead: 0, cacheWrite: 0, output: 100, reasoning: 0 } }));
  // Each asks for 500 at most and takes 200.
  for (let i = 0; i < 3; i++) {
    const a = await send(users.tokens, { model: `openai/${model}`, max_tokens: 400 });
    assert.equal(a.status, 200, a.text);
    assert.equal(a.headers['x-ratelimit-limit-tokens'], '1000');
  }
  const a = await send(users.tokens, { model: `openai/${model}`, max_tokens: 400 }); // 600 are used
  assert.equal(a.status, 429, a.text);
  assert.match(a.text, /tokens? per minute/);
  assert.equal((await send(users.tokens, { model: `openai/${model}`, max_tokens: 200 })).status, 200);
});

test('a request that can never fit says so', async () => {
  const a = await send(users.tokens, { max_tokens: 100000 });
  assert.equal(a.status, 429);
  assert.equal(a.headers['retry-after'], undefined);
});

test('windows of a day survive a restart', async () => {
  for (let i = 0; i < 3; i++) assert.equal((await send(users.daily)).status, 200);
  await rig.gw.restart();
  assert.equal((await send(users.daily)).status, 200);
  const a = await send(users.daily);
  assert.equal(a.status, 429, a.text);
  assert.match(a.text, /per day/);
});

test('a limit of 0 blocks, and other models are free', async () => {
  assert.equal((await send(users.none)).status, 429);
  assert.equal((await send(users.none, { model: 'gpt-other' })).status, 200);
});

test('what is refused for another reason consumes nothing', async () => {
  for (let i = 0; i < 5; i++) assert.equal((await send(users.refused, { model: 'no-such-model' })).status, 404);
  for (let i = 0; i < 5; i++) assert.equal((await ask(rig, chat, { key: users.refused.key, model: 'gpt-test', stream_options: 5 })).status, 400);
  for (let i = 0; i < 2; i++) assert.equal((await send(users.refused)).status, 200);
  assert.equal((await send(users.refused)).status, 429);
});

for (const d of DIALECTS) {
  test(`refused in the words of ${d.name}`, async () => {
    const a = await ask(rig, d, { key: users.dialects.key });
    assertError(d, a, 429);
    if (d === anthropic) assert.equal(a.headers['anthropic-ratelimit-requests-limit'], '0');
    const s = await ask(rig, d, { key: users.dialects.key, stream: true });
    assert.equal(s.status, 429);
  });
}

test('failover asks for the limits of where it goes', async () => {
  const mark = 'case-limits-failover';
  rig.up.script(mark, (req, res) => (req.path.includes('chat') ? res.json(500, chat.error(500, 'down')) : answerWell(req, res)));
  const go = () => send(users.fallback, { model: 'both', text: mark });
  assert.equal((await go()).status, 200);
  const a = await go();
  assert.equal(a.status, 429, a.text);
  assert.match(a.text, /anthropic\/\*/);
});
