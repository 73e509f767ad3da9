// A disk that fails now and then, or altogether, and then does not any more: no row lost, none doubled.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { USAGE } from './lib/dialects.js';
import { eventually, sleep } from './lib/client.js';
import { Gateway, SLOW, tempDir } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { PAIRS, Trial, checkRow, config } from './lib/bad-days.js';
import { caughtUp, checkIntegrity, isReady, logged, metrics, rowsOf } from './lib/storage.js';

const dir = tempDir();
const file = path.join(dir, 'rate');
const shim = path.join(dir, 'flaky.so');
writeFileSync(file, Buffer.alloc(4));
const fd = openSync(file, 'r+');

// So many of a thousand calls fail.
function flaky(rate) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(rate);
  writeSync(fd, bytes, 0, 4, 0);
}

let up, cannot;
const start = (t, server = {}) => Gateway.start({ t, config: config(up, { server }), args: ['--workers', '2'], env: { LD_PRELOAD: shim, FLAKY_FILE: file } });

before(async () => {
  up = await Upstream.start();
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, path.join(import.meta.dirname, 'lib/flaky.c'), '-ldl'], { stdio: 'pipe' });
    const gw = await start();
    const rig = { up, gw };
    flaky(1000);
    assert.equal((await new Trial(rig, PAIRS[0]).call()).status, 200);
    await eventually(() => logged(gw, 'ledger.away').length, { timeout: 3000 * SLOW, what: 'a disk that fails' }).catch(() => {
      cannot = 'the disk of this binary cannot be made to fail';
    });
    flaky(0);
    await gw.end();
  } catch (e) {
    cannot = `no disk to fail: ${String(e.stderr || e.message).slice(0, 200)}`;
  }
  flaky(0);
});
after(async () => {
  await up.stop();
  rmSync(dir, { recursive: true, force: true });
});

// Requests for a while, each answered as if nothing were: [trial].
async function load(rig, ms) {
  const trials = [];
  const end = Date.now() + ms;
  const client = async () => {
    while (Date.now() < end) {
      const one = new Trial(rig, PAIRS[trials.length % PAIRS.length], { stream: trials.length % 3 > 0 });
      trials.push(one);
      const began = Date.now();
      const a = await one.call();
      assert.equal(a.status, 200, a.text);
      assert.ok(Date.now() - began < 1000 * SLOW, `${Date.now() - began} ms`);
      await sleep(5);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return trials;
}

async function checkAll(rig, trials) {
  await caughtUp(rig.gw);
  const rows = rowsOf(rig.gw, trials.map((one) => one.id));
  for (const [i, row] of rows.entries()) checkRow(row, { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: trials[i].u.dialect });
  assert.equal(rig.gw.usageRows().length, trials.length);
  checkIntegrity(rig.gw);
}

for (const rate of [20, 200, 1000])
  test(`${rate / 10} of a hundred writes and syncs fail`, async (t) => {
    if (cannot) return t.skip(cannot);
    const rig = { up, gw: await start(t) };
    const trials = await load(rig, 300);
    flaky(rate);
    trials.push(...(await load(rig, 2500)));
    assert.ok(await isReady(rig.gw));
    if (rate >= 200) assert.ok((await metrics(rig.gw)).gproxy_ledger_errors_total > 0);
    flaky(0);
    trials.push(...(await load(rig, 300)));
    await checkAll(rig, trials);
    const left = readdirSync(path.join(rig.gw.dataDir, 'journal')).filter((f) => /damaged|spill/.test(f));
    return assert.deepEqual(left, [], 'nothing was damaged, nothing stays');
  });

test('and it is killed there', async (t) => {
  if (cannot) return t.skip(cannot);
  const rig = { up, gw: await start(t) };
  const trials = [];
  for (let round = 0; round < 3; round++) {
    flaky([50, 300, 1000][round]);
    trials.push(...(await load(rig, 1500)));
    await rig.gw.kill9();
    flaky(0);
    await rig.gw.up();
    await checkAll(rig, trials);
  }
  return undefined;
});
