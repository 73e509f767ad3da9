// storage.js - what happens to disks and databases, done to a running gateway on purpose.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { call, eventually } from './client.js';
import { SLOW } from './gateway.js';

export const dbFile = (gw) => path.join(gw.dataDir, 'gproxy.db');

// Another program that holds the write lock until close().
export function lockDatabase(gw) {
  const db = new DatabaseSync(dbFile(gw), { timeout: 10000 });
  db.exec('BEGIN IMMEDIATE');
  return db;
}

export function checkIntegrity(gw) {
  const db = new DatabaseSync(dbFile(gw), { readOnly: true, timeout: 5000 });
  try {
    assert.deepEqual(db.prepare('PRAGMA integrity_check').all().map((r) => r.integrity_check), ['ok']);
  } finally {
    db.close();
  }
}

// Puts the database and its helpers elsewhere, or back.
export function moveDatabase(from, to) {
  mkdirSync(to, { recursive: true });
  for (const suffix of ['', '-wal', '-shm']) {
    const name = `gproxy.db${suffix}`;
    if (existsSync(path.join(from, name))) renameSync(path.join(from, name), path.join(to, name));
  }
}

// The numbers of /metrics; labels stay in the name.
export async function metrics(gw) {
  const a = await call(gw, { method: 'GET', path: '/metrics' });
  assert.equal(a.status, 200);
  return Object.fromEntries(
    a.text.split('\n').filter((l) => l && !l.startsWith('#')).map((l) => {
      const at = l.lastIndexOf(' ');
      return [l.slice(0, at), Number(l.slice(at + 1))];
    }),
  );
}

export const isReady = async (gw) => (await call(gw, { method: 'GET', path: '/readyz' })).status === 200;

// The ledger has taken in all that waited.
export const caughtUp = (gw) =>
  eventually(
    async () => {
      const m = await metrics(gw);
      return m.gproxy_ledger_lag_records === 0 && m.gproxy_ledger_spilled_bytes === 0;
    },
    { timeout: 10000 * SLOW, every: 50, what: 'the ledger has caught up' },
  );

export const logged = (gw, event) => gw.output.split('\n').filter((l) => l.includes(`"${event}"`));

// No file of the process may grow any more, or as it likes again; false where that cannot be done.
export function limitFiles(gw, bytes) {
  const r = spawnSync('prlimit', [`--pid=${gw.pid}`, `--fsize=${bytes}:`]);
  return !r.error && r.status === 0;
}

// Ids of requests, each with exactly one row: the rows.
export function rowsOf(gw, ids) {
  const all = Map.groupBy(gw.usageRows(), (r) => r.client_request_id);
  return ids.map((id) => {
    const mine = all.get(id) ?? [];
    assert.equal(mine.length, 1, `${id}: ${mine.length} rows (${mine.map((r) => r.outcome)})`);
    return mine[0];
  });
}
