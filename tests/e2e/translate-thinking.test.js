// Thoughts and their secrets: shown to the client, returned to their maker untouched, told to nobody else.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { answer, call, text, thought } from './lib/scripts.js';
import { targetsOf, useMatrix } from './lib/matrix.js';

const rig = useMatrix();

const TOOLS = [{ name: 'get_weather', description: 'Weather', schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }];
const THOUGHT = ['The user ', 'wants "weather";\n', 'call it.'];
const DONE = answer([text('Rainy.')]);
const paris = call('call_w1', 'get_weather', { city: 'Paris' });
const rome = call('call_w2', 'get_weather', { city: 'Rome' });

// Base64 with all its letters, and as nobody has seen it before.
const newSecret = () => Buffer.concat([Buffer.from('fbefbe', 'hex'), randomBytes(47)]).toString('base64');

// The secrets in a request, each with the call it stands at: [secret, call id, thought].
const SECRETS = {
  openai_chat: () => [],
  openai_responses: (b) =>
    b.input.flatMap((item, i) => {
      if (item.type !== 'reasoning') return [];
      return [[item.encrypted_content, b.input.slice(i).find((x) => x.type === 'function_call')?.call_id, item.summary.map((s) => s.text).join('')]];
    }),
  anthropic: (b) =>
    b.messages.flatMap(({ content }) => {
      if (typeof content === 'string') return [];
      const id = content.find((x) => x.type === 'tool_use')?.id;
      return content.filter((x) => /thinking$/.test(x.type)).map((x) => [x.signature ?? x.data, id, x.thinking ?? '']);
    }),
  gemini: (b) =>
    b.contents.flatMap(({ parts }) => parts.filter((p) => p.thoughtSignature).map((p) => [p.thoughtSignature, p.functionCall?.id, ''])),
};
const secrets = (req) => SECRETS[req.dialect.name](req.json);

// Chat upstreams give no secrets.
const keeps = (t) => t.dialect.name !== 'openai_chat';
const thinksAloud = (t) => keeps(t) || t.target.thinker === 'glm-5';
const tellsThought = (t) => keeps(t) && t.dialect.name !== 'gemini';
const open = (t, options) => t.open({ of: 'thinker', effort: 'medium', tools: TOOLS, ...options });
const answers = (calls) => calls.map(({ id, name, args }) => ({ id, name, args, output: `in ${args.city}` }));

rig.each('a secret comes back with its call', async (t) => {
  const secret = newSecret();
  t.script(answer([thought(secret, ...THOUGHT), paris]), DONE);
  const s = open(t);
  const asked = await s.say(t.say('Weather?'));
  assert.equal(asked.finish, 'tools');
  if (t.shows('thought')) assert.equal(asked.thought, thinksAloud(t) ? THOUGHT.join('') : '');
  assert.equal((await s.results(answers(asked.calls))).text, 'Rainy.');
  if (!keeps(t)) return;
  const [[got, id, words], ...more] = secrets(t.requests[1]);
  assert.deepEqual([got, id, more], [secret, 'call_w1', []]);
  if (tellsThought(t)) assert.equal(words, THOUGHT.join(''), 'what was thought, too');
});

// Clients of Gemini may leave out what was thought: its place is before the words all the same.
for (const forgets of [false, true])
  rig.each(`a secret, words, and its call${forgets ? '; what was thought is left out' : ''}`, async (t) => {
    const secret = newSecret();
    t.script(answer([thought(secret, ...THOUGHT), text('Let me ', 'look.'), paris]), DONE);
    const s = open(t);
    const asked = await s.say(t.say('Weather?'));
    assert.equal(asked.text, 'Let me look.');
    if (forgets) for (const { parts } of s.history) for (let i = parts.length; i--; ) if (parts[i].thought) parts.splice(i, 1);
    assert.equal((await s.results(answers(asked.calls))).text, 'Rainy.');
    if (!keeps(t)) return;
    const [[got, id], ...more] = secrets(t.requests[1]);
    assert.deepEqual([got, id, more], [secret, 'call_w1', []]);
  }, { fits: (t) => !forgets || (t.driver.name === 'genai' && !t.native) });

rig.each('a secret without words', async (t) => {
  const secret = newSecret();
  t.script(answer([thought(secret), paris]), DONE);
  const s = open(t);
  const asked = await s.say(t.say('Weather?'));
  if (t.shows('thought')) assert.equal(asked.thought, '');
  await s.results(answers(asked.calls));
  assert.deepEqual(secrets(t.requests[1]).map((x) => x.slice(0, 2)), [[secret, 'call_w1']]);
}, { fits: keeps });

rig.each('one secret for two calls at once', async (t) => {
  const secret = newSecret();
  t.script(answer([thought(secret, ...THOUGHT), paris, rome]), DONE);
  const s = open(t);
  const asked = await s.say(t.say('Weather?'));
  assert.deepEqual(asked.calls.map((c) => c.id), ['call_w1', 'call_w2']);
  await s.results(answers(asked.calls));
  assert.deepEqual(secrets(t.requests[1]).map((x) => x.slice(0, 2)), [[secret, 'call_w1']]);
}, { fits: keeps });

rig.each('a secret for each of two steps', async (t) => {
  const [one, two] = [newSecret(), newSecret()];
  t.script(answer([thought(one, ...THOUGHT), paris]), answer([thought(two, 'Now Rome.'), rome]), DONE);
  const s = open(t);
  const first = await s.say(t.say('Weather?'));
  const second = await s.results(answers(first.calls));
  await s.results(answers(second.calls));
  assert.deepEqual(secrets(t.requests[2]).map((x) => x.slice(0, 2)), [[one, 'call_w1'], [two, 'call_w2']]);
}, { fits: keeps });

rig.each('thoughts before words', async (t) => {
  const secret = newSecret();
  t.script(answer([thought(secret, ...THOUGHT), text('It ', 'rains.')]), DONE);
  const s = open(t, { tools: [] });
  const got = await s.say(t.say('Weather?'));
  assert.equal(got.text, 'It rains.');
  assert.equal(got.finish, 'stop');
  if (t.shows('thought')) assert.equal(got.thought, thinksAloud(t) ? THOUGHT.join('') : '');
  assert.equal((await s.say('And now?')).text, 'Rainy.');
  for (const [returned] of secrets(t.requests[1])) assert.equal(returned, secret);
});

const BUDGET = {
  anthropic: (b) => b.thinking?.budget_tokens,
  gemini: (b) => b.generationConfig?.thinkingConfig?.thinkingBudget,
};

rig.each('effort becomes a budget for models that know only that', async (t) => {
  t.script(answer([text('Yes.')]));
  await t.open({ of: 'elder', effort: 'medium' }).say(t.say('Think'));
  assert.equal(BUDGET[t.dialect.name](t.requests[0].json), 8192);
}, { fits: (t) => t.target.elder && !t.native });

// Chat's clients send secrets in fields that their own host reads or not: nothing of a request in its dialect is touched.
const asItIs = (target, driver) => target.dialect === driver.dialect && driver.dialect.name === 'openai_chat';

// A conversation that begins at one upstream and goes on at another.
rig.each('a secret is told to no other vendor', async (t) => {
  for (const other of targetsOf(t.driver).filter((o) => !o.direct && o.dialect !== t.dialect && !asItIs(o, t.driver))) {
    const secret = newSecret();
    const there = t.at(other);
    t.script(answer([thought(secret, ...THOUGHT), paris]), DONE);
    const s = open(t);
    const asked = await s.say(t.say('Weather?'));
    s.model = there.nameOf('thinker');
    const before = t.requests.length;
    await s.results(answers(asked.calls));
    const moved = t.requests[before];
    assert.equal(moved.dialect.name, other.dialect.name);
    assert.deepEqual(moved.complaints, [], `what ${other.name} would refuse in ${moved.text}`);
    assert.ok(!moved.text.includes(secret), `${other.name} was told the secret`);
  }
}, { fits: (t) => !t.target.direct && keeps(t), checks: false });
