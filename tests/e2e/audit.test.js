// The audit log: every change of a row, whoever made it and however; and quotas put right by hand.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import os from 'node:os';
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { useRig, standardConfig, ask, KEYS } from './lib/rig.js';
import { chat } from './lib/dialects.js';
import { eventually } from './lib/client.js';
import { Gateway, gproxy, SLOW, tempDir } from './lib/gateway.js';
import { UPSTREAM_KEYS } from './lib/upstream.js';
import { readFileSync, rmSync } from 'node:fs';

const lines = (text) => text.split('\n').filter(Boolean).map((l) => JSON.parse(l));

function run(dir, ...args) {
  const r = gproxy([...args, '--data-dir', dir]);
  assert.equal(r.code, 0, `${args.join(' ')}: ${r.stderr}`);
  return r.stdout;
}

const audit = (dir, ...args) => lines(run(dir, 'audit', '--json', ...args));

test('the first start and what is typed', async (t) => {
  const gw = await Gateway.start({ t });
  const made = audit(gw.dataDir);
  assert.deepEqual(made.map((r) => [r.actor_kind, r.action, r.kind]).reverse(), [
    ['bootstrap', 'create', 'user'],
    ['bootstrap', 'create', 'key'],
    ['bootstrap', 'create', 'permission'],
    ['bootstrap', 'create', 'provider'],
    ['bootstrap', 'create', 'model'],
  ]);
  run(gw.dataDir, 'user', 'add', 'bob', '--models', '*', '--password', 'a-password-of-bob');
  run(gw.dataDir, 'key', 'add', 'bob', '--label', 'laptop', '--key', 'gp-thekeyofbobthekeyofbob');
  run(gw.dataDir, 'user', 'disable', 'bob');
  run(gw.dataDir, 'user', 'delete', 'bob');
  const [gone, off, key, , user] = audit(gw.dataDir, '--limit', '5');
  assert.deepEqual([user.action, user.kind, user.name], ['create', 'user', 'bob']);
  assert.match(user.after.password, /^sha256:[0-9a-f]{8}$/);
  assert.equal(user.actor_kind, 'cli');
  assert.ok(user.actor.length > 0);
  assert.equal(user.origin, os.hostname());
  assert.deepEqual([key.kind, key.name, key.after.prefix], ['key', 'laptop', 'gp-theke']);
  assert.match(key.after.digest, /^sha256:[0-9a-f]{8}$/);
  assert.deepEqual([off.before, off.after], [{ enabled: true }, { enabled: false }]);
  assert.equal(gone.action, 'delete');
  assert.equal(gone.before.name, 'bob');
  assert.ok(!('after' in gone));
  assert.match(gone.note, /1 key/);
  const everything = run(gw.dataDir, 'audit', '--limit', '1000');
  assert.ok(!everything.includes('a-password-of-bob') && !everything.includes('gp-thekeyofbob'));
  assert.equal(audit(gw.dataDir, '--kind', 'user').length, 4);
  assert.equal(audit(gw.dataDir, '--actor', 'gproxy').length, 5);
  assert.equal(audit(gw.dataDir, '--until', '1h').length, 0);
  const ids = [];
  for (let after; ; ) {
    const page = audit(gw.dataDir, '--limit', '2', ...(after ? ['--after', String(after)] : []));
    if (!page.length) break;
    ids.push(...page.map((r) => r.id));
    after = ids.at(-1);
  }
  assert.deepEqual(ids, audit(gw.dataDir).map((r) => r.id));
});

describe('the configuration file', () => {
  const rig = useRig();

  test('each row by the file, no secret of it', () => {
    const all = audit(rig.gw.dataDir, '--limit', '1000');
    const config = standardConfig(rig.up);
    assert.equal(all.filter((r) => r.kind === 'provider' && r.action === 'create').length, config.providers.length);
    assert.ok(all.every((r) => r.actor_kind === 'config' && r.actor === rig.gw.configFile));
    const text = JSON.stringify(all);
    for (const secret of [...Object.values(KEYS), ...Object.values(UPSTREAM_KEYS)]) assert.ok(!text.includes(secret), secret);
    assert.match(all.find((r) => r.kind === 'credential').after.secret, /^sha256:/);
  });

  test('a change of it: what changed and nothing else', async () => {
    const config = standardConfig(rig.up);
    config.providers[0].label = 'Renamed';
    config.providers[2].credentials[0].secret.api_key = 'sk-ant-another-key-0001';
    config.users.pop();
    const before = audit(rig.gw.dataDir, '--limit', '1')[0].id;
    rig.gw.writeConfig(config);
    const news = await eventually(() => {
      const fresh = audit(rig.gw.dataDir, '--limit', '100').filter((r) => r.id > before);
      return fresh.length >= 3 && fresh;
    }, { timeout: 5000 * SLOW, what: 'three changes' });
    assert.equal(news.length, 3, JSON.stringify(news));
    const of = (kind) => news.find((r) => r.kind === kind);
    assert.deepEqual([of('provider').before, of('provider').after], [{ label: null }, { label: 'Renamed' }]);
    assert.notEqual(of('credential').before.secret, of('credential').after.secret);
    assert.deepEqual(Object.keys(of('credential').after), ['secret']);
    assert.deepEqual([of('user').action, of('user').name], ['delete', 'nobody']);
    rig.gw.writeConfig(standardConfig(rig.up));
    await eventually(() => audit(rig.gw.dataDir, '--limit', '1')[0].id > news[0].id, { timeout: 5000 * SLOW, what: 'back again' });
  });

  test('an import that is refused leaves no line', () => {
    const dir = tempDir();
    const good = path.join(dir, 'good.yaml');
    const data = path.join(dir, 'data');
    writeFileSync(good, JSON.stringify({ users: [{ name: 'one' }] }));
    run(data, 'import', good);
    const [line] = audit(data);
    assert.deepEqual([line.actor_kind, line.name, line.note], ['cli', 'one', `import of ${good}`]);
    const bad = path.join(dir, 'bad.yaml');
    writeFileSync(bad, JSON.stringify({ users: [{ name: 'two' }, { name: 'three', keys: [{ key: KEYS.alice }, { key: KEYS.alice }] }] }));
    assert.notEqual(gproxy(['import', bad, '--data-dir', data]).code, 0);
    assert.equal(audit(data).length, 1);
    rmSync(dir, { recursive: true });
  });

  test('no secret in the bytes of the database', async () => {
    await rig.gw.stop();
    const bytes = readFileSync(path.join(rig.gw.dataDir, 'gproxy.db'));
    for (const secret of [...Object.values(KEYS), ...Object.values(UPSTREAM_KEYS), 'sk-ant-another-key-0001']) assert.ok(!bytes.includes(secret), secret);
    await rig.gw.up();
  });
});

describe('quotas', () => {
  const rig = useRig({
    config: (up) => {
      const config = standardConfig(up);
      config.config.mode = 'seed';
      config.users[0].quota = { usd: '0.0001', period: 'day' };
      config.users[1].keys[0].quota = { usd: '5' };
      return config;
    },
  });
  const quotas = (...args) => lines(run(rig.gw.dataDir, 'quota', 'list', '--json', ...args));
  const adjust = (...args) => gproxy(['quota', 'adjust', ...args, '--data-dir', rig.gw.dataDir]);

  test('what was spent, what is left, and more by hand', async () => {
    assert.deepEqual(quotas('alice'), [{ user: 'alice', period: 'day', usd: '0.0001', spent: '0', adjustment: '0', left: '0.0001' }]);
    const asked = { max_tokens: 9 };
    const first = await ask(rig, chat, asked);
    assert.equal(first.status, 200, first.text);
    const spent = await eventually(() => Number(quotas('alice')[0].spent) || null, { timeout: 8000 * SLOW, what: 'money spent' });
    let refused;
    for (let i = 0; i < 20 && !refused; i++) {
      const a = await ask(rig, chat, asked);
      if (a.status !== 200) refused = a;
    }
    assert.ok(refused, 'the quota ends');
    assert.ok([402, 429].includes(refused.status), refused.text);
    const r = adjust('alice', '--usd', '-1.00', '--reason', 'our fault');
    assert.equal(r.code, 0, r.stderr);
    await eventually(async () => (await ask(rig, chat, asked)).status === 200, { timeout: 5000 * SLOW, what: 'allowed again' });
    assert.equal(adjust('alice', '--usd', '0.25', '--reason', 'not all of it').code, 0);
    const [q] = quotas('alice');
    assert.equal(q.adjustment, '-0.75');
    assert.ok(Number(q.left) > 0.7 && Number(q.spent) >= spent);
    const [line, earlier] = audit(rig.gw.dataDir, '--kind', 'quota', '--limit', '2');
    assert.deepEqual([line.note, earlier.note], ['not all of it', 'our fault']);
    assert.deepEqual([line.before.adjustment, line.after.adjustment], ['-1', '-0.75']);
    assert.ok(line.after.adjusted_at);
  });

  test('of a key', () => {
    const key = quotas('lim')[0].key;
    assert.ok(key > 0);
    assert.equal(adjust('--key', String(key), '--usd', '2', '--reason', 'used elsewhere').code, 0);
    assert.equal(quotas('lim')[0].left, '3');
    assert.match(run(rig.gw.dataDir, 'quota', 'list', 'lim'), /lim .* total .* 3$/m);
  });

  test('what is not right is told', () => {
    assert.equal(adjust('alice', '--usd', '1').code, 2, 'a reason is wanted');
    assert.equal(adjust('--usd', '1', '--reason', 'x').code, 2);
    assert.equal(adjust('alice', '--key', '1', '--usd', '1', '--reason', 'x').code, 2);
    assert.equal(adjust('alice', '--usd', '1e3', '--reason', 'x').code, 2);
    assert.equal(adjust('alice', '--usd', '1', '--period', 'year', '--reason', 'x').code, 2);
    assert.equal(adjust('alice', '--usd', '1', '--period', 'week', '--reason', 'x').code, 1);
    assert.equal(adjust('nobody', '--usd', '1', '--reason', 'x').code, 1);
    assert.equal(adjust('zoe', '--usd', '1', '--reason', 'x').code, 1);
  });
});

test('a day of lines is kept for a day', async (t) => {
  const gw = await Gateway.start({ t, config: { config: { mode: 'managed' }, settings: { retention: { audit_days: 1, usage_days: 1 } }, users: [{ name: 'one' }] } });
  const before = audit(gw.dataDir).map((r) => r.id);
  assert.ok(before.length >= 2);
  await gw.restart(); // it looks for old ones, and there are none
  assert.deepEqual(audit(gw.dataDir).map((r) => r.id), before);
});
