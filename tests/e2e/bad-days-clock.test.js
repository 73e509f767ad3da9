// The wall clock is set while it runs: what waits, waits as long as it should, and rows say when it was.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { KEYS } from './lib/rig.js';
import { USAGE } from './lib/dialects.js';
import { call, eventually, sleep } from './lib/client.js';
import { Gateway, SLOW, gproxy, tempDir } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { PAIRS, Trial, checkCutStream, checkRow, config, wordsIn, wordy } from './lib/bad-days.js';
import { caughtUp, checkIntegrity, logged, metrics, rowsOf } from './lib/storage.js';

const HOUR = 3600000;
const DAY = 24 * HOUR;
const dir = tempDir();
const file = path.join(dir, 'shift');
const shim = path.join(dir, 'clock.so');

// Everybody's clock, by so many milliseconds from the right time.
writeFileSync(file, Buffer.alloc(8));
const fd = openSync(file, 'r+');
function shift(ms) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(ms));
  writeSync(fd, bytes, 0, 8, 0);
}

const users = [
  { name: 'brief', keys: [{ label: 'k', key: 'sk-brief-0000000000000001', expires_at: new Date(Date.now() + 10 * DAY).toISOString() }], permissions: [{ models: '*' }] },
  { name: 'five', keys: [{ label: 'k', key: 'sk-five-00000000000000001' }], permissions: [{ models: '*' }], rate_limits: [{ rpm: 5 }] },
];
const timeouts = { connect_ms: 5000, first_byte_ms: 5000, idle_ms: 1500 * SLOW, request_ms: 10000 };

let up, cannot;
const start = (t, server = {}) =>
  Gateway.start({ t, config: config(up, { timeouts, users, server }), args: ['--workers', '2'], env: { LD_PRELOAD: shim, CLOCK_SHIFT_FILE: file } });

const dateOf = async (gw) => Date.parse((await call(gw, { method: 'GET', path: '/healthz' })).headers.date);

before(async () => {
  up = await Upstream.start();
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, path.join(import.meta.dirname, 'lib/clock.c'), '-ldl'], { stdio: 'pipe' });
    shift(30 * DAY);
    const gw = await start();
    if ((await dateOf(gw)) < Date.now() + 29 * DAY) cannot = 'the clock of this binary cannot be set';
    await gw.end();
  } catch (e) {
    cannot = `no clock to set: ${String(e.stderr || e.message).slice(0, 200)}`;
  }
  shift(0);
});
after(async () => {
  await up.stop();
  rmSync(dir, { recursive: true, force: true });
});

const cases = { '30 days ahead': 30 * DAY, 'two hours back': -2 * HOUR };

for (const [what, ms] of Object.entries(cases))
  test(`${what}, in the middle of streams`, async (t) => {
    if (cannot) return t.skip(cannot);
    shift(0);
    const gw = await start(t);
    const rig = { up, gw };
    const streams = PAIRS.map((pair) => new Trial(rig, pair, { script: wordy(null, { count: 60, pause: 10 }) }));
    const silent = new Trial(rig, PAIRS[1], { script: wordy((res) => res.hang()) });
    const begun = await Promise.all(streams.map((one) => one.begun()));
    const stalled = await silent.begun(5);
    const jumped = Date.now();
    shift(ms);
    for (const [i, { conn, answer }] of begun.entries()) {
      await conn.wait(answer);
      assert.equal(wordsIn(streams[i].d.streamText(answer.text)), 60);
      conn.close();
    }
    await stalled.conn.wait(stalled.answer);
    const waited = Date.now() - jumped;
    assert.ok(waited > 800 * SLOW, `given up after ${waited} ms: deadlines go by the wall clock`);
    checkCutStream(silent.d, stalled.answer);
    const later = PAIRS.map((pair) => new Trial(rig, pair));
    for (const one of later) assert.equal((await one.call()).status, 200);
    await caughtUp(gw);
    const rows = rowsOf(gw, [...streams, ...later].map((one) => one.id));
    for (const [i, row] of rows.entries()) {
      checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: PAIRS[i % PAIRS.length].u.dialect });
      assert.ok(row.total_ms >= 0 && row.total_ms < 60000, JSON.stringify(row));
      const at = Date.parse(row.started_at) - (i < streams.length ? 0 : ms);
      assert.ok(Math.abs(at - jumped) < 60000, `${row.started_at}: ${JSON.stringify(row)}`);
    }
    checkRow(await gw.row(silent.id), { outcome: 'timeout', source: silent.u.mid });
    assert.equal(logged(gw, 'ledger.away').length, 0);
    // By the total of all time nothing is missing, on whatever day it was.
    const totals = gproxy(['usage', '--json', '--by', 'user', '--data-dir', gw.dataDir]).stdout.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
    assert.equal(totals.reduce((sum, row) => sum + (row.requests ?? 0), 0), rows.length + 1, JSON.stringify(totals));
    checkIntegrity(gw);
    assert.ok((await metrics(gw)).gproxy_ledger_lag_seconds === 0);
    return shift(0);
  });

test('a key expires by the wall clock, a limit’s minute goes by the other', async (t) => {
  if (cannot) return t.skip(cannot);
  shift(0);
  const gw = await start(t);
  const rig = { up, gw };
  const ask = async (key) => (await new Trial(rig, PAIRS[0], { key }).call()).status;
  const [brief, five] = users.map((u) => u.keys[0].key);
  for (let i = 0; i < 5; i++) assert.equal(await ask(five), 200);
  assert.equal(await ask(five), 429);
  assert.equal(await ask(brief), 200);
  shift(30 * DAY);
  assert.equal(await ask(brief), 401);
  assert.equal(await ask(five), 429, 'no minute has passed');
  shift(-2 * HOUR);
  assert.equal(await ask(five), 429);
  shift(0);
  assert.equal(await ask(brief), 200);
  assert.equal(await ask(KEYS.alice), 200);
  return undefined;
});

for (const [what, ms] of Object.entries(cases))
  test(`${what}, while it is told to stop`, async (t) => {
    if (cannot) return t.skip(cannot);
    shift(0);
    const gw = await start(t, { shutdown_timeout: 1 });
    const one = new Trial({ up, gw }, PAIRS[0], { script: wordy(null, { count: 5000, pause: 20 }) });
    const { conn, answer } = await one.begun();
    shift(ms);
    const began = Date.now();
    gw.signal('SIGTERM');
    await sleep(300);
    shift(0);
    await gw.gone;
    const took = Date.now() - began;
    assert.ok(took >= 900 && took < 6000 * SLOW, `${took} ms`);
    if (!answer.complete) await conn.wait(answer);
    checkCutStream(one.d, answer);
    assert.equal((await gw.row(one.id)).outcome, 'shutdown');
    return eventually(() => gw.exited, { what: 'the exit' });
  });
