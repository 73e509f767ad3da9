// The configuration file: every error at once with its place, seed and managed, reload without loss.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Gateway, gproxy, SLOW, tempDir } from './lib/gateway.js';
import { Upstream, UPSTREAM_KEYS, answerWell } from './lib/upstream.js';
import { chat } from './lib/dialects.js';
import { KEYS, newId, newModel, standardConfig } from './lib/rig.js';
import { call, Conn, eventually } from './lib/client.js';

const dir = tempDir();
test.after(() => rmSync(dir, { recursive: true, force: true }));

let serial = 0;

function check(text, { env, name = `c${++serial}.yaml` } = {}) {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  const r = gproxy(['check', '--config', file], { env, cwd: dir });
  const output = r.stdout + r.stderr;
  const places = [...output.matchAll(/([^\s:]*\.yaml):(\d+):(\d+):?\s*(.*)/g)].map((m) => ({ line: Number(m[2]), column: Number(m[3]), text: m[4] }));
  return { ...r, output, places, file };
}

const GOOD = `# a comment
config: { mode: managed }
server: { host: 127.0.0.1, port: 8787 }
providers:
  - name: openai
    channel: openai
    settings: { base_url: "https://api.openai.com" }
    credentials:
      - { label: main, secret: { api_key: "\${OPENAI_API_KEY:-sk-default}" }, weight: 100 }
    models:
      - { id: gpt-5.4-mini, price: { input: "0.75", output: "4.50", cache_read: "0.075" } }
  - { name: mine, channel: custom, settings: { base_url: "http://127.0.0.1:1/v1/" }, credentials: [ { secret: { api_key: x } } ], models: [ { id: llama-4 } ] }
aliases:
  - name: fast
    strategy: failover
    targets: [ { provider: openai, model: gpt-5.4-mini, tier: 0 }, { provider: mine, model: llama-4, tier: 1 } ]
users:
  - name: alice@example.com
    admin: true
    password: "a password"
    keys:
      - { label: laptop, key: "sk-check-0000000000001", expires_at: "2027-01-01T00:00:00Z" }
    permissions: [ { models: "*" }, { provider: mine, models: "llama-*" } ]
settings: { max_body_bytes: 1048576 }
`;

describe('gproxy check', () => {
  test('a good file: exit 0', () => {
    const r = check(GOOD);
    assert.equal(r.code, 0, r.output);
    assert.ok(!r.output.includes('sk-check-0000000000001') && !r.output.includes('sk-default'), 'no secret is shown');
  });

  test('the same as JSON, which is YAML', () => {
    const r = check(JSON.stringify(standardConfig({ url: 'http://127.0.0.1:1' }), null, 2));
    assert.equal(r.code, 0, r.output);
  });

  test('every error at once, each with file, line and column; exit 2', () => {
    const r = check(`config: { mode: managed }
providers:
  - name: openai
    channel: opnai
    colour: red
    credentials:
      - { secret: { api_key: "k" }, weight: heavy }
    models:
      - { id: m, price: { input: "cheap" } }
  - name: v1
    channel: openai
  - { channel: openai }
aliases:
  - name: fast
    targets: [ { provider: nobody, model: x } ]
users:
  - name: "bad name!"
    keys: [ { label: a, key: "\${NOT_SET_ANYWHERE_9}" } ]
    permissions: [ { models: [] } ]
  - name: bob
    enabled: perhaps
    keys: [ { label: b, key: "sk-bob-00000000000000", expires_at: "next year" } ]
settings: { max_body_bytes: "lots" }
surprise: 1
`);
    assert.equal(r.code, 2, r.output);
    const lines = new Map(r.places.map((p) => [p.line, p]));
    for (const [line, what] of [
      [4, /opnai/],
      [5, /colour/],
      [7, /weight/],
      [9, /price|input|cheap/],
      [10, /v1/],
      [12, /name/],
      [15, /nobody/],
      [17, /name/],
      [18, /NOT_SET_ANYWHERE_9/],
      [19, /models/],
      [21, /enabled/],
      [22, /expires_at/],
      [23, /max_body_bytes/],
      [24, /surprise/],
    ]) {
      const p = lines.get(line);
      assert.ok(p, `line ${line} (${what}) is reported:\n${r.output}`);
      assert.match(p.text, what);
      assert.ok(p.column > 0);
    }
    assert.ok(r.output.includes(r.file) || r.output.includes(path.basename(r.file)), 'the file is named');
  });

  test('columns point', () => {
    const r = check('config: { mode: managed }\nproviders:\n  - { name: openai, channel: nope }\n');
    assert.equal(r.code, 2);
    const { line, column } = r.places[0];
    assert.equal(line, 3);
    assert.ok(column === 21 || column === 30, `column ${column} is the key's or the value's`);
  });

  const BAD = {
    'a tab for indentation': 'providers:\n\t- name: x\n',
    'an unclosed bracket': 'providers: [ { name: x }\nusers: []\n',
    'an unclosed quote': 'users:\n  - name: "x\n',
    'the same key twice': 'config: { mode: seed }\nconfig: { mode: managed }\n',
    'a key twice in a row': 'users:\n  - name: x\n    name: y\n',
    'two users of one name': 'users:\n  - name: x\n  - name: x\n',
    'two providers of one name': 'providers:\n  - { name: x, channel: echo }\n  - { name: x, channel: echo }\n',
    'one key text twice': 'users:\n  - name: x\n    keys: [ { label: a, key: sk-same-00000000001 } ]\n  - name: y\n    keys: [ { label: b, key: sk-same-00000000001 } ]\n',
    'a list for a map': '- 1\n- 2\n',
    'a scalar for a list': 'providers: yes\n',
    'an unknown mode': 'config: { mode: maybe }\n',
    'an unknown setting of the channel': 'providers:\n  - { name: x, channel: openai, settings: { base_ulr: "http://h" } }\n',
    'a base URL of another scheme': 'providers:\n  - { name: x, channel: openai, settings: { base_url: "ftp://host/" } }\n',
    'a base URL with credentials': 'providers:\n  - { name: x, channel: openai, settings: { base_url: "https://a:b@host/" } }\n',
    'a base URL without a host': 'providers:\n  - { name: x, channel: openai, settings: { base_url: "https:///v1" } }\n',
    'a custom provider without a base URL': 'providers:\n  - { name: x, channel: custom }\n',
    'a reserved name': 'providers:\n  - { name: admin, channel: echo }\n',
    'a negative weight': 'providers:\n  - { name: x, channel: openai, credentials: [ { secret: { api_key: k }, weight: -1 } ] }\n',
    'a number that is too large': 'providers:\n  - { name: x, channel: openai, credentials: [ { secret: { api_key: k }, weight: 99999999999999999999 } ] }\n',
    'a variable that is not closed': 'users:\n  - name: "${UNCLOSED"\n',
    'a target without a provider': 'aliases:\n  - { name: a, targets: [ { model: m } ] }\n',
    'a permission on a provider that is not there': 'users:\n  - name: x\n    permissions: [ { provider: nobody, models: "*" } ]\n',
    'a file that is not there': 'users:\n  - name: x\n    password: "file:/nonexistent/secret"\n',
    'invalid UTF-8': Buffer.from('users:\n  - name: "a\xff"\n', 'latin1'),
  };
  for (const [what, text] of Object.entries(BAD))
    test(`${what}: exit 2 and its place`, () => {
      const r = check(text);
      assert.equal(r.code, 2, r.output);
      assert.ok(r.places.length >= 1, r.output);
    });

  test('a file that does not exist', () => {
    const r = gproxy(['check', '--config', path.join(dir, 'nowhere.yaml')], { cwd: dir });
    assert.equal(r.code, 2);
    assert.match(r.stdout + r.stderr, /nowhere\.yaml/);
  });

  test('anchors that explode stay bounded', () => {
    let text = 'a0: &a0 ["x","x","x","x","x","x","x","x","x"]\n';
    for (let i = 1; i < 12; i++) text += `a${i}: &a${i} [${Array(9).fill(`*a${i - 1}`).join(',')}]\n`;
    const start = Date.now();
    assert.equal(check(text).code, 2);
    assert.ok(Date.now() - start < 5000 * SLOW);
  });

  test('deep nesting stays bounded', () => {
    assert.equal(check(`users: ${'['.repeat(100000)}`).code, 2);
  });

  test('what later versions have is refused, each with its place', () => {
    const r = check(`providers:
  - name: openai
    channel: openai
    strategy: sticky
    credentials: [ { secret: { api_key: k }, rpm: 60 } ]
    models: [ { id: m, capabilities: [vision] } ]
aliases: [ { name: a, strategy: fastest } ]
`);
    assert.equal(r.code, 2, r.output);
    assert.deepEqual(r.places.map((p) => p.line), [4, 5, 6, 7], r.output);
    for (const p of r.places) assert.match(p.text, /not supported by this version/);
  });

  test('errors of `server` and of the rest come together, whichever command meets them', () => {
    const home = path.join(dir, 'together');
    mkdirSync(home);
    writeFileSync(path.join(home, 'gproxy.yaml'), 'server: { port: many }\nusers:\n  - { name: x, colour: red }\n');
    for (const args of [['check'], ['check', '--config', 'gproxy.yaml'], ['serve'], ['import', 'gproxy.yaml']]) {
      const r = gproxy(args, { cwd: home });
      assert.equal(r.code, 2, args.join(' '));
      assert.match(r.stderr, /gproxy\.yaml:1:\d+: port.*[^]*gproxy\.yaml:3:\d+: .*colour/, args.join(' '));
    }
    assert.deepEqual(readdirSync(home), ['gproxy.yaml'], 'nothing was made');
  });

  test('import does not show a generated key to a pipe', () => {
    const data = path.join(dir, 'imported');
    const file = path.join(dir, 'imported.yaml');
    writeFileSync(file, 'users: [ { name: x, keys: [ { label: a } ] } ]\n');
    const r = gproxy(['import', file, '--data-dir', data], { cwd: dir });
    assert.equal(r.code, 0, r.stderr);
    assert.doesNotMatch(r.stdout + r.stderr, /gp-[A-Za-z0-9]{20}/);
    const [, named] = /they are in (\S+)/.exec(r.stderr);
    assert.equal(statSync(named).mode & 0o777, 0o600);
    assert.match(readFileSync(named, 'utf8'), /New key of x, a.*gp-[A-Za-z0-9]{40}/);
  });

  test('serve refuses a broken file the same way and applies nothing', () => {
    const data = path.join(dir, 'refused');
    const file = path.join(dir, 'refused.yaml');
    writeFileSync(file, 'config: { mode: managed }\nusers:\n  - { name: x, colour: red }\n  - { name: y, size: 3 }\n');
    const r = gproxy(['serve', '--port', '0', '--config', file, '--data-dir', data], { cwd: dir });
    assert.equal(r.code, 2, r.stdout + r.stderr);
    assert.match(r.stdout + r.stderr, /refused\.yaml:3:\d+/);
    assert.match(r.stdout + r.stderr, /refused\.yaml:4:\d+/);
  });
});

// ---- a running gateway ---------------------------------------------------------

const userWith = (name, key, models = '*') => ({ name, keys: [{ label: 'k', key }], permissions: [{ models }] });
const K1 = 'sk-config-one-0000000001';
const K2 = 'sk-config-two-0000000002';

function configOf(up, mode, users, extra = {}) {
  const base = standardConfig(up);
  return { ...base, config: { mode }, users, ...extra };
}

const status = async (gw, key, model = 'fast') =>
  (await call(gw, { path: '/v1/chat/completions', headers: chat.auth(key), body: chat.body(model) })).status;

describe('modes', () => {
  let up;
  test.before(async () => (up = await Upstream.start()));
  test.after(() => up.stop());

  test('seed fills an empty database once', async (t) => {
    const gw = await Gateway.start({ t, config: configOf(up, 'seed', [userWith('a', K1)]) });
    assert.equal(await status(gw, K1), 200);
    gw.writeConfig(configOf(up, 'seed', [userWith('b', K2)]));
    await gw.restart();
    assert.equal(await status(gw, K1), 200, 'still there');
    assert.equal(await status(gw, K2), 401, 'not applied to a database that is not empty');
  });

  test('managed makes the file the truth: at start', async (t) => {
    const gw = await Gateway.start({ t, config: configOf(up, 'managed', [userWith('a', K1)]) });
    assert.equal(await status(gw, K1), 200);
    gw.writeConfig(configOf(up, 'managed', [userWith('b', K2)]));
    await gw.restart();
    assert.equal(await status(gw, K1), 401, 'gone from the file, gone');
    assert.equal(await status(gw, K2), 200);
  });

  for (const how of ['SIGHUP', 'file change'])
    test(`managed: ${how} is picked up within a second or so, running streams are untouched`, async (t) => {
      const gw = await Gateway.start({ t, config: configOf(up, 'managed', [userWith('a', K1)]) });
      const model = up.script(newModel('long'), (req, res) => answerWell(req, res, { pause: 100, words: Array(30).fill('w ') }));
      const conn = await Conn.open(gw);
      await conn.send({ path: '/openai/v1/chat/completions', headers: chat.auth(K1), body: chat.body(model, { stream: true }) });
      const begun = conn.answer({ until: (a) => a.body.length > 0 });
      const answer = await begun;
      gw.writeConfig(configOf(up, 'managed', [userWith('b', K2)]));
      if (how === 'SIGHUP') gw.signal('SIGHUP');
      await eventually(async () => (await status(gw, K2)) === 200, { timeout: (how === 'SIGHUP' ? 2000 : 6000) * SLOW, what: 'the new key works' });
      assert.equal(await status(gw, K1), 401, 'the old key does not');
      await conn.wait(answer);
      assert.ok(answer.complete);
      assert.equal(chat.streamText(answer.text), 'w '.repeat(30), 'the stream that ran went on under the old key');
      conn.close();
    });

  test('managed: a broken file applies nothing and says where', async (t) => {
    const gw = await Gateway.start({ t, config: configOf(up, 'managed', [userWith('a', K1)]) });
    gw.writeConfig('config: { mode: managed }\nusers:\n  - { name: b, colour: red }\n');
    gw.signal('SIGHUP');
    await eventually(() => /gproxy\.yaml:3:\d+/.test(gw.output), { what: 'the error is in the log' });
    assert.equal(await status(gw, K1), 200, 'what was, is');
    gw.writeConfig(configOf(up, 'managed', [userWith('a', K1), userWith('b', K2)]));
    gw.signal('SIGHUP');
    await eventually(async () => (await status(gw, K2)) === 200, { timeout: 3000 * SLOW, what: 'repaired, it applies' });
  });

  test('ten reloads under load: nothing fails', async (t) => {
    const gw = await Gateway.start({ t, config: configOf(up, 'managed', [userWith('a', K1)]) });
    let running = true;
    const bad = [];
    const load = Array.from({ length: 8 }, async (_, i) => {
      while (running) {
        const a = await call(gw, { path: '/v1/chat/completions', headers: chat.auth(K1), body: chat.body('fast', { stream: i % 2 === 0 }) });
        if (a.status !== 200 || !a.complete) bad.push(`${a.status} ${a.text.slice(0, 100)}`);
      }
    });
    for (let i = 0; i < 10; i++) {
      const key = `sk-config-reload-00000${i}`;
      gw.writeConfig(configOf(up, 'managed', [userWith('a', K1), userWith('b', key)]));
      gw.signal('SIGHUP');
      await eventually(async () => (await status(gw, key)) === 200, { timeout: 2000 * SLOW, what: `reload ${i}` });
    }
    running = false;
    await Promise.all(load);
    assert.deepEqual(bad, []);
  });

  test('aliases and models change with the file, rows keep the old names', async (t) => {
    const base = configOf(up, 'managed', [userWith('a', K1)]);
    const gw = await Gateway.start({ t, config: base });
    const id = newId('cfg');
    await call(gw, { path: '/v1/chat/completions', headers: { ...chat.auth(K1), 'x-client-request-id': id }, body: chat.body('fast') });
    gw.writeConfig({ ...base, aliases: [{ name: 'swift', targets: [{ provider: 'openai', model: 'gpt-test' }] }] });
    gw.signal('SIGHUP');
    await eventually(async () => (await status(gw, K1, 'swift')) === 200, { timeout: 2000 * SLOW });
    assert.equal(await status(gw, K1, 'fast'), 404);
    assert.equal((await gw.row(id)).alias, 'fast');
  });
});

describe('values from elsewhere, and secrets at rest', () => {
  let up;
  test.before(async () => (up = await Upstream.start()));
  test.after(() => up.stop());

  test('${NAME}, ${NAME:-default} and file:', async (t) => {
    const home = path.join(dir, 'home');
    mkdirSync(home, { recursive: true });
    const secretFile = path.join(home, 'upstream.key');
    writeFileSync(secretFile, `${UPSTREAM_KEYS.openai}\n`, { mode: 0o600 });
    const config = `config: { mode: managed }
providers:
  - name: openai
    channel: openai
    settings: { base_url: "\${UP_URL}" }
    credentials: [ { secret: { api_key: "file:${secretFile}" } } ]
    models: [ { id: gpt-test } ]
users:
  - name: "\${WHO:-somebody}"
    keys: [ { label: k, key: "\${MY_KEY}" }, { label: d, key: "\${OTHER_KEY:-${K2}}" } ]
    permissions: [ { models: "*" } ]
`;
    const gw = await Gateway.start({ t, config, env: { UP_URL: up.url, MY_KEY: K1 } });
    const id = newId('env');
    const a = await call(gw, { path: '/v1/chat/completions', headers: { ...chat.auth(K1), 'x-client-request-id': id }, body: chat.body('gpt-test') });
    assert.equal(a.status, 200, a.text);
    assert.equal(await status(gw, K2, 'gpt-test'), 200, 'the default');
    assert.deepEqual(up.problems, [], 'the key from the file reached the vendor');
    assert.equal((await gw.row(id)).user, 'somebody');
  });

  test('no secret stands in the data directory in clear', async (t) => {
    const gw = await Gateway.start({ t, config: configOf(up, 'seed', [{ ...userWith('a', KEYS.alice), password: 'open-sesame-77' }]) });
    assert.equal(await status(gw, KEYS.alice), 200);
    await gw.rows(undefined, 1).catch(() => {});
    const walk = (d) => readdirSync(d, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(path.join(d, e.name)) : [path.join(d, e.name)]));
    for (const file of walk(gw.dataDir)) {
      const bytes = readFileSync(file, 'latin1');
      for (const secret of [...Object.values(UPSTREAM_KEYS), KEYS.alice, 'open-sesame-77']) assert.ok(!bytes.includes(secret), `${secret} in ${file}`);
      assert.equal(statSync(file).mode & 0o077, 0, `${file} is for its owner only`);
    }
    assert.equal(statSync(gw.dataDir).mode & 0o077, 0, 'so is the directory');
  });

  test('flags beat environment beats file', async (t) => {
    const config = { ...configOf(up, 'seed', [userWith('a', K1)]), server: { host: '127.0.0.1', port: 1 } };
    const gw = await Gateway.start({ t, config, env: { GPROXY_PORT: '2' } });
    assert.equal(await status(gw, K1), 200);
  });
});

test('a key is narrowed, never widened, by its own permissions', async (t) => {
  const up = await Upstream.start();
  t.after(() => up.stop());
  const users = [{ name: 'a', keys: [{ label: 'k', key: K1, permissions: [{ models: '*' }] }], permissions: [{ models: 'gpt-*' }] }];
  const gw = await Gateway.start({ t, config: configOf(up, 'managed', users) });
  assert.equal(await status(gw, K1, 'gpt-test'), 200);
  assert.equal(await status(gw, K1, 'fast'), 403);
});

test('credentials take turns by weight; the one of weight 0 is for when the others fail', async (t) => {
  const up = await Upstream.start();
  t.after(() => up.stop());
  const credentials = [['spare', 0], ['often', 3], ['seldom', 1]].map(([label, weight]) => ({ label, weight, secret: { api_key: `sk-${label}` } }));
  const provider = { name: 'p', channel: 'custom', settings: { base_url: up.url, dialect: 'openai' }, credentials };
  const gw = await Gateway.start({ t, config: configOf(up, 'managed', [userWith('a', K1)], { providers: [provider], aliases: [] }) });
  const used = [];
  const keyOf = (req) => req.header('authorization').replace('Bearer sk-', '');
  const good = up.script(newModel('turns'), (req, res) => (used.push(keyOf(req)), answerWell(req, res)));
  for (let i = 0; i < 8; i++) assert.equal(await status(gw, K1, `p/${good}`), 200);
  assert.equal(used.filter((k) => k === 'often').length, 6, used.join(' '));
  assert.equal(used.filter((k) => k === 'seldom').length, 2, used.join(' '));

  used.length = 0;
  const bad = up.script(newModel('turns'), (req, res) => {
    used.push(keyOf(req));
    return keyOf(req) === 'spare' ? answerWell(req, res) : res.json(401, { error: { message: 'no' } });
  });
  assert.equal(await status(gw, K1, `p/${bad}`), 200);
  assert.equal(used.at(-1), 'spare');
  assert.deepEqual([...used].sort(), ['often', 'seldom', 'spare']);

  assert.equal((await call(gw, { path: '/p/v1/responses', headers: chat.auth(K1), body: { model: good, input: 'x' } })).status, 200, 'openai is the whole family');
  assert.equal((await call(gw, { path: '/p/v1/messages', headers: { 'x-api-key': K1 }, body: { model: good, max_tokens: 5, messages: [{ role: 'user', content: 'x' }] } })).status, 200, 'others are translated');
});
