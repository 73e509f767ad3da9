// gproxy explain: the same stages as a request, and nothing sent.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, newId } from './lib/rig.js';
import { chat, anthropic } from './lib/dialects.js';
import { newUser, meteredConfig } from './lib/metered.js';
import { gproxy } from './lib/gateway.js';

const user = newUser({
  permissions: [{ models: 'gpt-*' }, { models: 'both' }, { provider: 'anthropic', models: '*' }],
  rate_limits: [{ models: '*', rpm: 100 }, { models: 'gpt-*', rpm: 5, tpm: 100000 }],
  quota: { usd: '1', period: 'month' },
});
const rig = useRig({
  config: (up) => ({
    ...meteredConfig(up, [user]),
    rules: [
      { label: 'calm', phase: 'inbound', action: 'default', path: 'temperature', value: 0.25 },
      { scope: 'provider/openai', phase: 'outbound', action: 'set', path: 'metadata.team', value: 'blue' },
    ],
  }),
});

function explain(body, { args = [], key = user.key } = {}) {
  const r = gproxy(['explain', '--key', key, '--body', '-', '--json', '--data-dir', rig.gw.dataDir, ...args], { input: JSON.stringify(body) });
  assert.equal(r.code, 0, r.stderr);
  return JSON.parse(r.stdout);
}

test('who asks, by which permission, limits with what is left, candidates, bodies, prices', async () => {
  const id = newId('explain');
  assert.equal((await ask(rig, chat, { key: user.key, model: 'gpt-test', max_tokens: 10, id })).status, 200);
  const row = await rig.gw.row(id);
  const before = rig.up.requests.length;
  const e = explain({ ...chat.body('both'), max_tokens: 100, logit_bias: { 5: 1 } });
  assert.equal(rig.up.requests.length, before, 'nothing was sent');
  assert.equal(e.error, undefined);
  assert.equal(e.authenticated.user, user.name);
  assert.equal(e.request.dialect, 'openai_chat');
  assert.deepEqual(e.permissions.filter((p) => p.matches).map((p) => p.models), ['both', '*']);
  assert.equal(e.alias, 'both');
  assert.deepEqual(e.candidates.map((c) => [c.provider, c.model, c.way]), [
    ['openai', 'gpt-test', 'passed through'],
    ['anthropic', 'claude-test', 'translated'],
  ]);
  assert.equal(e.candidates[0].price.from, 'model');
  const wild = e.limits.find((l) => l.rate_limit === '*');
  assert.equal(wild.rpm.limit, 100);
  const quota = e.limits.find((l) => l.quota);
  assert.equal(quota.usd, '1');
  assert.equal(quota.spent, row.cost_usd);
  assert.equal(e.reservation.usd, '0.1');
  assert.match(e.inbound_rules[0].rule, /calm/);
  const [native, foreign] = e.attempts;
  assert.equal(native.body.metadata.team, 'blue');
  assert.equal(native.body.temperature, 0.25);
  assert.equal(native.body.model, 'gpt-test');
  assert.match(native.request_line, /^POST .*\/v1\/chat\/completions HTTP\/1\.1$/);
  assert.equal(native.headers.authorization, '(secret)');
  assert.equal(foreign.body.metadata?.team, undefined);
  assert.deepEqual(foreign.losses.filter((l) => l.what === 'dropped').map((l) => l.field), ['logit_bias']);
  assert.deepEqual(native.losses, []);
  assert.equal(e.candidates[0].price.foreseen.find((i) => i.what === 'output_tokens').usd, '0.1');
});

test('a limit that is used up is shown as refused, with the same words as the client gets', () => {
  const e = explain({ ...chat.body('gpt-test'), max_tokens: 100000 });
  assert.equal(e.reservation.refused.status, 402);
  assert.match(e.reservation.refused.message, /quota/);
});

test('what refuses is said, and what was known by then', () => {
  const forbidden = explain(chat.body('fast'));
  assert.equal(forbidden.error.status, 403);
  assert.deepEqual(forbidden.permissions.filter((p) => p.matches).map((p) => p.provider), ['anthropic'], 'and that leads nowhere');
  assert.equal(explain(chat.body('gpt-test'), { key: 'sk-nobody-000000000000' }).error.status, 401);
  assert.equal(explain(anthropic.body('claude-test'), { args: ['--path', '/v1/messages'] }).request.dialect, 'anthropic');
});

test('for people: lines', () => {
  const r = gproxy(['explain', '--key', user.key, '--body', '-', '--data-dir', rig.gw.dataDir], { input: JSON.stringify(chat.body('gpt-test')) });
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stdout, /^authenticated:$/m);
  assert.match(r.stdout, /^ {2}user: metered-/m);
  assert.ok(!r.stdout.includes(user.key));
});

test('an exchange: its cost line by line, by the price as it was then', async () => {
  const id = newId('bill');
  assert.equal((await ask(rig, chat, { key: user.key, model: 'gpt-test', max_tokens: 10, id })).status, 200);
  const row = await rig.gw.row(id);
  const bill = () => {
    const r = gproxy(['explain', '--exchange', row.id, '--json', '--data-dir', rig.gw.dataDir]);
    assert.equal(r.code, 0, r.stderr);
    return JSON.parse(r.stdout);
  };
  const before = bill();
  assert.equal(before.sum_usd, row.cost_usd);
  assert.ok(before.items.some((i) => i.what === 'output_tokens' && i.usd_per_million === '1000'));
  const config = meteredConfig(rig.up, [user]);
  for (const p of config.providers) for (const m of p.models) if (m.price) m.price = { input: '5', output: '5' };
  rig.gw.writeConfig(config);
  rig.gw.signal('SIGHUP');
  await new Promise((r) => setTimeout(r, 700));
  assert.deepEqual(bill(), before);
});

test('bad input', () => {
  const bad = (args, pattern) => {
    const r = gproxy(['explain', ...args, '--data-dir', rig.gw.dataDir]);
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, pattern);
  };
  bad(['--body', '/dev/null'], /--key/);
  bad(['--key', user.key], /--body/);
  bad(['--key-id', 'x', '--body', '/dev/null'], /key-id/);
  bad(['--exchange', 'nonsense'], /no id/);
  bad(['--exchange', '019ab3c4-d5e6-7000-8000-000000000000'], /no row/);
});
