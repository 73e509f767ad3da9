// The process is told to stop, or dies, while every client streams from every upstream.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { USAGE, gemini, rowTokens, statusOf, tokensOf } from './lib/dialects.js';
import { eventually, sleep } from './lib/client.js';
import { Gateway, SLOW } from './lib/gateway.js';
import { Upstream, answerWell } from './lib/upstream.js';
import { PAIRS, Trial, checkCutStream, checkRow, config, nusd, wordsIn, wordy } from './lib/bad-days.js';
import { caughtUp, checkIntegrity, logged, rowsOf } from './lib/storage.js';

let up;
test.before(async () => (up = await Upstream.start()));
test.after(async () => {
  assert.deepEqual([...new Set(up.problems)], []);
  await up.stop();
});

async function start(t, server = {}) {
  const timeouts = { connect_ms: 5000, first_byte_ms: 30000, idle_ms: 30000, request_ms: 30000 };
  return { up, gw: await Gateway.start({ t, config: config(up, { server, timeouts }), args: ['--workers', '2'] }) };
}

const endless = wordy(null, { count: 3000, pause: 20 });
const hang = (req, res) => res.hang();

const each = (rig, options) => PAIRS.map((pair) => new Trial(rig, pair, options));
const hung = (trials) => eventually(() => trials.every((one) => one.asked.length), { what: 'all are upstream' });

// The gateway ends while the answers are waited for: what the clients got.
async function whileItStops(rig, begun, signal) {
  rig.gw.signal(signal);
  await Promise.all([rig.gw.gone, ...begun.map(({ conn, answer }) => conn.wait(answer))]);
  return begun.map(({ answer }) => answer);
}

describe('told to stop', () => {
  test('and out of time: each is cut in its own words, and billed by what was seen', async (t) => {
    const rig = await start(t, { shutdown_timeout: 1 });
    const streams = each(rig, { script: endless });
    const silent = [...each(rig, { script: hang }), ...each(rig, { script: hang, stream: false })];
    const begun = await Promise.all(streams.map((one) => one.begun()));
    const waiting = await Promise.all(silent.map(async (one) => {
      const conn = await one.open();
      return { conn, answer: conn.answer() };
    }));
    await hung(silent);
    const answers = await whileItStops(rig, begun, 'SIGTERM');
    assert.deepEqual(rig.gw.exited, { code: 0, signal: null });
    for (const [i, a] of answers.entries()) checkCutStream(streams[i].d, a);
    for (const [i, { answer }] of waiting.entries()) {
      const a = await answer;
      assert.equal(a.status, statusOf(silent[i].d, 'overloaded'), a.text);
      silent[i].d.checkError(a.status, a.json);
    }
    assert.equal(logged(rig.gw, 'shutdown.cut').length, 1);
    const rows = rowsOf(rig.gw, [...streams, ...silent].map((one) => one.id));
    for (const [i, row] of rows.entries())
      checkRow(row, i < streams.length ? { outcome: 'shutdown', source: streams[i].u.mid, words: 200 } : { outcome: 'shutdown', source: 'none' });
    await rig.gw.up();
    assert.equal(logged(rig.gw, 'ledger.replayed').length, 0, 'nothing was left behind');
    assert.equal(rig.gw.usageRows().length, rows.length);
  });

  test('and a client reads nothing: it is cut all the same', async (t) => {
    const rig = await start(t, { shutdown_timeout: 1 });
    const flood = async (req, res) => {
      const frames = req.dialect.frames({ model: 'm', words: Array(2).fill('word '.repeat(1000)) });
      const at = frames.findIndex((f) => f.includes('word '));
      await res.stream();
      for (const f of frames.slice(0, at)) await res.chunk(f);
      while (!res.gone) await res.chunk(frames[at]);
    };
    const trials = each(rig, { script: flood });
    const conns = await Promise.all(trials.map((one) => one.open()));
    for (const conn of conns) conn.socket.pause();
    await hung(trials);
    await sleep(500); // until nothing more fits anywhere
    rig.gw.signal('SIGTERM');
    await rig.gw.gone;
    assert.deepEqual(rig.gw.exited, { code: 0, signal: null });
    for (const conn of conns) conn.close();
    for (const [i, row] of rowsOf(rig.gw, trials.map((one) => one.id)).entries()) checkRow(row, { outcome: 'shutdown', source: trials[i].u.mid, words: 1e9 });
  });

  test('with time enough: each is finished', async (t) => {
    const rig = await start(t);
    const streams = each(rig, { script: wordy(null, { count: 30, pause: 20 }) });
    const begun = await Promise.all(streams.map((one) => one.begun(4)));
    const answers = await whileItStops(rig, begun, 'SIGTERM');
    assert.equal(rig.gw.exited.code, 0);
    for (const [i, a] of answers.entries()) assert.equal(wordsIn(streams[i].d.streamText(a.text)), 30);
    for (const [i, row] of rowsOf(rig.gw, streams.map((one) => one.id)).entries())
      checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: streams[i].u.dialect });
  });

  test('twice: what had ended is there, what ran is unknown', async (t) => {
    const rig = await start(t);
    const done = each(rig);
    for (const a of await Promise.all(done.map((one) => one.call()))) assert.equal(a.status, 200);
    const streams = each(rig, { script: endless });
    const begun = await Promise.all(streams.map((one) => one.begun()));
    rig.gw.signal('SIGTERM');
    await eventually(() => logged(rig.gw, 'shutdown.begun').length, { what: 'it shuts down' });
    const answers = await whileItStops(rig, begun, 'SIGTERM');
    assert.equal(rig.gw.exited.code, 128 + 15);
    for (const [i, a] of answers.entries()) assert.ok(!streams[i].d.ended(a.text), 'no made-up end');
    await rig.gw.up();
    await checkAfterDeath(rig, done, streams);
  });
});

// Of what was answered the provider's figures, of what ran a row that says so, and nothing else.
async function checkAfterDeath(rig, done, cut) {
  await caughtUp(rig.gw);
  const rows = rowsOf(rig.gw, [...done, ...cut].map((one) => one.id));
  for (const [i, row] of rows.entries()) {
    if (i < done.length) {
      checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: done[i].u.dialect });
    } else {
      assert.equal(row.outcome, 'unknown', JSON.stringify(row));
      assert.deepEqual(Object.values(tokensOf(row)).filter(Boolean), [], JSON.stringify(row));
      assert.equal(nusd(row), 0, JSON.stringify(row));
    }
  }
  checkIntegrity(rig.gw);
}

describe('kill -9', () => {
  test('in the middle: what was answered, what ran, what waited', async (t) => {
    const rig = await start(t);
    const done = [...each(rig), ...each(rig, { stream: false })];
    for (const a of await Promise.all(done.map((one) => one.call()))) assert.equal(a.status, 200);
    const streams = each(rig, { script: endless });
    const silent = each(rig, { script: hang, stream: false });
    const begun = await Promise.all(streams.map((one) => one.begun()));
    for (const one of silent) begun.push({ conn: await one.open() });
    await hung(silent);
    await rig.gw.kill9();
    for (const [i, one] of streams.entries()) assert.ok(!one.d.ended(begun[i].answer.text));
    const began = Date.now();
    await rig.gw.up();
    assert.ok(Date.now() - began < 2000 * SLOW, `restart in ${Date.now() - began} ms`);
    await checkAfterDeath(rig, done, [...streams, ...silent]);
    await rig.gw.kill9();
    await rig.gw.up();
    await checkAfterDeath(rig, done, [...streams, ...silent]); // and not once more
  });

  // The terminal event in the client's hands is an answer; Gemini has none, there it is the body's end.
  test('with the last event just out: it is in the ledger', async (t) => {
    const rig = await start(t);
    for (let round = 0; round < 3; round++) {
      const trials = each(rig, {
        script: async (req, res) => {
          await res.stream();
          for (const f of req.dialect.frames({ model: 'm' })) await res.chunk(f);
          if (req.dialect === gemini) await res.finish();
          else await res.hang(3000);
        },
      });
      const whole = (one, a) => (one.d === gemini ? a.complete : one.d.ended(a.text));
      await Promise.all(trials.map(async (one) => (await one.open()).answer({ until: (a) => whole(one, a) })));
      await rig.gw.kill9();
      await rig.gw.up();
      await checkAfterDeath(rig, trials, []);
    }
  });

  const ROUNDS = Number(process.env.KILL_ROUNDS ?? 4);
  test(`${ROUNDS} times under load`, { timeout: ROUNDS * 20000 * SLOW + 60000 }, async (t) => {
    const rig = await start(t);
    const sent = [];
    let running;
    const figures = (n) => ({ input: 1000 + n, cacheRead: n % 7, cacheWrite: 0, output: 50 + n, reasoning: n % 5 });

    // Requests one after another, each with figures of its own, until the gateway dies.
    async function client() {
      while (running) {
        const n = sent.length;
        const pair = PAIRS[randomInt(PAIRS.length)];
        const script = async (req, res) => answerWell(req, res, { usage: figures(n), pause: n % 3 ? 0 : randomInt(8) });
        const one = new Trial(rig, pair, { stream: randomInt(2) === 0, script });
        Object.assign(one, { n, answered: false });
        sent.push(one);
        try {
          const a = await one.call({ timeout: 20000 });
          one.answered = a.status === 200 && a.complete;
        } catch {
          if (running) await sleep(5);
        }
      }
    }

    for (let round = 1; round <= ROUNDS; round++) {
      running = true;
      const clients = Array.from({ length: 16 }, client);
      await sleep(randomInt(100, 900));
      await rig.gw.kill9();
      running = false;
      await Promise.all(clients);
      await rig.gw.up();
      await caughtUp(rig.gw);
      const all = Map.groupBy(rig.gw.usageRows(), (r) => r.client_request_id);
      for (const one of sent) {
        const mine = all.get(one.id) ?? [];
        const told = `${PAIRS.find((p) => p.d === one.d && p.u === one.u).name}, ${one.stream ? 'streamed' : 'buffered'}: ${JSON.stringify(mine)}`;
        assert.ok(mine.length <= 1 && (mine.length === 1 || !one.answered) && (mine.length === 1 || !one.asked.length), told);
        if (one.answered) assert.equal(mine[0].outcome, 'ok', told);
        if (mine[0]?.outcome === 'ok') assert.deepEqual(tokensOf(mine[0]), rowTokens(one.u.dialect, figures(one.n)), told);
        if (mine[0] && mine[0].outcome !== 'ok') assert.equal(mine[0].outcome, 'unknown', told);
      }
      assert.ok([...all.keys()].every((id) => sent.some((one) => one.id === id)), 'a row of nobody');
    }
    assert.ok(sent.filter((one) => one.answered).length > ROUNDS * 10, 'no load, no proof');
    checkIntegrity(rig.gw);
  });
});
