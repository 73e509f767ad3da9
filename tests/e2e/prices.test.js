// Prices: where the one that is charged comes from, and a catalogue of one's own.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ask, newId, standardConfig, useRig } from './lib/rig.js';
import { BIN, gproxy, tempDir } from './lib/gateway.js';
import { anthropic, chat, gemini } from './lib/dialects.js';
import { eventually } from './lib/client.js';
import { dbFile } from './lib/storage.js';

const nusd = (row) => Math.round(Number(row.cost_usd) * 1e9);

// What upstream answers with: 11 uncached, 20 read from a cache, 9 out.
const cost = (input, cached, output) => Math.round((11 * input + 20 * cached + 9 * output) * 1000);

const PRICES = [
  { models: 'ruled-*', price: { input: '3', output: '6' } },
  { models: 'ruled-*', provider: 'openai2', price: { input: '5', output: '10' } },
  { models: 'ruled-exact', provider: 'openai2', price: { input: '7', output: '14', per_call: '0.5' } },
  { models: 'long-*', price: { input: '1', output: '1', tiers: [{ above: 30, input: '2', output: '3' }] } },
];

const configOf = (up) => {
  const config = standardConfig(up, { extra: { prices: PRICES } });
  config.aliases.push({ name: 'dear', price: { input: '100', output: '200' }, targets: [{ provider: 'openai', model: 'gpt-test' }] });
  config.providers.find((p) => p.name === 'mix').settings.prices = 'deepseek';
  return config;
};

describe('which price is charged', () => {
  const rig = useRig({ config: async (up) => configOf(up) });

  const CASES = [
    ["the model's row", chat, 'openai/gpt-test', cost(1, 0.5, 2)],
    ["the alias's, whatever the target's", chat, 'dear', cost(100, 100, 200)],
    ['a row of prices', chat, 'openai/ruled-x', cost(3, 3, 6)],
    ["the provider's before any's", chat, 'openai2/ruled-x', cost(5, 5, 10)],
    ['the id before a pattern', chat, 'openai2/ruled-exact', cost(7, 7, 14) + 500000000],
    ['a tier', chat, 'openai/long-x', cost(2, 2, 3)],
    ['the catalogue', chat, 'openai/gpt-4o', cost(2.5, 1.25, 10)],
    ['the catalogue, dated', chat, 'openai/gpt-4o-2024-08-06', cost(2.5, 1.25, 10)],
    ["another vendor's, by the provider's setting", chat, 'mix/deepseek-v3.2', null],
    ['nobody else', chat, 'openai/ft:gpt-4o:us::1', undefined],
    ['not by the wrong vendor', chat, 'mix/gpt-4o', undefined],
  ];

  for (const [why, dialect, model, wanted] of CASES) {
    test(why, async () => {
      const id = newId('price');
      assert.equal((await ask(rig, dialect, { model, id })).status, 200);
      const row = await rig.gw.row(id);
      assert.equal(row.priced, wanted !== undefined);
      if (wanted === null) assert.ok(nusd(row) > 0);
      else assert.equal(nusd(row), wanted ?? 0);
    });
  }

  test('every price that may be charged is noted in the database', async () => {
    const db = new DatabaseSync(dbFile(rig.gw), { readOnly: true, timeout: 5000 });
    const noted = db.prepare('SELECT price FROM price_version').all().map((r) => r.price);
    db.close();
    assert.equal(new Set(noted).size, noted.length);
    for (const text of ['{"input":"1","cache_read":"0.5","output":"2"}', '{"input":"100","output":"200"}', '{"input":"3","output":"6"}']) assert.ok(noted.includes(text), text);
    assert.ok(noted.some((text) => text.startsWith('{"input":"2.5","cache_read":"1.25","output":"10"')), 'those of the catalogue');
  });

  test('of each vendor', async () => {
    for (const [dialect, model] of [[anthropic, 'anthropic/claude-opus-4-20250514'], [gemini, 'aistudio/gemini-2.5-flash']]) {
      const id = newId('price');
      assert.equal((await ask(rig, dialect, { model, id })).status, 200);
      const row = await rig.gw.row(id);
      assert.equal(row.priced, true, model);
      assert.ok(nusd(row) > 0, model);
    }
  });
});

describe('a catalogue of one\'s own', () => {
  const dir = tempDir();
  const file = path.join(dir, 'prices.json');
  const write = (...models) => writeFileSync(file, JSON.stringify({ schema: 1, models: models.map(([id, input]) => ({ provider: 'openai', id, input })) }));
  write(['gpt-mine', 1]);
  const rig = useRig({ config: async (up) => standardConfig(up), args: ['--prices', file] });

  const costOf = async (model) => {
    const id = newId('price');
    assert.equal((await ask(rig, chat, { model: `openai/${model}`, id })).status, 200);
    const row = await rig.gw.row(id);
    return row.priced ? nusd(row) : undefined;
  };

  test('stands in the place of ours', async () => {
    assert.equal(await costOf('gpt-mine'), cost(1, 1, 0));
    assert.equal(await costOf('gpt-4o'), undefined);
  });

  test('is read again when it changes, and kept when it is bad', async () => {
    write(['gpt-mine', 2], ['gpt-4o', 3]);
    await eventually(async () => (await costOf('gpt-4o')) === cost(3, 3, 0), { timeout: 5000, what: 'the new prices' });
    assert.equal(await costOf('gpt-mine'), cost(2, 2, 0));
    const db = new DatabaseSync(dbFile(rig.gw), { readOnly: true, timeout: 5000 });
    assert.equal(db.prepare("SELECT count(*) AS n FROM price_version WHERE price IN ('{\"input\":\"1\"}', '{\"input\":\"2\"}', '{\"input\":\"3\"}')").get().n, 3);
    db.close();
    write(['gpt-mine', -2]);
    await eventually(() => rig.gw.output.includes('prices.refused'), { timeout: 5000, what: 'a complaint' });
    assert.equal(await costOf('gpt-mine'), cost(2, 2, 0));
  });

  test('a bad one ends the start, and gproxy check says where it is named', async () => {
    const bad = path.join(dir, 'bad.json');
    const config = path.join(dir, 'gproxy.yaml');
    writeFileSync(bad, '{"schema": 1, "models": [{"provider": "openai", "id": "x", "input": "much"}]}');
    writeFileSync(config, `server:\n  prices: ${bad}\n`);
    const checked = gproxy(['check', config]);
    assert.equal(checked.code, 2);
    assert.match(checked.stderr, /gproxy\.yaml:2:11: prices: .*bad\.json: models\[0\]: price\.input: must be an amount/);
    const started = spawnSync(BIN, ['--prices', bad, '--port', '0', '--data-dir', path.join(dir, 'data')], { encoding: 'utf8', timeout: 10000 });
    assert.equal(started.status, 1, started.stderr);
    assert.match(started.stderr, /models\[0\]: price\.input: must be an amount/);
  });
});
