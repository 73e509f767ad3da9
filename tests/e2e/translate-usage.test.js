// Tokens, to the last one: in the object of the client's SDK and in the gateway's own row.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIGURES, answer, call, text, thought } from './lib/scripts.js';
import { figuresOf, useMatrix } from './lib/matrix.js';
import { rowTokens, tokensOf } from './lib/dialects.js';

const rig = useMatrix();
const expected = new Map(); // mark -> [trial, figures]

const NOTHING = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };

const CASES = {
  'of every kind': FIGURES,
  'no cache, no thoughts': { ...NOTHING, input: 12, output: 3 },
  'all from the cache': { ...NOTHING, cacheRead: 4096, output: 1 },
  'thoughts alone': { ...NOTHING, input: 7, output: 300, reasoning: 300 },
};

for (const [what, usage] of Object.entries(CASES))
  rig.each(`usage: ${what}`, async (t) => {
    t.script(answer([text('Hel', 'lo')], { usage }));
    const got = await t.open().say(t.say('Hi'));
    assert.deepEqual(got.usage, figuresOf(t, usage));
    expected.set(t.mark, [t, usage]);
  });

rig.each('usage: of a call', async (t) => {
  const tools = [{ name: 'now', description: 'Time', schema: { type: 'object', properties: {} } }];
  t.script(answer([thought('dXNhZ2Utc2VjcmV0', 'Look at the clock.'), call('call_n1', 'now')]));
  const got = await t.open({ tools, of: 'thinker', effort: 'low' }).say(t.say('When?'));
  assert.deepEqual(got.usage, figuresOf(t, FIGURES));
  expected.set(t.mark, [t, FIGURES]);
});

rig.each('usage: of an answer cut off at the limit', async (t) => {
  t.script(answer([text('Once')], { finish: 'length' }));
  const got = await t.open({ maxOutput: 64 }).say(t.say('A story'));
  assert.deepEqual(got.usage, figuresOf(t, FIGURES));
  expected.set(t.mark, [t, FIGURES]);
});

test('the usage rows are exact', async () => {
  if (!rig.gw) return;
  const rows = await rig.rowsOf([...expected.keys()].filter((mark) => !expected.get(mark)[0].target.direct));
  for (const [mark, row] of rows) {
    const [t, usage] = expected.get(mark);
    const who = `${t.driver.name} → ${t.target.name}, ${t.stream ? 'streamed' : 'buffered'}`;
    assert.deepEqual(tokensOf(row), rowTokens(t.dialect, usage), who);
    assert.equal(row.outcome, 'ok', who);
    assert.equal(row.usage_source, 'upstream', who);
    assert.equal(row.asked_model, t.model, who);
    assert.equal(Boolean(row.stream), t.stream, who);
    assert.equal(row.dialect, t.driver.dialect.name, who);
  }
});
