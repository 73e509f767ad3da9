// Promise P1 (hardening.md 2.1): after kill -9 at any moment every answered request has
// exactly one row, with the provider's figures; nothing is doubled, nothing invented.
//
// KILL_ROUNDS (10) times: load by KILL_CLIENTS (16) clients through every dialect, buffered
// and streamed; kill -9 at a random moment; restart on the same data; compare.
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { useRig, newId, newModel, KEYS, assertHealthy } from './lib/rig.js';
import { DIALECTS, STREAMS, rowTokens, tokensOf } from './lib/dialects.js';
import { Conn, eventually, sleep } from './lib/client.js';
import { SLOW } from './lib/gateway.js';
import { answerWell } from './lib/upstream.js';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 10);
const CLIENTS = Number(process.env.KILL_CLIENTS ?? 16);
const rig = useRig();

const sent = new Map(); // client request id -> what is known about it
let running = false;

// Its figures are its own, so that a row mixed up with another shows.
function usageOf(n) {
  return { input: 1000 + n, cacheRead: n % 7, cacheWrite: 0, output: 50 + n, reasoning: n % 5 };
}

let serial = 0;

function prepare(d, stream) {
  const n = ++serial;
  const one = { id: newId('kill'), n, d, stream, model: newModel('k'), answered: false, request: null };
  sent.set(one.id, one);
  rig.up.script(one.model, async (req, res) => {
    one.request = req;
    await answerWell(req, res, { usage: usageOf(n), pause: n % 3 === 0 ? randomInt(0, 8) : 0 });
  });
  return one;
}

// One client: requests one after another until the gateway dies.  A stream counts as
// answered as soon as its terminal event is here, a body with its last byte.
async function client(i) {
  let conn = null;
  while (running) {
    const d = STREAMS[randomInt(STREAMS.length)];
    const one = prepare(d, d.array || randomInt(2) === 0);
    try {
      conn ??= await Conn.open(rig.gw);
      await conn.send({
        path: `/${d.provider}${d.path(one.model, one.stream)}`,
        headers: { ...d.auth(KEYS.alice), 'x-client-request-id': one.id },
        body: d.body(one.model, { stream: one.stream, includeUsage: i % 2 === 0 }),
      });
      const terminal = (a) => a.status === 200 && one.stream && terminated(d, a.text);
      const a = await conn.answer({ timeout: 20000, until: (x) => x.complete || terminal(x) });
      if (a.status === 200 && (a.complete || terminal(a))) one.answered = true;
      else if (a.status) one.refused = a.status;
      if (!a.complete) {
        if (conn.ended) throw new Error('gone');
        await conn.wait(a);
      }
    } catch {
      conn?.close();
      conn = null;
      if (running) await sleep(5);
    }
  }
  conn?.close();
}

// Gemini has no event of its own for the end: there it is the end of the body.
const terminated = (d, text) => d.name !== 'gemini' && d.ended(text);

function compare(rows) {
  const problems = [];
  const ids = new Set();
  const byRequest = new Map();
  for (const row of rows) {
    if (ids.has(row.id)) problems.push(`row ${row.id} twice`);
    ids.add(row.id);
    if (!row.client_request_id?.startsWith('kill-')) continue;
    byRequest.set(row.client_request_id, [...(byRequest.get(row.client_request_id) ?? []), row]);
  }
  for (const [id, mine] of byRequest) {
    const one = sent.get(id);
    if (!one) problems.push(`${id}: a row for a request that was never sent`);
    if (mine.length > 1) problems.push(`${id}: ${mine.length} rows (${mine.map((r) => r.outcome)})`);
    for (const row of mine) if (one && row.outcome === 'ok' && !one.request?.answered) problems.push(`${id}: an ok row, but the upstream had not finished`);
  }
  for (const [id, one] of sent) {
    const mine = byRequest.get(id) ?? [];
    if (one.answered && mine.length === 0) problems.push(`${id}: answered (${one.d.label}${one.stream ? ', streamed' : ''}) and no row`);
    if (one.answered && mine.length === 1) {
      if (mine[0].outcome !== 'ok') problems.push(`${id}: answered, its row says ${mine[0].outcome}`);
      const want = JSON.stringify(rowTokens(one.d, usageOf(one.n)));
      const got = JSON.stringify(tokensOf(mine[0]));
      if (got !== want) problems.push(`${id}: ${one.d.label} row says ${got}, upstream said ${want}`);
    }
  }
  return problems;
}

test(`${ROUNDS} times kill -9 under the load of ${CLIENTS} clients`, { timeout: ROUNDS * 20000 * SLOW + 60000 }, async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    running = true;
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(i));
    await sleep(randomInt(20, 900));
    await rig.gw.kill9();
    running = false;
    await Promise.all(clients);
    const start = Date.now();
    await rig.gw.up();
    const restart = Date.now() - start;
    assert.ok(restart < 2000 * SLOW, `restart in ${restart} ms`);
    rig.gw.checkSanitizers();

    const answered = [...sent.values()].filter((one) => one.answered);
    await eventually(
      () => {
        const have = new Set(rig.gw.usageRows().map((r) => r.client_request_id));
        return answered.every((one) => have.has(one.id));
      },
      { timeout: 3000 * SLOW, every: 100 },
    ).catch(() => {});
    const problems = compare(rig.gw.usageRows());
    assert.deepEqual(problems.slice(0, 20), [], `round ${round}, ${answered.length} answered of ${sent.size}: ${problems.length} problems`);
  }
  const answered = [...sent.values()].filter((one) => one.answered).length;
  assert.ok(answered > ROUNDS * 10, `only ${answered} requests were answered: no load, no proof`);
});

test('what was in flight when it died has a row that says unknown', async () => {
  const rows = rig.gw.usageRows();
  const cut = [...sent.values()].filter((one) => one.request && !one.request.answered && !one.answered);
  const unknown = cut.filter((one) => rows.some((r) => r.client_request_id === one.id && r.outcome === 'unknown'));
  assert.ok(cut.length === 0 || unknown.length > 0, `${cut.length} were in flight, ${unknown.length} have an unknown row`);
  for (const one of cut) {
    const mine = rows.filter((r) => r.client_request_id === one.id);
    assert.equal(mine.length, 1, `${one.id} reached the upstream: ${mine.map((r) => r.outcome)}`);
  }
});

test('killed again and again while it starts: nothing doubled', async () => {
  const before = rig.gw.usageRows().length;
  for (let i = 0; i < 5; i++) {
    await rig.gw.kill9();
    rig.gw.launch();
    await sleep(randomInt(1, 60));
  }
  await rig.gw.kill9();
  await rig.gw.up();
  await sleep(300);
  assert.equal(rig.gw.usageRows().length, before);
  assert.deepEqual(compare(rig.gw.usageRows()), []);
});

test('a graceful stop under load loses nothing either', async () => {
  running = true;
  const clients = Array.from({ length: CLIENTS }, (_, i) => client(i));
  await sleep(400);
  rig.gw.signal('SIGTERM');
  await sleep(100);
  running = false;
  await rig.gw.gone;
  await Promise.all(clients);
  assert.equal(rig.gw.exited.code, 0);
  assert.deepEqual(compare(rig.gw.usageRows()).slice(0, 20), [], 'rows are complete while nothing runs');
  await rig.gw.up();
  assert.deepEqual(compare(rig.gw.usageRows()).slice(0, 20), []);
});

test('healthy after', async () => {
  for (const d of DIALECTS) await assertHealthy(rig, d);
});
