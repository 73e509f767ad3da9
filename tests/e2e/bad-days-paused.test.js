// An answer that pauses is asked for in rounds: what becomes of it when a later round does not go well.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { KEYS, newId } from './lib/rig.js';
import { anthropic, chat, gemini, responses, rowTokens, statusOf, tokensOf } from './lib/dialects.js';
import { Conn, call, eventually, sleep } from './lib/client.js';
import { Gateway, SLOW } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { UPSTREAMS, config, nusd } from './lib/bad-days.js';
import { FIGURES, answer, scripted, text } from './lib/scripts.js';
import { caughtUp, logged, rowsOf } from './lib/storage.js';

const timeouts = { connect_ms: 1000 * SLOW, first_byte_ms: 1000 * SLOW, idle_ms: 800 * SLOW, request_ms: 2500 * SLOW };

let up, gw;
test.before(async () => {
  up = await Upstream.start();
  gw = await startGateway(timeouts);
});
test.after(async () => {
  await gw.end();
  assert.deepEqual([...new Set(up.problems)], []);
  await up.stop();
});

const startGateway = (limits, server = {}) => Gateway.start({ config: config(up, { timeouts: limits, server }), args: ['--workers', '1'] });

// Who is asked again, by which clients, and how an answer of theirs pauses.
const PAUSES = [
  { u: UPSTREAMS.find((u) => u.dialect === anthropic), clients: [chat, responses], extra: { [chat.name]: { web_search_options: {} }, [responses.name]: { tools: [{ type: 'web_search' }] } }, pause: { finish: 'pause' } },
  { u: UPSTREAMS.find((u) => u.dialect === gemini), clients: [chat, responses, anthropic], extra: {}, pause: { finish: 'pause', token: 't1' } },
];

const CASES = PAUSES.flatMap((p) => p.clients.flatMap((d) => [true, false].map((stream) => ({ ...p, d, stream, name: `${d.name} → ${p.u.name}, ${stream ? 'streamed' : 'buffered'}` }))));

// One request whose first round pauses after some words; `second` is what the upstream does when it is asked to go on.
class Rounds {
  constructor(where, c, second) {
    this.id = newId('case');
    Object.assign(this, { gw: where, ...c });
    const first = scripted(answer([text('word ', 'word ')], c.pause));
    let n = 0;
    up.script(this.id, (req, res) => (n++ ? second(req, res) : first(req, res)));
    const model = `${c.u.name}/m`;
    this.request = {
      path: c.d.path(model, c.stream),
      headers: { ...c.d.auth(KEYS.alice), 'x-client-request-id': this.id },
      body: c.d.body(model, { stream: c.stream, text: `A long one. (${this.id})`, ...c.extra[c.d.name] }),
    };
  }

  get asked() {
    return up.seen(this.id);
  }

  call() {
    return call(this.gw, this.request, { timeout: 8000 * SLOW });
  }

  async open() {
    const conn = await Conn.open(this.gw);
    await conn.send(this.request);
    await eventually(() => this.asked.length === 2, { what: 'the second round' });
    return conn;
  }
}

// The figures of the first round are paid for, whatever became of the second.
function checkRow(row, c, outcome, { exact = true } = {}) {
  const told = JSON.stringify(row);
  assert.equal(row.outcome, outcome, told);
  assert.equal(row.usage_source, 'partial', told);
  assert.equal(row.attempts, 2, told);
  assert.ok(row.err, told);
  const first = rowTokens(c.u.dialect, FIGURES);
  const got = tokensOf(row);
  if (exact) assert.deepEqual(got, first, told);
  else for (const [k, v] of Object.entries(first)) assert.ok(got[k] >= v, told);
  assert.ok(nusd(row) >= got.output_tokens * 2000, told);
}

// How the client is told: in its own words, in a stream that has begun inside of it.
function checkTold(c, a, kind) {
  if (!c.stream) {
    assert.equal(a.status, statusOf(c.d, kind), a.text);
    return c.d.checkError(a.status, a.json);
  }
  assert.equal(a.status, 200, a.text);
  assert.equal(c.d.streamText(a.text), 'word word ');
  assert.ok(c.d.streamError(a.text), a.text.slice(-300));
  return assert.ok(!c.d.ended(a.text), a.text.slice(-300));
}

const half = (then) => async (req, res) => {
  if (req.streams) {
    const frames = req.dialect.frames({ model: 'm', words: ['more '] });
    await res.stream();
    await res.chunk(frames[0]);
    if (req.dialect === anthropic) await res.chunk(frames[1]);
  } else {
    await res.head(200, { 'content-type': 'application/json', 'content-length': 5000 });
    await res.raw('{"id":');
  }
  return then(req, res);
};

describe('a later round', { concurrency: 8 }, () => {
  for (const c of CASES) {
    test(`${c.name}: is never answered`, async () => {
      const t = new Rounds(gw, c, (req, res) => res.hang());
      const a = await t.call();
      checkTold(c, a, 'timeout');
      await eventually(() => t.asked[1].closedAt, { timeout: 3000 * SLOW, what: 'it is let go' });
      checkRow(await gw.row(t.id), c, 'timeout');
    });

    test(`${c.name}: goes silent in its middle`, async () => {
      const t = new Rounds(gw, c, half((req, res) => res.hang()));
      const a = await t.call();
      assert.ok(c.stream ? c.d.streamError(a.text) && !c.d.ended(a.text) : a.status === statusOf(c.d, 'timeout'), a.text);
      await eventually(() => t.asked[1].closedAt, { timeout: 3000 * SLOW, what: 'it is let go' });
      checkRow(await gw.row(t.id), c, 'timeout', { exact: false });
    });

    test(`${c.name}: resets before its head`, async () => {
      const t = new Rounds(gw, c, (req, res) => res.rst());
      checkTold(c, await t.call(), 'upstream');
      checkRow(await gw.row(t.id), c, 'upstream_cut');
    });

    test(`${c.name}: the client goes`, async () => {
      const t = new Rounds(gw, c, (req, res) => res.hang());
      const conn = await t.open();
      conn.reset();
      await eventually(() => t.asked[1].closedAt, { timeout: 3000 * SLOW, what: 'it is let go' });
      checkRow(await gw.row(t.id), c, 'client_abort');
    });
  }

  // Bytes come all the time, so only the deadline of the whole can end it.
  for (const c of CASES.filter((x) => !x.stream))
    test(`${c.name}: the whole takes too long`, async () => {
      const t = new Rounds(gw, c, half(async (req, res) => {
        for (let i = 0; i < 200 && !res.gone; i++) (await res.raw(' '), await sleep(50 * SLOW));
      }));
      checkTold(c, await t.call(), 'timeout');
      checkRow(await gw.row(t.id), c, 'timeout');
    });
});

const LONG = { connect_ms: 5000, first_byte_ms: 30000, idle_ms: 30000, request_ms: 30000 };

test('told to stop in a later round', async (t) => {
  const own = await startGateway(LONG, { shutdown_timeout: 1 });
  t.after(() => own.end());
  const trials = CASES.map((c) => new Rounds(own, c, (req, res) => res.hang()));
  const conns = await Promise.all(trials.map((one) => one.open()));
  const answers = conns.map((conn) => conn.answer());
  own.signal('SIGTERM');
  await own.gone;
  for (const [i, answer] of answers.entries()) checkTold(CASES[i], await answer, 'overloaded');
  for (const [i, row] of rowsOf(own, trials.map((one) => one.id)).entries()) checkRow(row, CASES[i], 'shutdown');
});

test('kill -9 in a later round: unknown, once', async (t) => {
  const own = await startGateway(LONG);
  t.after(() => own.end());
  const trials = CASES.map((c) => new Rounds(own, c, (req, res) => res.hang()));
  await Promise.all(trials.map((one) => one.open()));
  await own.kill9();
  await own.up();
  await caughtUp(own);
  for (const row of rowsOf(own, trials.map((one) => one.id))) assert.equal(row.outcome, 'unknown', JSON.stringify(row));
  assert.equal(logged(own, 'ledger.replayed').length, 1);
});
