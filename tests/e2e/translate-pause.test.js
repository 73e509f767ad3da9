// An upstream that pauses is asked to go on, and the client sees one answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIGURES, answer, scripted, text, thought } from './lib/scripts.js';
import { figuresOf, useMatrix } from './lib/matrix.js';
import { rowTokens, tokensOf } from './lib/dialects.js';
import { eventually } from './lib/client.js';

const rig = useMatrix();
const expected = new Map(); // mark -> [trial, outcome, figures, attempts]

const times = (n) => Object.fromEntries(Object.entries(FIGURES).map(([k, v]) => [k, n * v]));

const expectRow = (t, rounds, outcome = 'ok', attempts = rounds) => expected.set(t.mark, [t, outcome, times(rounds), attempts]);

// ---- Anthropic: its own tools are still at work -----------------------------

const searches = (n, query) => [
  { block: { type: 'server_tool_use', id: `srvtoolu_${n}`, name: 'web_search', input: { query }, caller: { type: 'direct' } } },
  {
    block: {
      type: 'web_search_tool_result', tool_use_id: `srvtoolu_${n}`,
      content: [{ type: 'web_search_result', url: 'https://x.test/1', title: 'Étude "1"', encrypted_content: `ZW5j${n}`, page_age: null }],
    },
  },
];

const blocksOf = (parts) =>
  parts.map((p) => {
    if (p.block) return p.block;
    if (p.thought) return { type: 'thinking', thinking: p.thought.join(''), signature: p.secret };
    return { type: 'text', text: p.text.join(''), citations: null };
  });

const FIRST = [thought('cGF1c2Utc2VjcmV0', 'Search ', 'first.'), text('Let me look. '), ...searches(1, 'Zürich "weather"')];
const SECOND = [text('It is ', '“cold”'), ...searches(2, 'Zürich, tomorrow')];
const THIRD = [text(' and will be warm.')];
const WORDS = ['Let me look. ', 'It is “cold”', ' and will be warm.'];

const pausing = (parts, more = {}) => answer(parts, { finish: 'pause', ...more });
const searching = (t) => t.open({ search: true, of: 'thinker', effort: 'low' });

// Clients of other dialects that can ask for a search.
const toAnthropic = {
  fits: (t) => t.dialect.name === 'anthropic' && ['openai chat', 'openai chat, bare history', 'openai responses', 'genai'].includes(t.driver.name),
};

// Each request is the first one, with all that was said so far as the last turn.
function checkTurns(t, ...rounds) {
  const [first, ...later] = t.requests;
  assert.equal(later.length, rounds.length);
  assert.ok(first.json.tools.some((tool) => /^web_search_/.test(tool.type)));
  for (const [i, r] of later.entries()) {
    const content = rounds.slice(0, i + 1).flatMap(blocksOf);
    assert.deepEqual(r.json, { ...first.json, messages: [...first.json.messages, { role: 'assistant', content }] });
  }
}

rig.each('a turn pauses once', async (t) => {
  t.script(pausing(FIRST), answer(SECOND));
  const got = await searching(t).say(t.say('Weather?'));
  assert.equal(got.text, WORDS[0] + WORDS[1]);
  if (t.shows('thought')) assert.equal(got.thought, 'Search first.');
  assert.equal(got.finish, 'stop');
  assert.deepEqual(got.calls, []);
  assert.deepEqual(got.usage, figuresOf(t, times(2)));
  checkTurns(t, FIRST);
  expectRow(t, 2);
}, toAnthropic);

rig.each('a turn pauses twice', async (t) => {
  t.script(pausing(FIRST), pausing(SECOND), answer(THIRD));
  const got = await searching(t).say(t.say('Weather?'));
  assert.equal(got.text, WORDS.join(''));
  assert.equal(got.finish, 'stop');
  assert.deepEqual(got.usage, figuresOf(t, times(3)));
  checkTurns(t, FIRST, SECOND);
  expectRow(t, 3);
  if (t.driver.name === 'openai responses') {
    const asked = got.raw.output.filter((i) => i.type === 'web_search_call').map((i) => i.action.query);
    assert.deepEqual(asked, ['Zürich "weather"', 'Zürich, tomorrow']);
    assert.equal(new Set(got.raw.output.map((i) => i.id)).size, got.raw.output.length, 'an id of its own for each item');
  }
}, toAnthropic);

rig.each('a turn that pauses forever comes to an end', async (t) => {
  t.script(pausing(SECOND));
  const got = await searching(t).say(t.say('Weather?'));
  assert.equal(t.requests.length, 11);
  assert.equal(got.text, WORDS[1].repeat(11));
  assert.equal(got.finish, 'stop');
  assert.deepEqual(got.usage, figuresOf(t, times(11)));
  expectRow(t, 11);
}, toAnthropic);

rig.each('connections are used again between rounds', async (t) => {
  t.script(pausing(FIRST), pausing(SECOND), answer(THIRD));
  await searching(t).say(t.say('Weather?'));
  assert.equal(new Set(t.requests.map((r) => r.conn.index)).size, 1);
}, toAnthropic);

rig.each('without tools that pause nothing is kept, and a pause is an end', async (t) => {
  t.script(pausing([text('Well.')]));
  const got = await t.open().say(t.say('Hi'));
  assert.equal(t.requests.length, 1);
  assert.equal(got.text, 'Well.');
  assert.equal(got.finish, 'stop');
  expectRow(t, 1);
}, toAnthropic);

// ---- Gemini: one request makes no more --------------------------------------

const cut = (token, ...pieces) => answer([text(...pieces)], { finish: 'pause', token });

const toGemini = { fits: (t) => t.dialect.name === 'gemini' && !t.native };

function checkTokens(t, ...tokens) {
  const [first, ...later] = t.requests;
  assert.deepEqual(later.map((r) => r.json), tokens.map((continuationToken) => ({ ...first.json, continuationToken })));
}

rig.each('a long answer is continued once', async (t) => {
  t.script(cut('dG9rZW4=', 'Once upon ', 'a ti'), answer([text('me.')]));
  const got = await t.open().say(t.say('A story'));
  assert.equal(got.text, 'Once upon a time.');
  assert.equal(got.finish, 'stop');
  assert.deepEqual(got.usage, figuresOf(t, times(2)));
  if (t.driver.name === 'anthropic') assert.equal(got.raw.content.length, 1, 'one text, not two');
  checkTokens(t, 'dG9rZW4=');
  expectRow(t, 2);
}, toGemini);

rig.each('a long answer is continued to its limit', async (t) => {
  t.script(cut('t "1"', 'a'), cut('t2', 'b'), answer([text('c')], { finish: 'length' }));
  const got = await t.open({ maxOutput: 64 }).say(t.say('A story'));
  assert.equal(got.text, 'abc');
  assert.equal(got.finish, 'length');
  assert.deepEqual(got.usage, figuresOf(t, times(3)));
  checkTokens(t, 't "1"', 't2');
  expectRow(t, 3);
}, toGemini);

rig.each('an answer that is always continued comes to an end', async (t) => {
  t.script(...Array.from({ length: 20 }, (_, i) => cut(`t${i}`, 'a')));
  const got = await t.open().say(t.say('A story'));
  assert.equal(t.requests.length, 17);
  assert.equal(got.text, 'a'.repeat(17));
  if (t.driver.name === 'anthropic') assert.equal(got.raw.stop_reason, 'pause_turn');
  else if (t.dialect !== t.driver.dialect && !/anthropic/.test(t.driver.name)) assert.equal(got.finish, 'stop');
  assert.deepEqual(got.usage, figuresOf(t, times(17)));
  expectRow(t, 17);
}, toGemini);

rig.each('the same token again leads nowhere', async (t) => {
  t.script(cut('t', 'a'));
  const got = await t.open().say(t.say('A story'));
  assert.equal(t.requests.length, 2);
  assert.equal(got.text, 'aa');
  expectRow(t, 2);
}, toGemini);

// Nobody else is asked in its place; what the first round used is paid for.
const paused = (t) => (t.dialect.name === 'gemini' ? cut('t', 'Once ') : pausing(FIRST));
const either = { fits: (t) => toAnthropic.fits(t) || (toGemini.fits(t) && !/^ai /.test(t.driver.name)) };
const ask = (t) => (t.dialect.name === 'gemini' ? t.open() : searching(t)).say(t.say('Weather?'));

rig.each('a later round is refused', async (t) => {
  t.script(paused(t), { status: 429, message: 'Not so fast.', retryAfter: 7 });
  await assert.rejects(ask(t), (e) => {
    assert.match(e.message, /Not so fast/);
    const { own, status } = t.driver.explain(e);
    assert.ok(own || t.stream, e.stack);
    if (!t.stream) assert.equal(status, 429);
    return true;
  });
  assert.equal(t.requests.length, 2);
  expectRow(t, 1, 'upstream_cut', 2);
}, either);

rig.each('a later round breaks off', async (t) => {
  t.script(paused(t), answer([text('Upon ', 'a ', 'time')], { fault: { at: 'head', how: 'cut' } }));
  await assert.rejects(ask(t));
  assert.equal(t.requests.length, 2);
  expected.set(t.mark, [t, t.stream ? 'upstream_cut' : /upstream_(cut|error)/, null, 2]);
}, either);

rig.each('a client leaves between two rounds', async (t) => {
  let n = 0;
  t.rig.up.script(t.mark, (req, res) => (n++ ? res.hang() : scripted(paused(t))(req, res)));
  const { root, key, model } = t.place('thinker');
  const away = new AbortController();
  const answered = fetch(`${root}/v1/chat/completions`, {
    method: 'POST', signal: away.signal,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-client-request-id': t.mark },
    body: JSON.stringify({ model, stream: t.stream, web_search_options: {}, messages: [{ role: 'user', content: t.say('Weather?') }] }),
  }).then((a) => a.text());
  await eventually(() => t.requests.length === 2, { what: 'the second round' });
  away.abort();
  await assert.rejects(answered);
  await eventually(() => t.requests[1].closedAt, { what: 'the end of the second round' });
  expectRow(t, 1, 'client_abort', 2);
}, { fits: (t) => t.driver.name === 'openai chat' && either.fits(t) });

// ---- the same dialect: bytes pass -------------------------------------------

rig.each('a client of the dialect is told of the pause', async (t) => {
  t.script(paused(t));
  const got = await t.open().say(t.say('Weather?'));
  assert.equal(t.requests.length, 1);
  assert.equal(got.raw.stop_reason, 'pause_turn');
  if (!t.target.direct) expectRow(t, 1);
}, { fits: (t) => t.native && t.driver.name === 'anthropic' });

rig.each('Google’s own client goes on by itself', async (t) => {
  t.script(cut('t1', 'a'), answer([text('b')]));
  const got = await t.open().say(t.say('A story'));
  assert.equal(got.text, 'ab');
  checkTokens(t, 't1');
}, { fits: (t) => t.native && t.driver.name === 'genai' });

test('the usage rows are the sum of the rounds', async () => {
  if (!rig.gw) return;
  for (const [mark, row] of await rig.rowsOf([...expected.keys()])) {
    const [t, outcome, usage, attempts] = expected.get(mark);
    const who = `${t.driver.name} → ${t.target.name}, ${t.stream ? 'streamed' : 'buffered'}: ${JSON.stringify(row)}`;
    if (outcome instanceof RegExp) assert.match(row.outcome, outcome, who);
    else assert.equal(row.outcome, outcome, who);
    if (usage) assert.deepEqual(tokensOf(row), rowTokens(t.dialect, usage), who);
    assert.equal(row.attempts, attempts, who);
    assert.equal(row.usage_source, outcome === 'ok' ? 'upstream' : 'partial', who);
  }
});
