// Prices (spec.md 10): looked up alias, model, price rows, catalogue; by the tier that
// upstream reports; exact to the billionth of a dollar.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, newId } from './lib/rig.js';
import { chat, responses, anthropic, gemini } from './lib/dialects.js';
import { newUser, meteredConfig } from './lib/metered.js';

const payer = newUser();
const rates = { input: '3', output: '15', cache_read: '0.3', cache_write_5m: '3.75', cache_write_1h: '6', reasoning: '20' };
const rig = useRig({
  config: (up) => {
    const config = meteredConfig(up, [payer]);
    const [openai, claude, google] = config.providers;
    openai.models = [
      { id: 'gpt-rates', price: rates },
      { id: 'gpt-modes', price: { input: '2', output: '8', modes: { flex: { multiplier: '0.5' }, priority: { input: '4', output: '20' } } } },
      { id: 'gpt-tiers', price: { input: '1', output: '4', tiers: [{ above: 1000, input: '2', output: '6' }] } },
      { id: 'gpt-call', price: { input: '0', output: '0', per_call: '0.015' } },
      { id: 'gpt-aliased', price: { input: '1', output: '1' } },
      { id: 'gpt-row-special' },
      { id: 'gpt-row-other' },
      { id: 'gpt-nothing' },
    ];
    claude.models = [{ id: 'claude-rates', price: rates }];
    google.models = [{ id: 'gemini-rates', price: rates }];
    config.aliases = [
      { name: 'dear', price: { input: '100', output: '100' }, targets: [{ provider: 'openai', model: 'gpt-aliased' }] },
      { name: 'plain', targets: [{ provider: 'openai', model: 'gpt-aliased' }] },
    ];
    config.prices = [
      { models: 'gpt-row-*', price: { input: '7', output: '7' } },
      { provider: 'openai', models: 'gpt-row-special', price: { input: '9', output: '9' } },
    ];
    return config;
  },
});

const FIGURES = { input: 1000, cacheRead: 200, cacheWrite: 0, output: 300, reasoning: 100 };

let marks = 0;

// What one request costs, in billionths of a dollar, when upstream answers so.
async function cost(d, model, { usage = FIGURES, change = (x) => x, stream = false } = {}) {
  const text = rig.up.script(`case-price-${++marks}`, async (req, res) => {
    if (!req.streams) return res.json(200, change(req.dialect.answer({ model: req.model, usage })));
    await res.stream();
    for (const frame of req.dialect.frames({ model: req.model, usage, includeUsage: true })) await res.chunk(change(frame));
    return res.finish();
  });
  const id = newId('price');
  const a = await ask(rig, d, { key: payer.key, model, text, id, stream });
  assert.equal(a.status, 200, a.text);
  const row = await rig.gw.row(id);
  return { nusd: Math.round(Number(row.cost_usd) * 1e9), row };
}

// 1000 x 3 + 200 x 0.3 + 200 x 15 + 100 x 20, per million.
const PLAIN = 3000_000 + 60_000 + 3000_000 + 2000_000;

for (const [d, model] of [[chat, 'gpt-rates'], [responses, 'gpt-rates'], [gemini, 'gemini-rates']]) {
  for (const stream of [false, true]) {
    test(`${d.name}${stream ? ', streamed' : ''}: every kind at its rate, cached tokens once`, async () => {
      assert.equal((await cost(d, model, { stream })).nusd, PLAIN);
    });
  }
}

test('anthropic: cache writes by how long they live', async () => {
  const change = (x) => {
    x.usage = { ...x.usage, cache_creation_input_tokens: 50, cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 } };
    return x;
  };
  const usage = { ...FIGURES, reasoning: 0 };
  const { nusd, row } = await cost(anthropic, 'claude-rates', { usage, change });
  assert.equal(nusd, 3000_000 + 60_000 + 20 * 3750 + 30 * 6000 + 300 * 15_000);
  assert.equal(row.cache_write_5m_tokens, 20);
  assert.equal(row.cache_write_1h_tokens, 30);
});

test('the mode is what upstream reports, whatever was asked for', async () => {
  const standard = 1200 * 2000 + 300 * 8000;
  const tier = (service_tier) => ({ change: (x) => ({ ...x, service_tier }) });
  assert.equal((await cost(chat, 'gpt-modes')).nusd, standard);
  assert.equal((await cost(chat, 'gpt-modes', tier('default'))).nusd, standard);
  const flex = await cost(chat, 'gpt-modes', tier('flex'));
  assert.equal(flex.nusd, standard / 2);
  assert.equal(flex.row.tier, 'flex');
  assert.equal((await cost(responses, 'gpt-modes', tier('priority'))).nusd, 1200 * 4000 + 300 * 20_000);
});

test('a tier holds for the whole request', async () => {
  const usage = (input) => ({ usage: { input, cacheRead: 0, cacheWrite: 0, output: 100, reasoning: 0 } });
  assert.equal((await cost(chat, 'gpt-tiers', usage(1000))).nusd, 1000 * 1000 + 100 * 4000);
  assert.equal((await cost(chat, 'gpt-tiers', usage(1001))).nusd, 1001 * 2000 + 100 * 6000);
});

test('a fee for each call', async () => {
  assert.equal((await cost(chat, 'gpt-call')).nusd, 15_000_000);
});

test("an alias's price goes before its target's", async () => {
  assert.equal((await cost(chat, 'dear')).nusd, 1500 * 100_000);
  assert.equal((await cost(chat, 'plain')).nusd, 1500 * 1000);
});

test('price rows: those of the provider first, then the most specific pattern', async () => {
  assert.equal((await cost(chat, 'gpt-row-special')).nusd, 1500 * 9000);
  assert.equal((await cost(chat, 'gpt-row-other')).nusd, 1500 * 7000);
});

test('the catalogue knows what nobody priced, declared or not', async () => {
  // gpt-4o-mini: 0.15, 0.6, cached 0.075
  const { nusd, row } = await cost(chat, 'openai/gpt-4o-mini');
  assert.equal(nusd, 1000 * 150 + 200 * 75 + 300 * 600);
  assert.equal(row.priced, true);
});

test('and what it does not know is without a price, and says so', async () => {
  const { nusd, row } = await cost(chat, 'gpt-nothing');
  assert.equal(nusd, 0);
  assert.equal(row.priced, false);
});
