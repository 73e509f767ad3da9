// Who goes away in the middle, and when: one row, billed by what was seen, marked so.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig } from './lib/rig.js';
import { USAGE, WORDS, gemini } from './lib/dialects.js';
import { eventually, sleep } from './lib/client.js';
import { SLOW } from './lib/gateway.js';
import { answerWell } from './lib/upstream.js';
import { answer, call as toolCall, scripted, thought } from './lib/scripts.js';
import { PAIRS, Trial, checkCutStream, checkRow, config, native, isSecond, wordsIn, wordy } from './lib/bad-days.js';

const timeouts = { connect_ms: 1000 * SLOW, first_byte_ms: 1000 * SLOW, idle_ms: 800 * SLOW, request_ms: 1500 * SLOW };
const rig = useRig({ config: (up) => config(up, { timeouts }) });

const released = (t) => eventually(() => t.asked[0]?.closedAt, { timeout: 3000 * SLOW, what: 'the upstream connection is closed' });

// What a row says of an answer that was cut after some words.
const cut = (pair, outcome) => ({ outcome, source: pair.u.mid, words: 40 });

for (const pair of PAIRS)
  describe(pair.name, { concurrency: 8 }, () => {
    const { d, u } = pair;
    const trial = (options) => new Trial(rig, pair, options);

    for (const stream of [true, false])
      test(`nobody goes, ${stream ? 'streamed' : 'buffered'}: the provider's figures`, async () => {
        const t = trial({ stream });
        const a = await t.call();
        assert.equal(stream ? d.streamText(a.text) : d.text(a.json), WORDS.join(''));
        checkRow(await t.row(), { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: u.dialect });
      });

    for (const how of ['close', 'reset'])
      test(`the client goes (${how}) in the middle`, async () => {
        const t = trial({ script: wordy() });
        const { conn } = await t.begun();
        conn[how]();
        await released(t);
        checkRow(await t.row(), cut(pair, 'client_abort'));
      });

    test('the client goes before the first byte', async () => {
      const t = trial({ script: (req, res) => res.hang() });
      const conn = await t.open();
      await eventually(() => t.asked.length, { timeout: 5000 * SLOW, what: 'the request is upstream' });
      conn.reset();
      await released(t);
      checkRow(await t.row(), { outcome: 'client_abort', source: 'none' });
    });

    for (const how of ['rst', 'fin'])
      test(`the upstream goes (${how}) in the middle`, async () => {
        const t = trial({ script: wordy((res) => res[how]()) });
        const a = await t.call();
        checkCutStream(d, a);
        checkRow(await t.row(), cut(pair, 'upstream_cut'));
      });

    test('both go at once', async () => {
      const left = [];
      const t = trial({ script: wordy((res) => (left.push(...opened.splice(0).map((c) => c.reset())), res.rst())) });
      const opened = [];
      opened.push(await t.open());
      await eventually(() => left.length, { timeout: 5000 * SLOW, what: 'both are gone' });
      checkRow(await t.row(), cut(pair, ['client_abort', 'upstream_cut']));
      await sleep(200);
      assert.equal((await rig.gw.rows(t.id)).length, 1);
    });

    test('the upstream ends with an error event', async () => {
      const t = trial({ script: wordy(async (res, req) => (await res.chunk(req.dialect.errorFrame()), res.finish())) });
      const a = await t.call();
      checkCutStream(d, a);
      checkRow(await t.row(), cut(pair, 'upstream_cut'));
    });

    test('the upstream goes silent in the middle', async () => {
      const t = trial({ script: wordy((res) => res.hang()) });
      const a = await t.call({ timeout: 5000 * SLOW });
      checkCutStream(d, a);
      await released(t);
      checkRow(await t.row(), cut(pair, 'timeout'));
    });

    test('the upstream never says a word', async () => {
      const t = trial({ script: (req, res) => res.hang() });
      const a = await t.call({ timeout: 5000 * SLOW });
      assert.equal(a.status, 504);
      await released(t);
      checkRow(await t.row(), { outcome: 'timeout', source: 'none' });
    });

    // Bytes keep coming, so that only the deadline of the whole can end it.
    test('a whole answer that takes too long', async () => {
      const t = trial({
        stream: false,
        script: async (req, res) => {
          const body = JSON.stringify(req.dialect.answer({ model: 'm' }));
          await res.head(200, { 'content-type': 'application/json', 'content-length': body.length + 1000 });
          for (let i = 0; i < 200 && !res.gone; i++) (await res.raw(' '), await sleep(50 * SLOW));
        },
      });
      const a = await t.call({ timeout: 5000 * SLOW });
      assert.equal(a.status, 504);
      await released(t);
      const row = await t.row();
      assert.equal(row.outcome, 'timeout');
      assert.equal(row.output_tokens, 0, JSON.stringify(row));
      assert.ok(['none', 'estimated'].includes(row.usage_source), JSON.stringify(row));
    });

    // Gemini has no event of its own for the end: there an answer is whole when its body is.
    if (u.dialect !== gemini)
      for (const [what, then] of [
        ['resets', (res) => res.rst()],
        ['closes', (res) => res.fin()],
        ['hangs', (res) => res.hang()],
      ])
        test(`the upstream ${what} behind its last event: the answer was whole`, async () => {
          const t = trial({
            script: async (req, res) => {
              await res.stream();
              for (const f of req.dialect.frames({ model: 'm' })) await res.chunk(f);
              await sleep(20);
              await then(res);
            },
          });
          const a = await t.call({ timeout: 5000 * SLOW });
          assert.ok(a.complete);
          assert.equal(d.streamText(a.text), WORDS.join(''));
          assert.ok(d.ended(a.text) && !d.streamError(a.text), a.text.slice(-300));
          if (what === 'hangs') await released(t);
          checkRow(await t.row(), { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: u.dialect });
        });

    test('the client goes with the last event in its hands', async () => {
      const t = trial({
        script: async (req, res) => {
          await res.stream();
          for (const f of req.dialect.frames({ model: 'm' })) await res.chunk(f);
          if (u.dialect === gemini) await res.finish();
          else await res.hang();
        },
      });
      const conn = await t.open();
      const a = await conn.answer({ until: (x) => d.ended(x.text) });
      assert.equal(d.streamText(a.text), WORDS.join(''));
      conn.close();
      const row = await t.row();
      if (d !== gemini || row.outcome === 'ok') checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: u.dialect });
      const line = await eventually(() => rig.gw.output.split('\n').find((l) => l.includes(row.id) && l.includes('"exchange"')), { what: 'the log line' });
      if (row.outcome === 'ok') assert.ok(!/CLIENT_GONE/.test(line), line);
    });

    test('no figures at all: estimated, and said so', async () => {
      for (const stream of [true, false]) {
        const t = trial({ stream, script: (req, res) => answerWell(req, res, { usage: null, words: Array(20).fill('word ') }) });
        const a = await t.call();
        assert.equal(wordsIn(stream ? d.streamText(a.text) : d.text(a.json)), 20, a.text);
        checkRow(await t.row(), { outcome: 'ok', source: 'estimated', words: 20 });
      }
    });
  });

// A cut answer that had no text yet: tool calls and thoughts are billed, too.
describe('what was seen was no text', { concurrency: 8 }, () => {
  const LONG = 'word '.repeat(1200);
  const tools = {
    openai_chat: { tools: [{ type: 'function', function: { name: 'tell', parameters: { type: 'object' } } }] },
    openai_responses: { tools: [{ type: 'function', name: 'tell', parameters: { type: 'object' } }] },
    anthropic: { tools: [{ name: 'tell', input_schema: { type: 'object' } }] },
    gemini: { tools: [{ functionDeclarations: [{ name: 'tell', parametersJsonSchema: { type: 'object' } }] }] },
  };
  const parts = { 'a tool call': toolCall('call_1', 'tell', { story: LONG }), thoughts: thought('c2VjcmV0', LONG, LONG, LONG) };
  // Gemini has no way to tell a part of a call: its clients have seen nothing yet.
  const tellable = (pair, what) => what === 'thoughts' || pair.d !== gemini || native(pair);
  for (const pair of PAIRS)
    for (const [what, part] of Object.entries(parts))
      for (const [who, fault] of [['the upstream', { at: 'some', how: 'cut' }], ['the client', null]].filter(([, f]) => f || tellable(pair, what)))
        test(`${pair.name}: ${what}, and ${who} goes`, async () => {
          const cutting = scripted(answer([part, part], { fault: { at: 'some', how: 'cut' } }));
          // For the client to go first, the upstream's end is held back.
          const holding = (req, res) => cutting(req, new Proxy(res, { get: (r, k) => (['fin', 'rst'].includes(k) ? () => r.hang(5000) : typeof r[k] === 'function' ? r[k].bind(r) : r[k]) }));
          const t = new Trial(rig, pair, { extra: tools[pair.d.name], script: fault ? cutting : holding });
          const conn = await t.open();
          const a = await conn.answer({ timeout: 5000 * SLOW, until: (x) => !fault && x.body.length > 1000 });
          if (!fault) await sleep(100);
          conn.reset();
          if (tellable(pair, what)) assert.equal(a.status, 200, a.text.slice(0, 300));
          const row = await t.row();
          checkRow(row, { outcome: fault ? 'upstream_cut' : 'client_abort', source: pair.u.mid, words: 10000 });
          assert.ok(row.output_tokens > 200, `${row.output_tokens} tokens for what was seen: ${JSON.stringify(row)}`);
        });
});

// Too large to be held, it flows although it is no stream: what has passed is billed, too.
describe('a large answer that is no stream', { concurrency: 8 }, () => {
  const ways = [
    ['the upstream resets', (res) => res.rst(), 'upstream_cut'],
    ['the upstream goes silent', (res) => res.hang(), 'timeout'],
    ['the client goes', (res) => res.hang(), 'client_abort'],
  ];
  for (const pair of PAIRS.filter(native))
    for (const [what, then, outcome] of ways)
      test(`${pair.name}: ${what} in the middle`, async () => {
        const t = new Trial(rig, pair, {
          stream: false,
          script: async (req, res) => {
            const body = JSON.stringify(req.dialect.answer({ model: 'm', words: Array(40000).fill('word ') }));
            await res.head(200, { 'content-type': 'application/json', 'content-length': body.length });
            await res.raw(body.slice(0, 150000));
            await sleep(50);
            return then(res);
          },
        });
        const conn = await t.open();
        const a = await conn.answer({ timeout: 5000 * SLOW, until: (x) => outcome === 'client_abort' && x.body.length > 100000 });
        conn.reset();
        assert.equal(a.status, 200);
        assert.ok(!a.complete, 'a cut answer does not look whole');
        const row = await t.row();
        checkRow(row, { outcome, source: 'estimated', words: 40000 });
        assert.ok(row.output_tokens > 10000, `${row.output_tokens} tokens for what was seen`);
      });
});

describe('one after the other', { concurrency: 8 }, () => {
  // What the first upstream does; the second one answers well.
  const failures = {
    'refuses with 500': (req, res) => res.json(500, req.dialect.error(500, 'Broken.')),
    'is busy': (req, res) => res.json(429, req.dialect.error(429, 'Slow down.')),
    'resets': (req, res) => res.rst(),
    'resets in its head': async (req, res) => (await res.raw('HTTP/1.1 200 OK\r\ncontent-ty'), res.rst()),
    'never answers': (req, res) => res.hang(),
    'begins with an error': async (req, res) => (await res.stream(), await res.chunk(req.dialect.errorFrame()), await res.finish()),
  };
  for (const pair of PAIRS)
    for (const [what, first] of Object.entries(failures)) {
      test(`${pair.name}: the first ${what}: one row, both attempts in it`, async () => {
        const t = new Trial(rig, pair, { both: true, script: (req, res) => (isSecond(req) ? answerWell(req, res) : first(req, res)) });
        const a = await t.call({ timeout: 5000 * SLOW });
        assert.equal(a.status, 200, a.text);
        assert.equal(pair.d.streamText(a.text), WORDS.join(''));
        const row = await t.row();
        checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: pair.u.dialect, attempts: 2 });
        assert.equal(row.provider, `${pair.u.name}-2`);
      });
      if (native(pair))
        test(`${pair.name}: each ${what}: one row, no cost`, async () => {
          const t = new Trial(rig, pair, { both: true, script: first });
          const a = await t.call({ timeout: 8000 * SLOW });
          assert.ok(a.status >= 400, a.text);
          const row = await t.row();
          checkRow(row, { outcome: what === 'never answers' ? 'timeout' : 'upstream_error', source: 'none', attempts: 2 });
        });
    }
});

test('and then all is well', async () => {
  for (const pair of PAIRS) {
    const a = await new Trial(rig, pair).call();
    assert.equal(pair.d.streamText(a.text), WORDS.join(''));
  }
});
