// What an upstream has no place for is left out and said so, or, where the provider is strict, refused.
import assert from 'node:assert/strict';
import { answer, text } from './lib/scripts.js';
import { useMatrix } from './lib/matrix.js';

const rig = useMatrix();
const through = (t) => !t.target.direct;
const foreign = (t) => through(t) && !t.native;
const done = answer([text('Yes.')]);
const has = { seed: ['openai_chat', 'gemini'], stop: ['openai_chat', 'anthropic', 'gemini'] };
const VALUES = { seed: 42, stop: ['END'] };

for (const [field, value] of Object.entries(VALUES)) {
  const sends = (t) => foreign(t) && t.shows(field);
  rig.each(`${field} is dropped, and that is said`, async (t) => {
    t.script(done);
    const s = t.open({ [field]: value });
    assert.equal((await s.say(t.say('Hi'))).text, 'Yes.');
    const dropped = s.headers.get('x-gproxy-dropped') ?? '';
    if (has[field].includes(t.dialect.name)) assert.doesNotMatch(dropped, new RegExp(field, 'i'));
    else assert.match(dropped, new RegExp(field, 'i'));
  }, { fits: sends });

  rig.each(`${field} is refused by a strict provider`, async (t) => {
    t.script(done);
    await assert.rejects(t.open({ [field]: value, strict: true }).say(t.say('Hi')), (error) => {
      const { own, status } = t.driver.explain(error);
      assert.ok(own, error.stack);
      assert.equal(status, 400);
      assert.match(error.message, new RegExp(field, 'i'), 'names the field');
      return true;
    });
    assert.deepEqual(t.requests, [], 'nothing went upstream');
  }, { fits: (t) => sends(t) && !has[field].includes(t.dialect.name) });
}

rig.each('nothing dropped, nothing said', async (t) => {
  t.script(done);
  const s = t.open({ maxOutput: 100, system: 'Be brief.' });
  await s.say(t.say('Hi'));
  assert.equal(s.headers.get('x-gproxy-dropped'), null);
}, { fits: through });

rig.each('a strict provider takes what it can carry', async (t) => {
  t.script(done);
  const s = t.open({ maxOutput: 100, system: 'Be brief.', strict: true });
  assert.equal((await s.say(t.say('Hi'))).text, 'Yes.');
}, { fits: through });

