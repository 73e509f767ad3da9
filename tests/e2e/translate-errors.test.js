// What goes wrong upstream is an error to every SDK, with its status, and never a success.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, call, text } from './lib/scripts.js';
import { useMatrix } from './lib/matrix.js';
import { statusOf } from './lib/dialects.js';

const rig = useMatrix();
const through = (t) => !t.target.direct;
const failed = []; // marks of requests that must stand in the usage as failed

// The statuses that a client may see for one of the upstream's (protocols/mapping.md 5).
const SEEN = {
  400: () => 400,
  401: () => 502, // it is our key that was refused, not the client's
  403: () => 502,
  404: () => 404,
  429: () => 429,
  500: (d, native) => (native ? 500 : statusOf(d, 'upstream')),
  503: (d, native) => (native ? 503 : statusOf(d, 'overloaded')),
  529: (d, native) => (native ? 529 : statusOf(d, 'overloaded')),
};

// The error by which one turn of the client ends, after the upstream has been asked, once.
async function rejection(t, options = {}) {
  try {
    await t.open(options).say(t.say('Weather?'));
  } catch (e) {
    assert.equal(t.requests.length, 1, e.message);
    return e;
  }
  return assert.fail('the SDK took it for a success');
}

for (const status of Object.keys(SEEN).map(Number))
  rig.each(`upstream says ${status}`, async (t) => {
    const why = 'The upstream has a reason.';
    t.script({ status, message: why, ...(status === 429 ? { retryAfter: 7 } : {}) });
    const error = await rejection(t);
    const { own, status: seen, retryAfter } = t.driver.explain(error);
    assert.ok(own, `${error.constructor.name} is no class of the SDK's: ${error.stack}`);
    assert.equal(seen, through(t) ? SEEN[status](t.driver.dialect, t.native) : status);
    if (status < 500 && ![401, 403].includes(status)) assert.match(error.message, /The upstream has a reason/);
    const told = t.native ? t.dialect.name !== 'gemini' : true;
    if (status === 429 && told && t.driver.name !== 'genai') assert.equal(retryAfter, '7');
    assert.doesNotMatch(error.message, /sk-upstream|AIza/);
    if (through(t)) failed.push(t.mark);
  });

// Where the SDKs themselves cannot know: a stream that just ends.
const BREAKS = [
  ['an error before anything', { at: 'first', how: 'error' }],
  ['an error before the first word', { at: 'head', how: 'error' }],
  ['an error after some words', { at: 'some', how: 'error' }],
  ['cut before the first word', { at: 'head', how: 'cut' }],
  ['cut after some words', { at: 'some', how: 'cut' }],
  ['ended after some words', { at: 'some', how: 'ends' }],
];

for (const [what, fault] of BREAKS)
  rig.each(`stream: ${what}`, async (t) => {
    t.script(answer([text('Once ', 'upon ', 'a ', 'time')], { fault }));
    await rejection(t);
    if (through(t)) failed.push(t.mark);
  }, { streams: [true], fits: (t) => through(t) || fault.how !== 'ends' });

for (const how of ['error', 'cut', 'ends'])
  rig.each(`stream: a call that ${how === 'error' ? 'fails' : 'is cut'} in the middle (${how})`, async (t) => {
    const tools = [{ name: 'get_weather', description: 'Weather', schema: { type: 'object', properties: { city: { type: 'string' } } } }];
    t.script(answer([call('call_w1', 'get_weather', { city: 'Paris, the one in Texas' })], { fault: { at: 'some', how } }));
    await rejection(t, { tools });
    if (through(t)) failed.push(t.mark);
  }, { streams: [true], fits: through });

rig.each('a body cut in the middle', async (t) => {
  t.script(answer([text('Once upon a time')], { fault: { at: 'some', how: 'cut' } }));
  await rejection(t);
  if (through(t)) failed.push(t.mark);
}, { streams: [false] });

test('the usage rows say so', async () => {
  if (!rig.gw) return;
  const rows = await rig.rowsOf(failed);
  for (const [mark, row] of rows) assert.notEqual(row.outcome, 'ok', `${mark}: ${JSON.stringify(row)}`);
});
