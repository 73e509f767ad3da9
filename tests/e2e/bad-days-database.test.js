// The database is locked, moved away, replaced or read-only: requests go on, and no row is lost or doubled.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { KEYS } from './lib/rig.js';
import { USAGE, WORDS } from './lib/dialects.js';
import { eventually, sleep } from './lib/client.js';
import { BIN, Gateway, SLOW, gproxy, tempDir } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { PAIRS, Trial, checkRow, config } from './lib/bad-days.js';
import { caughtUp, checkIntegrity, dbFile, isReady, lockDatabase, logged, metrics, moveDatabase, rowsOf } from './lib/storage.js';

let up;
test.before(async () => (up = await Upstream.start()));
test.after(async () => {
  assert.deepEqual([...new Set(up.problems)], []);
  await up.stop();
});

const start = async (t, options = {}) => ({ up, gw: await Gateway.start({ t, config: config(up), args: ['--workers', '2'], ...options }) });

// One answered request of every pair, each within a second: [trial].
async function serveAll(rig) {
  const trials = PAIRS.map((pair, i) => new Trial(rig, pair, { stream: i % 2 === 0 }));
  await Promise.all(
    trials.map(async (one) => {
      const began = Date.now();
      const a = await one.call();
      assert.equal(a.status, 200, a.text);
      assert.equal(one.stream ? one.d.streamText(a.text) : one.d.text(a.json), WORDS.join(''));
      assert.ok(Date.now() - began < 1000 * SLOW, `${Date.now() - began} ms while the database is away`);
    }),
  );
  return trials;
}

// Every one of them has its row, as if nothing had been; the database is whole.
async function checkAll(rig, trials) {
  await caughtUp(rig.gw);
  const rows = rowsOf(rig.gw, trials.map((one) => one.id));
  for (const [i, row] of rows.entries()) checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: trials[i].u.dialect });
  checkIntegrity(rig.gw);
}

function backup(gw, to) {
  const db = lockDatabase(gw);
  db.exec('COMMIT');
  db.exec(`VACUUM INTO '${to}'`);
  db.close();
}

const away = (gw) => eventually(() => logged(gw, 'ledger.away').length, { timeout: 5000 * SLOW, what: 'ledger.away' });

describe('locked', { concurrency: 3 }, () => {
  test('for longer than anybody’s patience, while it runs', async (t) => {
    const rig = await start(t);
    const trials = await serveAll(rig);
    await caughtUp(rig.gw);
    const lock = lockDatabase(rig.gw);
    try {
      trials.push(...(await serveAll(rig)));
      await away(rig.gw);
      const spilled = await eventually(async () => {
        const m = await metrics(rig.gw);
        return m.gproxy_ledger_spilled_bytes > 0 && m;
      }, { timeout: 5000 * SLOW, what: 'records in files' });
      assert.ok(spilled.gproxy_ledger_lag_records >= PAIRS.length);
      assert.ok(spilled.gproxy_ledger_errors_total > 0);
      assert.ok(await isReady(rig.gw), 'it is ready all the same');
      await sleep(process.env.E2E_LONG ? 20000 : 6000);
      trials.push(...(await serveAll(rig)));
      assert.ok((await metrics(rig.gw)).gproxy_ledger_lag_seconds >= 5);
    } finally {
      lock.close();
    }
    await checkAll(rig, trials);
    assert.equal(logged(rig.gw, 'ledger.away').length, 1, 'said once');
    assert.equal(logged(rig.gw, 'ledger.back').length, 1);
    assert.equal((await metrics(rig.gw)).gproxy_ledger_rows_total, trials.length);
  });

  test('at start, for longer: no start, a reason, and nothing is lost', async (t) => {
    const rig = await start(t);
    let lock = lockDatabase(rig.gw);
    const trials = await serveAll(rig);
    await rig.gw.kill9();
    const began = Date.now();
    rig.gw.launch();
    await rig.gw.gone;
    assert.equal(rig.gw.exited.code, 1);
    assert.match(rig.gw.stderr, /locked/);
    assert.ok(Date.now() - began < 20000 * SLOW);
    lock.close();
    await rig.gw.up();
    await checkAll(rig, trials);
    // A shorter while is waited for.
    await rig.gw.stop();
    lock = lockDatabase(rig.gw);
    setTimeout(() => lock.close(), 1500);
    await rig.gw.up();
    await checkAll(rig, [...trials, ...(await serveAll(rig))]);
  });

  test('while it is told to stop: it stops, and the next start has the rows', async (t) => {
    const rig = await start(t);
    const lock = lockDatabase(rig.gw);
    const trials = await serveAll(rig);
    const { code } = await rig.gw.stop();
    assert.equal(code, 0);
    assert.equal(logged(rig.gw, 'ledger.unflushed').length, 1);
    lock.close();
    await rig.gw.up();
    assert.equal(logged(rig.gw, 'ledger.replayed').length, 1);
    await checkAll(rig, trials);
  });
});

describe('gone', { concurrency: 3 }, () => {
  test('moved away and back', async (t) => {
    const rig = await start(t);
    const trials = await serveAll(rig);
    await caughtUp(rig.gw);
    const aside = path.join(rig.gw.dir, 'aside');
    moveDatabase(rig.gw.dataDir, aside);
    trials.push(...(await serveAll(rig)));
    await away(rig.gw);
    trials.push(...(await serveAll(rig)));
    assert.ok(await isReady(rig.gw));
    assert.ok(!readdirSync(rig.gw.dataDir).includes('gproxy.db'), 'no other one is made in its place');
    await eventually(() => logged(rig.gw, 'database.gone').length === 1, { what: 'it is said' });
    moveDatabase(aside, rig.gw.dataDir);
    await checkAll(rig, trials);
  });

  test('deleted, and its copy put in its place: rows go there, and changes are seen there', async (t) => {
    const rig = await start(t);
    const trials = await serveAll(rig);
    await caughtUp(rig.gw);
    const copy = path.join(rig.gw.dir, 'copy.db');
    backup(rig.gw, copy);
    for (const suffix of ['', '-wal', '-shm']) rmSync(dbFile(rig.gw) + suffix, { force: true });
    trials.push(...(await serveAll(rig)));
    await away(rig.gw);
    writeFileSync(dbFile(rig.gw), ''); // a copy that has just begun is no database yet
    await sleep(300);
    renameSync(copy, dbFile(rig.gw));
    trials.push(...(await serveAll(rig)));
    await checkAll(rig, trials);
    await eventually(() => logged(rig.gw, 'database.replaced').length, { what: 'it is said', timeout: 5000 * SLOW });
    assert.deepEqual([logged(rig.gw, 'database.gone').length, logged(rig.gw, 'database.replaced').length], [1, 1]);
    const id = /^\s*(\d+)\s/m.exec(gproxy(['key', 'list', '--data-dir', rig.gw.dataDir]).stdout)[1];
    assert.equal(gproxy(['key', 'disable', id, '--data-dir', rig.gw.dataDir]).code, 0);
    await eventually(async () => (await new Trial(rig, PAIRS[0]).call()).status === 401, { timeout: 3000 * SLOW, what: 'the key is disabled' });
    assert.equal(gproxy(['key', 'enable', id, '--data-dir', rig.gw.dataDir]).code, 0);
    await eventually(async () => (await new Trial(rig, PAIRS[0]).call()).status === 200, { timeout: 3000 * SLOW, what: 'and enabled' });
  });

  test('killed while it is away: the next start brings all of it', async (t) => {
    const rig = await start(t);
    const trials = await serveAll(rig);
    await caughtUp(rig.gw);
    const aside = path.join(rig.gw.dir, 'aside');
    moveDatabase(rig.gw.dataDir, aside);
    trials.push(...(await serveAll(rig)));
    await away(rig.gw);
    await eventually(async () => (await metrics(rig.gw)).gproxy_ledger_spilled_bytes > 0, { what: 'records in files' });
    trials.push(...(await serveAll(rig))); // these are in the ring
    await rig.gw.kill9();
    moveDatabase(aside, rig.gw.dataDir);
    await rig.gw.up();
    await checkAll(rig, trials);
  });
});

// Root may write what is read-only, so the gateway is somebody else then.
const NOBODY = { uid: 65534, gid: 65534 };
const isRoot = process.getuid() === 0;

function whyNot() {
  if (!isRoot) return false;
  const r = spawnSync(BIN, ['version'], NOBODY);
  return r.error || r.status !== 0 ? `uid ${NOBODY.uid} cannot run ${BIN}` : false;
}

describe('read-only', { concurrency: 2, skip: whyNot() }, () => {
  async function startOwned(t) {
    const dir = tempDir();
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    mkdirSync(path.join(dir, 'data'), { mode: 0o700 });
    for (const d of [dir, path.join(dir, 'data')]) if (isRoot) chownSync(d, NOBODY.uid, NOBODY.gid);
    return start(t, { dir, as: isRoot ? NOBODY : {} });
  }

  test('while it runs', async (t) => {
    const rig = await startOwned(t);
    const trials = await serveAll(rig);
    await caughtUp(rig.gw);
    // A connection that is open may write on: it is made to open the file again.
    const copy = path.join(rig.gw.dir, 'copy.db');
    backup(rig.gw, copy);
    if (isRoot) chownSync(copy, NOBODY.uid, NOBODY.gid);
    chmodSync(copy, 0o400);
    moveDatabase(rig.gw.dataDir, path.join(rig.gw.dir, 'aside'));
    trials.push(...(await serveAll(rig)));
    await away(rig.gw);
    renameSync(copy, dbFile(rig.gw));
    const before = (await metrics(rig.gw)).gproxy_ledger_errors_total;
    await eventually(async () => (await metrics(rig.gw)).gproxy_ledger_errors_total > before + 1, { timeout: 6000 * SLOW, what: 'it was tried again' });
    trials.push(...(await serveAll(rig)));
    assert.equal(logged(rig.gw, 'ledger.back').length, 0);
    assert.ok(await isReady(rig.gw));
    chmodSync(dbFile(rig.gw), 0o600);
    await checkAll(rig, trials);
  });

  test('at start: no start, a reason, and nothing is lost', async (t) => {
    const rig = await startOwned(t);
    const lock = lockDatabase(rig.gw);
    const trials = await serveAll(rig);
    await rig.gw.kill9();
    lock.close();
    const files = ['', '-wal', '-shm'].map((suffix) => dbFile(rig.gw) + suffix).filter((f) => existsSync(f));
    for (const f of files) chmodSync(f, 0o400);
    rig.gw.launch();
    await rig.gw.gone;
    assert.equal(rig.gw.exited.code, 1);
    assert.match(rig.gw.stderr, /gproxy\.db.*(read-?only|cannot be written|unable to open)/i);
    for (const f of files) chmodSync(f, 0o600);
    await rig.gw.up();
    await checkAll(rig, trials);
  });
});
