// However an exchange ends, what it held is given back: the one place of its user, and the money.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig } from './lib/rig.js';
import { WORDS, anthropic, chat, gemini, responses } from './lib/dialects.js';
import { Conn, call, eventually, sleep } from './lib/client.js';
import { Gateway, SLOW } from './lib/gateway.js';
import { answerWell } from './lib/upstream.js';
import { PAIRS, Trial, config, isSecond, native, wordsIn, wordy } from './lib/bad-days.js';

const timeouts = { connect_ms: 1000 * SLOW, first_byte_ms: 800 * SLOW, idle_ms: 600 * SLOW, request_ms: 1200 * SLOW };

// One request reserves two cents, whatever it says: one and a half fit.
const FULL = {
  [chat.name]: { max_tokens: 10000 },
  [responses.name]: { max_output_tokens: 10000 },
  [anthropic.name]: { max_tokens: 10000 },
  [gemini.name]: { generationConfig: { maxOutputTokens: 10000 } },
};
const LIMITS = { rate_limits: [{ max_concurrent: 1 }], quota: { usd: '0.03' }, permissions: [{ models: 'm' }, { models: '*/m' }, { models: 'both-*' }, { models: 'echo/*' }] };

const hang = (req, res) => res.hang();
const trickle = async (req, res) => {
  await res.head(200, { 'content-type': 'application/json', 'content-length': 5000 });
  for (let i = 0; i < 200 && !res.gone; i++) (await res.raw(' '), await sleep(50 * SLOW));
};
const cutBody = async (req, res) => {
  const body = JSON.stringify(req.dialect.answer({ model: 'm' }));
  await res.head(200, { 'content-type': 'application/json', 'content-length': body.length });
  await res.raw(body.slice(0, body.length / 2));
  res.rst();
};
const is = (...statuses) => (a) => assert.ok(statuses.includes(a.status), `${a.status}: ${a.text.slice(0, 300)}`);

async function leave(one, when) {
  const conn = await one.open();
  if (when === 'waiting') await eventually(() => one.asked.length, { what: 'the request is upstream' });
  else await conn.answer({ until: (a) => wordsIn(a.text) >= 3 });
  conn.reset();
}

/*
 * Ways to end: what the upstream does, how the request differs, what the client sees; `run` where
 * it does not just ask.  late: the client does not see the end, so that the gateway may need a moment.
 */
const WAYS = {
  'a whole stream': { check: is(200) },
  'a whole answer': { stream: false, check: is(200) },
  'refused by upstream with 500': { script: (req, res) => res.json(500, req.dialect.error(500, 'Broken.')), check: is(500, 502, 503) },
  'refused by upstream with 429': { script: (req, res) => res.json(429, req.dialect.error(429, 'Slow down.')), check: is(429) },
  'reset before the head': { script: (req, res) => res.rst(), check: is(500, 502) },
  'reset in the stream': { script: wordy((res) => res.rst()), check: is(200) },
  'reset in the body': { stream: false, script: cutBody, check: is(500, 502) },
  'an error event in the stream': { script: wordy(async (res, req) => (await res.chunk(req.dialect.errorFrame()), res.finish())), check: is(200) },
  'never answered': { script: hang, check: is(504) },
  'silent in the middle': { script: wordy((res) => res.hang()), check: is(200) },
  'too slow as a whole': { stream: false, script: trickle, check: is(504) },
  'the client goes while it waits': { script: hang, late: true, run: (one) => leave(one, 'waiting') },
  'the client goes in the stream': { script: wordy(null, { count: 500, pause: 20 }), late: true, run: (one) => leave(one) },
  'the first is busy, the second answers': { both: true, script: (req, res) => (isSecond(req) ? answerWell(req, res) : res.json(429, req.dialect.error(429, 'Slow down.'))), check: is(200) },
  'both are silent': { both: true, script: hang, check: is(504) },
  'a model that may not be used': { model: 'other', check: is(403, 404) },
  'no such model': { name: 'nothing/like-it', check: is(400, 403, 404) },
  'a body that is no JSON': { body: '{"model": "m", ', check: is(400) },
  'half a body, and gone': {
    late: true,
    run: async (one) => {
      const conn = await Conn.open(one.rig.gw);
      await conn.send({ ...one.request, headers: { ...one.request.headers, 'content-length': 1000 }, body: '{' });
      await sleep(50);
      conn.reset();
    },
  },
};

let serial = 0;
const users = [];

function newUser(limits = LIMITS) {
  const n = ++serial;
  const key = `sk-limited-${String(n).padStart(16, '0')}`;
  users.push({ name: `limited-${n}`, keys: [{ label: 'k', key }], ...limits });
  return key;
}

const TESTED = PAIRS.filter((p) => native(p) || [anthropic, gemini].includes(p.u.dialect) || p.d === anthropic);
const tests = TESTED.flatMap((pair) => Object.entries(WAYS).map(([name, way]) => ({ pair, name, way, key: newUser() })));
const others = Object.fromEntries(['echo', 'counts', 'killed', 'stopped'].map((name) => [name, newUser()]));
const { quota, rate_limits, permissions } = LIMITS;
const alone = { place: newUser({ rate_limits, permissions }), money: newUser({ quota, permissions }) };

const rig = useRig({ config: (up) => config(up, { timeouts, users }) });

const full = (pair, key, options = {}) => new Trial(options.rig ?? rig, pair, { key, extra: FULL[pair.d.name], ...options });

// The next request, as large as one may be, has its place and its money.
async function checkFree(pair, key, { late = false, ...options } = {}) {
  const next = () => full(pair, key, { stream: false, ...options }).call();
  if (late)
    await eventually(
      async () => {
        const a = await next();
        assert.ok([200, 429, 402].includes(a.status), a.text);
        return a.status === 200;
      },
      { timeout: 3000 * SLOW, what: 'the next one is admitted' },
    );
  const a = await next();
  assert.equal(a.status, 200, a.text);
  assert.equal(pair.d.text(a.json), WORDS.join(''));
}

for (const pair of TESTED)
  describe(pair.name, { concurrency: 8 }, () => {
    for (const { name, way, key } of tests.filter((t) => t.pair === pair))
      test(name, async () => {
        const { run, check, late, name: asked, body, ...options } = way;
        const one = full(pair, key, options);
        if (asked) one.rename(asked);
        if (body) one.request.body = body;
        if (run) await run(one);
        else check(await one.call({ timeout: 8000 * SLOW }));
        await checkFree(pair, key, { late });
      });
  });

for (const [what, status] of [['place', 429], ['money', 402]])
  test(`one in flight holds the ${what}: the next is refused until it ends, and refusals hold nothing`, async () => {
    const key = alone[what];
    const pair = PAIRS[0];
    const one = full(pair, key, { script: wordy(null, { count: 60, pause: 20 }) });
    const { conn, answer } = await one.begun(3);
    for (let i = 0; i < 5; i++) is(status)(await full(pair, key).call());
    if (!answer.complete) await conn.wait(answer);
    conn.close();
    assert.equal(wordsIn(pair.d.streamText(answer.text)), 60);
    await checkFree(pair, key);
  });

test('what is answered here', async () => {
  const key = others.echo;
  for (const stream of [true, false]) {
    const a = await call(rig.gw, { path: chat.path(), headers: chat.auth(key), body: chat.body('echo/echo', { stream, ...FULL[chat.name] }) });
    assert.equal(a.status, 200, a.text);
  }
  await checkFree(PAIRS[0], key);
});

test('counting of tokens, with an upstream that can and with one that cannot', async () => {
  const key = others.counts;
  for (const to of ['anthropic', 'chat', 'gemini']) {
    const body = { model: `${to}/m`, messages: [{ role: 'user', content: 'Hi' }] };
    const a = await call(rig.gw, { path: '/v1/messages/count_tokens', headers: anthropic.auth(key), body });
    assert.equal(a.status, 200, a.text);
  }
  await checkFree(PAIRS[0], key);
});

for (const [how, end] of [['killed', (gw) => gw.kill9()], ['stopped', (gw) => gw.stop()]])
  test(`${how} in the middle: the next process knows of nothing held`, async (t) => {
    const gw = await Gateway.start({ t, config: config(rig.up, { users, server: { shutdown_timeout: 1 } }) });
    const own = { up: rig.up, gw };
    const key = others[how];
    const one = full(PAIRS[1], key, { rig: own, script: wordy(null, { count: 3000, pause: 20 }) });
    await one.begun(3);
    await end(gw);
    await gw.up();
    await checkFree(PAIRS[1], key, { rig: own });
  });
