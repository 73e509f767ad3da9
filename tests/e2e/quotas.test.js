// Budgets that cannot be overrun (spec.md 6; hardening.md T16, P5): reserve, then settle.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, assertError } from './lib/rig.js';
import { DIALECTS, chat } from './lib/dialects.js';
import { newUser, meteredConfig, spentBy } from './lib/metered.js';
import { answerWell, Upstream } from './lib/upstream.js';
import { Gateway } from './lib/gateway.js';
import { eventually, sleep } from './lib/client.js';

const USD = 1e9;
const users = {
  exact: newUser({ quota: { usd: '0.50' } }),
  loose: newUser({ quota: { usd: '0.50', period: 'day' } }),
  key: newUser({ quota: { usd: '10' }, key: { quota: { usd: '0.02', period: 'month' } } }),
  unpriced: newUser({ quota: { usd: '10' } }),
  free: newUser(),
  cut: newUser({ quota: { usd: '0.10' } }),
  failing: newUser({ quota: { usd: '0.10' } }),
  restarted: newUser({ quota: { usd: '0.05', period: 'week' } }),
  zero: newUser({ quota: { usd: '0' } }),
  unbounded: newUser({ quota: { usd: '1' } }),
};
const rig = useRig({
  config: (up) => meteredConfig(up, Object.values(users), { settings: { reserve_max_output: 2000 } }),
  args: ['--workers', '2'],
});

// Ten tokens of output at most, a cent.
const send = (user, more = {}, options = {}) => ask(rig, chat, { key: user.key, model: 'gpt-test', max_tokens: 10, ...more }, options);
const using = (output) => (req, res) => answerWell(req, res, { usage: { input: 5, cacheRead: 0, cacheWrite: 0, output, reasoning: 0 } });
// Prices hold for declared models only, so scripts go by a mark in the text.
let marks = 0;
const mark = (fn) => rig.up.script(`case-quota-${++marks}`, fn);

const settled = (user, nusd) => eventually(() => spentBy(rig.gw, user) === nusd, { what: `${user.name} has spent ${nusd}`, every: 100, timeout: 10000 });

test('500 at once against a quota for 50: 50 pass', async () => {
  const text = mark(using(10));
  const all = await Promise.all(Array.from({ length: 500 }, () => send(users.exact, { text })));
  assert.equal(all.filter((a) => a.status === 200).length, 50);
  assert.equal(all.filter((a) => a.status === 402).length, 450);
  await settled(users.exact, 0.5 * USD);
  assert.equal((await send(users.exact, { text })).status, 402);
});

test('what was reserved too much is given back', async () => {
  const text = mark(using(4));
  let good = 0;
  for (let round = 0; round < 3; round++) {
    const all = await Promise.all(Array.from({ length: 100 }, () => send(users.loose, { text })));
    good += all.filter((a) => a.status === 200).length;
  }
  for (let more = true; more; ) {
    const a = await send(users.loose, { text });
    more = a.status === 200;
    good += more;
  }
  // 0.4 cents each: after 123 of them 0.8 cents are left, and a whole one does not fit.
  assert.equal(good, 123);
  await settled(users.loose, 123 * 4e6);
});

test("a key's quota narrows its user's, and the refusal says whose it is", async () => {
  const text = mark(using(10));
  assert.equal((await send(users.key, { text })).status, 200);
  assert.equal((await send(users.key, { text })).status, 200);
  const a = await send(users.key, { text });
  const { message } = assertError(chat, a, 402);
  assert.match(message, /key/);
  assert.match(message, /month/);
});

for (const d of DIALECTS) {
  test(`a quota of nothing is 402 in the words of ${d.name}`, async () => {
    assertError(d, await ask(rig, d, { key: users.zero.key }), 402);
  });
}

test('a model without a price is refused to whoever has a quota', async () => {
  const a = await send(users.unpriced, { model: 'unpriced-test' });
  assertError(chat, a, 402);
  assert.match(a.text, /price/);
  assert.equal((await send(users.free, { model: 'unpriced-test' })).status, 200);
});

test('without a maximum the most that is reserved is the setting', async () => {
  const text = mark(async (req, res) => {
    await sleep(300);
    await using(10)(req, res);
  });
  // 2000 tokens are two dollars, more than there is; 900 fit once.
  assert.equal((await ask(rig, chat, { key: users.unbounded.key, model: 'gpt-test', text })).status, 402);
  const first = send(users.unbounded, { text, max_tokens: 900 });
  await sleep(100);
  assert.equal((await send(users.unbounded, { text, max_tokens: 900 })).status, 402);
  assert.equal((await first).status, 200);
  assert.equal((await send(users.unbounded, { text, max_tokens: 900 })).status, 200);
});

test('n answers are reserved n times', async () => {
  const text = mark(using(10));
  assert.equal((await send(users.unbounded, { text, max_tokens: 600, n: 2 })).status, 402);
});

test('a client that leaves gives back what it did not use', async () => {
  const text = mark(async (req, res) => {
    await res.hang(3000);
  });
  for (let i = 0; i < 3; i++) {
    await send(users.cut, { text, max_tokens: 100 }, { timeout: 150 }).catch(() => {});
    await sleep(50);
  }
  const good = mark(using(10));
  await eventually(async () => (await send(users.cut, { text: good, max_tokens: 80 })).status === 200, { what: 'room after the client left' });
});

test('an upstream that fails costs nothing', async () => {
  const text = mark((req, res) => res.json(500, chat.error(500, 'down')));
  for (let i = 0; i < 5; i++) assert.equal((await send(users.failing, { text, max_tokens: 100 })).status, 500);
  const good = mark(using(10));
  assert.equal((await send(users.failing, { text: good, max_tokens: 100 })).status, 200);
});

test('what was spent is spent after a restart', async () => {
  const text = mark(using(10));
  for (let i = 0; i < 3; i++) assert.equal((await send(users.restarted, { text })).status, 200);
  await rig.gw.restart();
  for (let i = 0; i < 2; i++) assert.equal((await send(users.restarted, { text })).status, 200);
  assert.equal((await send(users.restarted, { text })).status, 402);
  await rig.gw.kill9();
  await rig.gw.up();
  assert.equal((await send(users.restarted, { text })).status, 402);
});

// kill -9 in the middle, then on until nothing passes any more.
async function killedInTheMiddle(t, settings) {
  const up = await Upstream.start();
  const user = newUser({ quota: { usd: '0.50' } });
  let begun = 0;
  up.script('case-quota-kill', async (req, res) => {
    begun++;
    await sleep(20 + (begun % 7) * 10);
    await using(10)(req, res);
  });
  const gw = await Gateway.start({ t, config: meteredConfig(up, [user], { settings }), args: ['--workers', '2'] });
  t.after(() => up.stop());
  const one = () => ask({ gw }, chat, { key: user.key, model: 'gpt-test', max_tokens: 10, text: 'case-quota-kill' }).catch(() => ({ status: 0 }));
  for (let round = 0; round < 3; round++) {
    const load = Promise.all(Array.from({ length: 60 }, one));
    await sleep(15 + round * 20);
    await gw.kill9();
    await load;
    await gw.up();
  }
  for (let i = 0; i < 100; i++) await one();
  assert.equal((await one()).status, 402);
  await gw.restart();
  return { spent: spentBy(gw, user), begun };
}

test('clients that leave before there is an answer, unknown ends charged: what was reserved is spent', async (t) => {
  const user = newUser({ quota: { usd: '0.25' }, rate_limits: [{ models: '*', tpm: 100000 }] });
  const up = await Upstream.start();
  const gw = await Gateway.start({ config: meteredConfig(up, [user], { settings: { on_unknown: 'charge_estimate' } }) });
  t.after(async () => (await gw.end(), await up.stop()));
  const text = up.script('case-quota-leaver', (req, res) => res.hang(3000));
  const leave = (more) => ask({ gw, up }, chat, { key: user.key, model: 'gpt-test', text, max_tokens: 100, ...more }, { timeout: 150 }).catch(() => ({ status: 0 }));
  assert.equal((await leave()).status, 0);
  await eventually(() => spentBy(gw, user) === 0.1 * USD, { what: 'the first one is charged' });
  await leave();
  await eventually(() => spentBy(gw, user) === 0.2 * USD, { what: 'the second one too' });
  assert.equal((await leave()).status, 402);
  const rows = gw.usageRows();
  assert.deepEqual(rows.map((r) => [r.outcome, r.usage_source]), [['client_abort', 'estimated'], ['client_abort', 'estimated']]);
  const small = await ask({ gw, up }, chat, { key: user.key, model: 'gpt-test', max_tokens: 10 });
  assert.equal(small.status, 200);
  assert.ok(Number(small.headers['x-ratelimit-remaining-tokens']) < 100000 - 200, 'tokens count as well');
});

for (const timeouts of [{ request_ms: 300 }, { first_byte_ms: 300 }]) {
  test(`no answer in time (${Object.keys(timeouts)}), unknown ends charged: what was reserved is spent`, async (t) => {
    const user = newUser({ quota: { usd: '0.15' } });
    const up = await Upstream.start();
    const config = meteredConfig(up, [user], { settings: { on_unknown: 'charge_estimate' } });
    config.providers[0].timeouts = timeouts;
    const gw = await Gateway.start({ config });
    t.after(async () => (await gw.end(), await up.stop()));
    const text = up.script('case-quota-slow', (req, res) => res.hang(3000));
    const wait = () => ask({ gw, up }, chat, { key: user.key, model: 'gpt-test', text, max_tokens: 100 });
    assert.equal((await wait()).status, 504);
    await eventually(() => spentBy(gw, user) === 0.1 * USD, { what: 'it is charged' });
    assert.equal((await wait()).status, 402);
  });
}

test('kill -9 in the middle: the ledger never says more than the quota', async (t) => {
  const { spent } = await killedInTheMiddle(t, {});
  assert.ok(spent <= 0.5 * USD, `${spent}`);
  assert.ok(spent >= 0.4 * USD, `what was held is free again: ${spent}`);
});

test('kill -9 in the middle, unknown ends charged: upstream never did more than the quota pays', async (t) => {
  const { spent, begun } = await killedInTheMiddle(t, { on_unknown: 'charge_estimate' });
  assert.ok(spent <= 0.5 * USD, `${spent}`);
  assert.ok(begun <= 50, `${begun} reached the upstream`);
});
