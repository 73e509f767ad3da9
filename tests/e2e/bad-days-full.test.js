// Nothing more can be written: refused only when the room is used up, served again by itself, no row lost.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { KEYS, newId } from './lib/rig.js';
import { USAGE, chat, statusOf } from './lib/dialects.js';
import { call, eventually, sleep } from './lib/client.js';
import { Gateway, SLOW, tempDir } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { CLIENTS, PAIRS, Trial, UPSTREAMS, checkRow, config, native, wordsIn } from './lib/bad-days.js';
import { caughtUp, checkIntegrity, isReady, limitFiles, lockDatabase, logged, metrics, rowsOf } from './lib/storage.js';

let up;
test.before(async () => (up = await Upstream.start()));
test.after(async () => {
  assert.deepEqual([...new Set(up.problems)], []);
  await up.stop();
});

const SMALL = { journal_ring_bytes: 65536, journal_spill_bytes: 65536, shutdown_timeout: 1 };
const timeouts = { connect_ms: 5000, first_byte_ms: 20000, idle_ms: 20000, request_ms: 20000 };

async function start(t, options = {}, more = {}) {
  const gw = await Gateway.start({ t, config: config(up, { server: SMALL, timeouts, ...more }), args: ['--workers', '1'], ...options });
  return { up, gw };
}

const NATIVE = PAIRS.filter(native);

// Requests until all are refused, for longer than the writer looks away: the answered ones.
async function fill(rig) {
  const answered = [];
  for (let last = Date.now(); Date.now() - last < 1500 * SLOW; await sleep(10)) {
    assert.ok(answered.length < 5000, 'there is a bound');
    const trials = Array.from({ length: 16 }, (_, i) => new Trial(rig, NATIVE[i % 4], { stream: false }));
    const got = await Promise.all(trials.map((one) => one.call()));
    answered.push(...trials.filter((_, i) => got[i].status === 200));
    for (const [i, a] of got.entries()) {
      if (a.status === 200) {
        last = Date.now();
        continue;
      }
      assert.equal(a.status, statusOf(trials[i].d, 'overloaded'), a.text);
      trials[i].d.checkError(a.status, a.json);
      assert.equal(trials[i].asked.length, 0, 'nothing went upstream');
    }
  }
  return answered;
}

// Full in every dialect, and everybody who asks is told.
async function checkFull(rig) {
  for (const d of CLIENTS)
    for (const stream of [true, false]) {
      const a = await new Trial(rig, { d, u: UPSTREAMS[0] }, { stream }).call();
      assert.equal(a.status, statusOf(d, 'overloaded'), a.text);
      d.checkError(a.status, a.json);
    }
  const echo = await call(rig.gw, { path: '/v1/chat/completions', headers: chat.auth(KEYS.alice), body: chat.body('echo/echo') });
  assert.equal(echo.status, 503, 'what is answered here has a record, too');
  assert.equal(await isReady(rig.gw), false);
  assert.equal((await call(rig.gw, { method: 'GET', path: '/healthz' })).status, 200);
  const m = await metrics(rig.gw);
  assert.ok(m['gproxy_errors_total{cause="LEDGER_FULL"}'] >= 9, JSON.stringify(m));
  assert.ok(m.gproxy_ledger_spilled_bytes <= 65536);
  assert.ok(m.gproxy_ledger_lag_records > 100);
}

async function checkResumed(rig, answered) {
  await eventually(() => isReady(rig.gw), { timeout: 8000 * SLOW, what: 'ready again' });
  const last = new Trial(rig, PAIRS[0]);
  assert.equal((await last.call()).status, 200);
  await caughtUp(rig.gw);
  await checkAll(rig, [...answered, last]);
}

async function checkAll(rig, answered) {
  const rows = rowsOf(rig.gw, answered.map((one) => one.id));
  for (const [i, row] of rows.entries()) checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: answered[i].u.dialect });
  assert.equal(rig.gw.usageRows().length, answered.length, 'no row of a refused request');
  checkIntegrity(rig.gw);
}

// An upstream that holds the second half of its answers until it is told.
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  const script = async (req, res) => {
    const frames = req.dialect.frames({ model: req.model, words: ['word ', 'word ', 'word '] });
    const half = frames.findIndex((f) => f.includes('word ')) + 1;
    await res.stream();
    for (const f of frames.slice(0, half)) await res.chunk(f);
    await opened;
    for (const f of frames.slice(half)) await res.chunk(f);
    return res.finish();
  };
  return { open, script };
}

describe('the database is away until nothing more can wait', () => {
  test('served without a record where the operator wants that, but not to whoever has a quota', async (t) => {
    const bound = { name: 'bound', keys: [{ label: 'k', key: 'sk-client-bound-000000000001' }], permissions: [{ models: '*' }], quota: { usd: '1000' } };
    const rig = await start(t, {}, { settings: { ledger_full: 'serve_unaccounted' }, users: [bound] });
    const ask = (key) => call(rig.gw, { path: '/v1/chat/completions', headers: chat.auth(key), body: { ...chat.body('echo/echo'), max_tokens: 5 } });
    const lock = lockDatabase(rig.gw);
    let served = 0;
    try {
      await eventually(async () => {
        const all = await Promise.all(Array.from({ length: 16 }, () => ask(KEYS.alice)));
        served += all.length;
        assert.ok(all.every((a) => a.status === 200), 'nobody without a quota is refused');
        return (await metrics(rig.gw)).gproxy_unaccounted_total > 20;
      }, { timeout: 60000 * SLOW, every: 1, what: 'exchanges without a record' });
      const a = await ask(bound.keys[0].key);
      assert.equal(a.status, 503, a.text);
      assert.equal(await isReady(rig.gw), true);
    } finally {
      lock.close();
    }
    await eventually(async () => (await ask(bound.keys[0].key)).status === 200, { timeout: 8000 * SLOW, what: 'room again' });
    await caughtUp(rig.gw);
    const lost = (await metrics(rig.gw)).gproxy_unaccounted_total;
    assert.equal(rig.gw.usageRows().length, served + 1 - lost, 'each is a row or was counted');
    checkIntegrity(rig.gw);
  });

  test('refused, while what runs is finished; and then it goes on by itself', async (t) => {
    const rig = await start(t);
    const { open, script } = gate();
    const running = PAIRS.map((pair) => new Trial(rig, pair, { script }));
    const lock = lockDatabase(rig.gw);
    let answered;
    try {
      const begun = await Promise.all(running.map((one) => one.begun(1)));
      answered = await fill(rig);
      await checkFull(rig);
      open();
      for (const [i, { conn, answer }] of begun.entries()) {
        await conn.wait(answer);
        assert.ok(answer.complete);
        assert.equal(wordsIn(running[i].d.streamText(answer.text)), 3);
        conn.close();
      }
    } finally {
      lock.close();
    }
    assert.equal(logged(rig.gw, 'ledger.full').length, 0, 'nothing that ran was without room');
    await checkResumed(rig, [...answered, ...running]);
  });

  test('killed there: the next start has all of it', async (t) => {
    const rig = await start(t);
    const lock = lockDatabase(rig.gw);
    const answered = await fill(rig);
    await rig.gw.kill9();
    lock.close();
    await rig.gw.up();
    await checkAll(rig, answered);
  });
});

// Records with long names need more than is kept for each that runs.
describe('no room for the record of an answer', () => {
  const LONG = 'm'.repeat(200);
  async function cornered(t) {
    const rig = await start(t, {}, { model: LONG });
    const { open, script } = gate();
    const lock = lockDatabase(rig.gw);
    t.after(() => lock.isOpen && lock.close());
    const running = Array.from({ length: 64 }, (_, i) => new Trial(rig, PAIRS[i % PAIRS.length], { model: LONG, script, id: `${newId('case')}-${'x'.repeat(80)}` }));
    const begun = await Promise.all(running.map((one) => one.begun(1)));
    const answered = await fill(rig);
    open();
    // Those that found room are whole; of the others the end is missing, and nothing says that it failed.
    await sleep(1000);
    const waiting = running.filter((one, i) => !begun[i].answer.complete);
    assert.ok(waiting.length > 0 && waiting.length < running.length, `${waiting.length} wait`);
    for (const [i, { answer }] of begun.entries()) {
      const { d } = running[i];
      if (answer.complete) continue;
      assert.ok(!d.streamError(answer.text) && (d.name === 'gemini' || !d.ended(answer.text)), answer.text.slice(-300));
    }
    return { rig, lock, running, begun, answered, waiting };
  }

  test('its end waits, and comes', async (t) => {
    const { rig, lock, running, begun, answered } = await cornered(t);
    lock.close();
    for (const { conn, answer } of begun) {
      await conn.wait(answer);
      assert.ok(answer.complete);
      conn.close();
    }
    await checkResumed(rig, [...answered, ...running]);
  });

  test('clients that do not wait for it have their row all the same', async (t) => {
    const { rig, lock, running, begun, waiting } = await cornered(t);
    for (const { conn } of begun) conn.reset();
    await sleep(300);
    lock.close();
    await eventually(() => isReady(rig.gw), { timeout: 8000 * SLOW, what: 'ready again' });
    await eventually(async () => (await metrics(rig.gw)).gproxy_in_flight === 0, { timeout: 5000 * SLOW, what: 'nothing runs' });
    await caughtUp(rig.gw);
    const rows = rowsOf(rig.gw, running.map((one) => one.id));
    for (const [i, row] of rows.entries()) assert.equal(row.outcome, waiting.includes(running[i]) ? 'client_abort' : 'ok', JSON.stringify(row));
  });

  test('told to stop there: it stops, and the next start has a row of each', async (t) => {
    const { rig, lock, running, waiting, answered } = await cornered(t);
    assert.equal((await rig.gw.stop()).code, 0);
    lock.close();
    await rig.gw.up();
    await caughtUp(rig.gw);
    const rows = rowsOf(rig.gw, [...running, ...answered].map((one) => one.id));
    for (const [i, row] of rows.entries()) {
      const one = running[i];
      assert.ok(one && waiting.includes(one) ? ['shutdown', 'unknown'].includes(row.outcome) : row.outcome === 'ok', JSON.stringify(row));
    }
    checkIntegrity(rig.gw);
  });
});

describe('the disk is full', () => {
  test('for every file, while it runs', async (t) => {
    const rig = await start(t);
    const first = new Trial(rig, PAIRS[0]);
    assert.equal((await first.call()).status, 200);
    await caughtUp(rig.gw);
    if (!limitFiles(rig.gw, 0)) return t.skip('prlimit(1) cannot limit files');
    const answered = [first, ...(await fill(rig))];
    await checkFull(rig);
    assert.equal((await metrics(rig.gw)).gproxy_ledger_spilled_bytes, 0);
    limitFiles(rig.gw, 'unlimited');
    return checkResumed(rig, answered);
  });

  // A small file system of its own, which only root can make.
  function mount(t, size) {
    const dir = tempDir();
    const r = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'gproxy-e2e', dir]);
    t.after(() => {
      if (r.status === 0) spawnSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true, force: true });
    });
    return r.status === 0 ? dir : null;
  }

  test('a real one', async (t) => {
    const dir = mount(t, '16m');
    if (!dir) return t.skip('no file system can be mounted here');
    const rig = await start(t, { dir });
    const first = new Trial(rig, PAIRS[0]);
    assert.equal((await first.call()).status, 200);
    await caughtUp(rig.gw);
    const filler = path.join(dir, 'filler');
    const { bavail, bsize } = statfsSync(dir);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
    const answered = [first, ...(await fill(rig))];
    await checkFull(rig);
    assert.ok(logged(rig.gw, 'ledger.spill').length >= 1);
    rmSync(filler);
    return checkResumed(rig, answered);
  });

  test('at start: no start, and it is said', async (t) => {
    const dir = mount(t, '4m');
    if (!dir) return t.skip('no file system can be mounted here');
    mkdirSync(path.join(dir, 'data'));
    const gw = new Gateway({ dir, config: config(up), args: ['--workers', '1'] });
    gw.port = 0;
    gw.launch();
    await gw.gone;
    assert.equal(gw.exited.code, 1);
    return assert.match(gw.stderr, /cannot reserve \d+ KiB for the journal file/);
  });
});
