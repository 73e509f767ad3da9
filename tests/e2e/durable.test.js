// Mode `durable` (promise P2): no answer ends before its record is on the disk, and a disk that is
// slow or fails holds up ends of answers, nothing else.
import test, { after, before, beforeEach } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { USAGE, statusOf } from './lib/dialects.js';
import { call, eventually } from './lib/client.js';
import { Gateway, SLOW, gproxy, tempDir } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { PAIRS, Trial, checkRow, config, native, wordsIn, wordy } from './lib/bad-days.js';
import { caughtUp, checkIntegrity, isReady, lockDatabase, logged, metrics, rowsOf } from './lib/storage.js';

const dir = tempDir();
const file = path.join(dir, 'rate');
const shim = path.join(dir, 'flaky.so');
writeFileSync(file, Buffer.alloc(12));
const fd = openSync(file, 'r+');

// The disk of the journal: whether its syncs are held, and how many of a thousand fail.
function disk({ held = false, failing = 0 } = {}) {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(held ? 1 : 0, 0);
  bytes.writeInt32LE(failing, 4);
  writeSync(fd, bytes, 0, 8, 4);
}

let up, cannot;
const start = async (t, server = {}) => ({
  up,
  gw: await Gateway.start({
    t, config: config(up, { server: { ledger_mode: 'durable', ...server } }), args: ['--workers', '1'], env: { LD_PRELOAD: shim, FLAKY_FILE: file },
  }),
});

const PAIR = PAIRS.find((p) => p.name === 'anthropic → anthropic') ?? PAIRS[0];
const syncs = async (gw) => (await metrics(gw)).gproxy_ledger_syncs_total;

// Sent, and all of it is here but what waits for the disk.
async function untilItsEnd(rig, trial) {
  const conn = await trial.open();
  const answer = conn.answer({ timeout: 30000 });
  await eventually(() => trial.asked.length && trial.asked[0].answered, { what: 'the upstream has answered' });
  return { trial, conn, answer };
}

// Others are served meanwhile, on the same worker.
async function others(rig) {
  assert.equal((await call(rig.gw, { method: 'GET', path: '/healthz' })).status, 200);
  const one = new Trial(rig, PAIR, { script: wordy(null, { count: 30 }) });
  const { conn, answer } = await one.begun(28);
  return { trial: one, conn, answer: conn.wait(answer) };
}

const complete = async (waiting) => Promise.all(waiting.map(({ answer }) => answer));

async function isOpen(waiting) {
  const done = new Set();
  for (const w of waiting) w.answer.then(() => done.add(w), () => done.add(w));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done.size, 0, 'an answer has ended before its record was safe');
}

before(async () => {
  up = await Upstream.start();
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, path.join(import.meta.dirname, 'lib/flaky.c'), '-ldl'], { stdio: 'pipe' });
    const rig = await start();
    disk({ failing: 1000 });
    const one = await untilItsEnd(rig, new Trial(rig, PAIR));
    await eventually(() => logged(rig.gw, 'ledger.sync').length, { timeout: 3000 * SLOW, what: 'a disk that fails' }).catch(() => {
      cannot = 'the disk of this binary cannot be made to fail';
    });
    disk();
    await one.answer;
    await rig.gw.end();
  } catch (e) {
    cannot = `no disk to fail: ${String(e.stderr || e.message).slice(0, 200)}`;
  }
});
beforeEach(() => disk());
after(async () => {
  disk();
  await up.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('every client, every upstream, bodies and streams: whole answers, and one row each', async (t) => {
  const rig = { up, gw: await Gateway.start({ t, config: config(up, { server: { ledger_mode: 'durable' } }), args: ['--workers', '2'] }) };
  const trials = [];
  for (let round = 0; round < 3; round++) {
    const some = PAIRS.flatMap((pair) => [true, false].map((stream) => new Trial(rig, pair, { stream, both: round === 2 })));
    const answers = await Promise.all(some.map((one) => one.call()));
    for (const [i, a] of answers.entries()) {
      const { d, u, stream } = some[i];
      assert.equal(a.status, 200, a.text);
      assert.ok(a.complete);
      if (stream) assert.ok(d.ended(a.text), a.text);
      // The last event, too, speaks of the model that was asked for.
      for (const [, model] of a.text.matchAll(/"model(?:Version)?":\s*"([^"]*)"/g))
        assert.equal(model, round === 2 ? `both-${u.name}` : `${u.name}/m`, a.text.slice(-400));
      if (native(some[i]) && stream) assert.ok((a.text.match(/\[DONE\]|message_stop"|response\.completed"/g) ?? []).length <= 3, a.text);
    }
    trials.push(...some);
  }
  await caughtUp(rig.gw);
  for (const [i, row] of rowsOf(rig.gw, trials.map((one) => one.id)).entries())
    checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: trials[i].u.dialect });
  assert.equal(rig.gw.usageRows().length, trials.length);
  assert.ok((await syncs(rig.gw)) > 0);
  checkIntegrity(rig.gw);
});

test('mode fast waits for no sync', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = await start(t, { ledger_mode: 'fast' });
  disk({ held: true });
  assert.equal((await new Trial(rig, PAIR).call()).status, 200);
  assert.equal(await syncs(rig.gw), 0);
  return disk();
});

test('a sync that takes its time: ends of answers wait for it, others do not', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = await start(t);
  disk({ held: true });
  const refuse = (req, res) => {
    req.answered = true;
    return res.json(400, { type: 'error', error: { type: 'invalid_request_error', message: 'no' } });
  };
  const waiting = await Promise.all(PAIRS.flatMap((pair) => [true, false].map((stream) => untilItsEnd(rig, new Trial(rig, pair, { stream })))));
  const refused = await untilItsEnd(rig, new Trial(rig, PAIR, { script: refuse }));
  waiting.push(await others(rig));
  await isOpen([...waiting, refused]);
  disk();
  for (const a of await complete(waiting)) assert.equal(a.status, 200, a.text);
  assert.equal((await refused.answer).status, 400);
  await caughtUp(rig.gw);
  rowsOf(rig.gw, [...waiting, refused].map((w) => w.trial.id));
  return assert.ok((await syncs(rig.gw)) < waiting.length, 'one sync is for many');
});

test('killed while they wait: one row each', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = await start(t);
  const answered = new Trial(rig, PAIR);
  assert.equal((await answered.call()).status, 200);
  disk({ held: true });
  const waiting = await Promise.all(PAIRS.map((pair) => untilItsEnd(rig, new Trial(rig, pair))));
  await isOpen(waiting);
  await rig.gw.kill9();
  for (const a of await complete(waiting)) assert.ok(!a.complete);
  disk();
  await rig.gw.up();
  for (const row of rowsOf(rig.gw, [answered, ...waiting.map((w) => w.trial)].map((one) => one.id))) assert.equal(row.outcome, 'ok');
  return checkIntegrity(rig.gw);
});

test('told to stop while they wait: they end first', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = await start(t);
  disk({ held: true });
  const waiting = await Promise.all(PAIRS.map((pair) => untilItsEnd(rig, new Trial(rig, pair))));
  rig.gw.signal('SIGTERM');
  await eventually(() => logged(rig.gw, 'shutdown.begun').length, { what: 'it stops' });
  await isOpen(waiting);
  disk();
  for (const [i, a] of (await complete(waiting)).entries()) assert.ok(a.complete && waiting[i].trial.d.ended(a.text), a.text);
  await rig.gw.gone;
  assert.deepEqual(rig.gw.exited, { code: 0, signal: null });
  assert.equal(rowsOf(rig.gw, waiting.map((w) => w.trial.id)).length, waiting.length);
  await rig.gw.up();
  return assert.equal(logged(rig.gw, 'ledger.replayed').length, 0);
});

test('a disk that fails: nothing ends well, new requests are refused, and all is well afterwards', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = await start(t);
  const other = lockDatabase(rig.gw); // else the records would be safe there
  disk({ failing: 1000 });
  const waiting = await Promise.all(PAIRS.map((pair, i) => untilItsEnd(rig, new Trial(rig, pair, { stream: i % 2 === 0 }))));
  await eventually(async () => !(await isReady(rig.gw)), { what: 'it is not ready' });
  await isOpen(waiting);
  for (const pair of PAIRS) {
    const a = await new Trial(rig, pair).call();
    assert.equal(a.status, statusOf(pair.d, 'overloaded'), a.text);
    pair.d.checkError(a.status, a.json);
  }
  assert.ok((await metrics(rig.gw)).gproxy_ledger_sync_errors_total > 0);
  disk();
  for (const a of await complete(waiting)) assert.equal(a.status, 200, a.text);
  await eventually(() => isReady(rig.gw), { what: 'it is ready' });
  assert.equal((await new Trial(rig, PAIR).call()).status, 200);
  assert.equal(logged(rig.gw, 'ledger.synced').length, 1);
  other.close();
  await caughtUp(rig.gw);
  return rowsOf(rig.gw, waiting.map((w) => w.trial.id));
});

test('a disk that stays broken: after some seconds clients are told', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = await start(t);
  disk({ held: true });
  t.after(() => disk());
  const waiting = await Promise.all(PAIRS.flatMap((pair) => [true, false].map((stream) => untilItsEnd(rig, new Trial(rig, pair, { stream, script: stream ? wordy(null, { count: 20, pause: 0 }) : undefined })))));
  for (const [i, a] of (await complete(waiting)).entries()) {
    const { d, stream } = waiting[i].trial;
    if (stream) {
      assert.ok(wordsIn(a.text) > 0 && d.streamError(a.text), a.text.slice(-300));
      if (d.name !== 'gemini') assert.ok(!d.ended(a.text), a.text.slice(-300)); // whose end is the body's
    } else {
      assert.equal(a.status, statusOf(d, 'overloaded'), a.text);
      d.checkError(a.status, a.json);
    }
  }
  disk();
  await caughtUp(rig.gw);
  for (const row of rowsOf(rig.gw, waiting.map((w) => w.trial.id))) assert.equal(row.outcome, 'ok', 'it was paid for');
});

test('its name is checked', () => {
  const r = gproxy(['serve', '--ledger-mode', 'slow', '--data-dir', path.join(dir, 'none')]);
  assert.equal(r.code, 2);
  assert.match(r.stderr, /ledger-mode: must be fast or durable/);
});
