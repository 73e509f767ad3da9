// Tools between any client and any upstream: calls arrive whole, results go back where they belong.
import assert from 'node:assert/strict';
import { answer, call, text } from './lib/scripts.js';
import { useMatrix } from './lib/matrix.js';

const rig = useMatrix();

const TOOLS = [
  {
    name: 'get_weather',
    description: 'Weather of a city',
    schema: {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { city: { type: 'string', description: 'Its "name"' }, when: { type: 'object', properties: { day: { type: 'number' }, zone: { type: 'string' } } } },
      required: ['city'],
      additionalProperties: false,
    },
  },
  { name: 'now', description: 'The time', schema: { type: 'object', properties: {} } },
];

// Gemini's clients know that Google refuses "$schema".
function toolsOf(t) {
  if (t.driver.dialect.name !== 'gemini') return TOOLS;
  return TOOLS.map(({ schema: { $schema, ...schema }, ...tool }) => ({ ...tool, schema }));
}

// Everything that a careless copy breaks: escapes, half an emoji at a fragment's end, order, depth.
const NASTY = { city: 'Zürich "old"\n\\ 👋\u2028</script>', when: { day: 1.5, zone: '' } };
const DONE = answer([text('Rainy.')]);

// Calls and results as they stand in an upstream's history: [name, id, arguments], [id, words, failed].
const HISTORY = {
  openai_chat: (b) => ({
    calls: b.messages.flatMap((m) => m.tool_calls ?? []).map((c) => [c.function.name, c.id, JSON.parse(c.function.arguments)]),
    results: b.messages.filter((m) => m.role === 'tool').map((m) => [m.tool_call_id, m.content]),
  }),
  openai_responses: (b) => ({
    calls: b.input.filter((i) => i.type === 'function_call').map((c) => [c.name, c.call_id, JSON.parse(c.arguments)]),
    results: b.input.filter((i) => i.type === 'function_call_output').map((o) => [o.call_id, o.output]),
  }),
  anthropic: (b) => {
    const blocks = b.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : []));
    const words = (c) => (Array.isArray(c) ? c.map((p) => p.text).join('') : (c ?? ''));
    return {
      calls: blocks.filter((p) => p.type === 'tool_use').map((c) => [c.name, c.id, c.input]),
      results: blocks.filter((p) => p.type === 'tool_result').map((r) => [r.tool_use_id, words(r.content), r.is_error === true]),
    };
  },
  gemini: (b) => {
    const parts = b.contents.flatMap((c) => c.parts);
    const words = (r) => r.output ?? r.error ?? r.result ?? r.content ?? JSON.stringify(r);
    return {
      calls: parts.filter((p) => p.functionCall).map(({ functionCall: c }) => [c.name, c.id, c.args ?? {}]),
      results: parts.filter((p) => p.functionResponse).map(({ functionResponse: r }) => [r.id, words(r.response), 'error' in r.response]),
    };
  },
};
const history = (req) => HISTORY[req.dialect.name](req.json);

const plain = ({ id, name, args }) => ({ id, name, args });

// Asks, gets `calls`, sends `results` back, and gets the end.
async function round(t, calls, results, options = {}) {
  t.script(answer(calls, options), DONE);
  const s = t.open({ tools: toolsOf(t) });
  const asked = await s.say(t.say('Weather?'));
  assert.equal(asked.finish, 'tools');
  const wanted = calls.filter((p) => p.call).map(({ call: { id, name, args } }) => ({ id, name, args: JSON.parse(args) }));
  assert.deepEqual(asked.calls.map(plain), wanted);
  const last = await s.results(results(asked.calls));
  assert.equal(last.text, 'Rainy.');
  assert.equal(last.finish, 'stop');
  const h = history(t.requests[1]);
  assert.deepEqual(h.calls, wanted.map(({ id, name, args }) => [name, id, args]));
  return { asked, h };
}

rig.each('one call and its result', async (t) => {
  const { asked, h } = await round(t, [call('call_w1', 'get_weather', NASTY)], ([c]) => [{ ...plain(c), output: 'Rain, 9 °C\n"soft"' }]);
  assert.equal(asked.text, '');
  if (asked.calls[0].text && /^openai/.test(t.dialect.name)) assert.equal(asked.calls[0].text, JSON.stringify(NASTY), 'arguments letter by letter');
  assert.deepEqual(h.results.map((r) => r.slice(0, 2)), [['call_w1', 'Rain, 9 °C\n"soft"']]);
});

rig.each('words, then two calls at once', async (t) => {
  const calls = [text('Look', 'ing.'), call('call_w1', 'get_weather', NASTY), call('call_w2', 'get_weather', { city: 'Rome' })];
  const both = (cs) => cs.map((c) => ({ ...plain(c), output: `in ${c.args.city}` }));
  const { asked, h } = await round(t, calls, both);
  assert.equal(asked.text, 'Looking.');
  assert.deepEqual(h.results.map((r) => r.slice(0, 2)), [['call_w1', `in ${NASTY.city}`], ['call_w2', 'in Rome']]);
});

rig.each('results in another order than the calls', async (t) => {
  const calls = [call('call_w1', 'get_weather', { city: 'Paris' }), call('call_w2', 'now'), call('call_w3', 'get_weather', { city: 'Rome' })];
  const { h } = await round(t, calls, (cs) => cs.map((c) => ({ ...plain(c), output: `of ${c.id}` })).reverse());
  assert.deepEqual(h.results.map((r) => r.slice(0, 2)).sort(), [['call_w1', 'of call_w1'], ['call_w2', 'of call_w2'], ['call_w3', 'of call_w3']]);
}, { fits: (t) => !(t.native && t.dialect.name === 'gemini') });

rig.each('fragments of two calls, one from here, one from there', async (t) => {
  const calls = [call('call_w1', 'get_weather', NASTY), call('call_w2', 'get_weather', { city: 'Rome', when: { day: 2 } })];
  await round(t, calls, (cs) => cs.map((c) => ({ ...plain(c), output: 'x' })), { interleaved: true });
}, { fits: (t) => t.dialect.name === 'openai_chat', streams: [true] });

rig.each('a tool without arguments', async (t) => {
  await round(t, [call('call_n1', 'now')], ([c]) => [{ ...plain(c), output: '12:00' }]);
});

rig.each('a tool that failed', async (t) => {
  const { h } = await round(t, [call('call_n1', 'now')], ([c]) => [{ ...plain(c), output: 'no clock', failed: true }]);
  const [, words, failed] = h.results[0];
  assert.match(words, /no clock/);
  if (failed !== undefined && t.shows('failed')) assert.equal(failed, true);
});

rig.each('a tool that says nothing', async (t) => {
  await round(t, [call('call_n1', 'now')], ([c]) => [{ ...plain(c), output: '' }]);
});

rig.each('a call cut off at the limit is not taken for a whole one', async (t) => {
  t.script(answer([text('Let me see.'), call('call_w1', 'get_weather', { city: 'Paris' })], { finish: 'length' }));
  const got = await t.open({ tools: toolsOf(t) }).say(t.say('Weather?'));
  assert.equal(got.text, 'Let me see.');
  assert.equal(got.finish, 'length');
}, { fits: (t) => t.dialect.name !== 'gemini' });

rig.each('two steps, one after the other', async (t) => {
  t.script(answer([call('call_n1', 'now')]), answer([call('call_w1', 'get_weather', { city: 'Paris' })]), DONE);
  const s = t.open({ tools: toolsOf(t) });
  const first = await s.say(t.say('Weather now?'));
  const second = await s.results([{ ...plain(first.calls[0]), output: '12:00' }]);
  assert.deepEqual(second.calls.map(plain), [{ id: 'call_w1', name: 'get_weather', args: { city: 'Paris' } }]);
  assert.equal((await s.results([{ ...plain(second.calls[0]), output: 'Rain' }])).text, 'Rainy.');
  const h = history(t.requests[2]);
  assert.deepEqual(h.calls.map(([name]) => name), ['now', 'get_weather']);
  assert.deepEqual(h.results.map((r) => r[1]), ['12:00', 'Rain']);
});
