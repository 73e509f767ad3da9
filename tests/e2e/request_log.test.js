// The request log: what was on the wire on both sides and of each attempt, without secrets,
// as much as the settings ask for, and no more of it than they allow.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { useRig, standardConfig, ask, assertHealthy, newId, newModel, KEYS, TIMEOUTS } from './lib/rig.js';
import { chat, anthropic, gemini } from './lib/dialects.js';
import { call, Conn, eventually, sleep } from './lib/client.js';
import { Gateway, gproxy, SLOW } from './lib/gateway.js';
import { limitFiles, metrics } from './lib/storage.js';
import { UPSTREAM_KEYS, answerWell } from './lib/upstream.js';

const settings = (downstream, upstream, more = {}) => ({ request_log: { downstream, upstream, ...more } });

function config(up, log) {
  const c = standardConfig(up, { timeouts: TIMEOUTS, extra: { settings: log } });
  c.aliases.push({
    name: 'twice',
    targets: [
      { provider: 'openai', model: 'gpt-first', tier: 0 },
      { provider: 'openai2', model: 'gpt-other', tier: 1 },
    ],
  });
  return c;
}

const lines = (text) => text.split('\n').filter(Boolean).map((l) => JSON.parse(l));

function log(gw, ...args) {
  const r = gproxy(['log', ...args, '--json', '--data-dir', gw.dataDir]);
  if (r.code !== 0) throw new Error(`gproxy log ${args.join(' ')}: ${r.code} ${r.stderr}`);
  return lines(r.stdout);
}

// The exchange and its attempts, once they are written.
function shown(gw, id) {
  return eventually(
    () => {
      const r = gproxy(['log', 'show', id, '--json', '--data-dir', gw.dataDir]);
      return r.code === 0 && lines(r.stdout);
    },
    { timeout: 8000 * SLOW, every: 50, what: `log of ${id}` },
  );
}

// The bytes of all files of the log.
function bytes(gw) {
  return Buffer.concat(
    readdirSync(gw.dataDir)
      .filter((n) => n.startsWith('requests.db'))
      .map((n) => readFileSync(path.join(gw.dataDir, n))),
  );
}

describe('with bodies', () => {
  const rig = useRig({ config: (up) => config(up, settings('bodies', 'bodies')) });

  test('a chat: both sides as they were on the wire', async () => {
    const a = await ask(rig, chat, { text: 'What is logged?' });
    assert.equal(a.status, 200);
    const [x, attempt, ...more] = await shown(rig.gw, a.requestId);
    assert.equal(more.length, 0);
    assert.equal(x.number, 0);
    assert.equal(x.method, 'POST');
    assert.equal(x.target, '/v1/chat/completions');
    assert.equal(x.user, 'alice');
    assert.equal(x.key, 'laptop');
    assert.equal(x.peer, '127.0.0.1');
    assert.equal(x.model, 'openai/gpt-test');
    assert.equal(x.provider, 'openai');
    assert.equal(x.status, 200);
    assert.equal(x.outcome, 'ok');
    assert.equal(x.err, '');
    assert.equal(x.attempts, 1);
    assert.deepEqual(JSON.parse(x.request), chat.body('openai/gpt-test', { text: 'What is logged?' }));
    assert.equal(x.response, a.text);
    assert.equal(x.response_bytes, a.body.length);
    assert.match(x.request_head, /^authorization: \*\*\*$/m);
    assert.match(x.response_head, /^content-type: application\/json$/m);
    assert.ok(x.total_ms >= x.first_byte_ms && x.first_byte_ms >= x.connect_ms && x.queue_ms >= 0, JSON.stringify(x));
    assert.equal(attempt.number, 1);
    assert.equal(attempt.target, `${rig.up.url}/v1/chat/completions`);
    assert.equal(attempt.status, 200);
    assert.equal(attempt.model, 'gpt-test');
    assert.equal(JSON.parse(attempt.request).model, 'gpt-test', 'after all shaping');
    assert.equal(JSON.parse(attempt.response).model, 'gpt-test', 'before all shaping');
    assert.match(attempt.request_head, /^authorization: \*\*\*$/m);
    assert.match(attempt.response_head, /^x-request-id: req_upstream1$/m);
    assert.ok(attempt.credential_id > 0);
  });

  test('a translated stream: upstream\'s dialect there, the client\'s here', async () => {
    const a = await ask(rig, chat, { model: 'anthropic/claude-test', stream: true });
    const [x, attempt] = await shown(rig.gw, a.requestId);
    assert.equal(x.response, a.text);
    assert.equal(x.stream, 1);
    assert.match(x.response, /data: \[DONE\]/);
    assert.equal(x.dialect, 'openai_chat');
    assert.equal(attempt.dialect, 'anthropic');
    assert.match(attempt.target, /\/v1\/messages$/);
    assert.match(attempt.response, /event: message_stop/);
    assert.ok(JSON.parse(attempt.request).max_tokens > 0);
  });

  test('failover: each attempt, with what it failed for', async () => {
    rig.up.script('gpt-first', (req, res) => res.json(503, chat.error(503, 'down for a while')));
    const a = await ask(rig, chat, { model: 'twice' });
    assert.equal(a.status, 200);
    const [x, first, second] = await shown(rig.gw, a.requestId);
    assert.equal(x.attempts, 2);
    assert.equal(x.provider, 'openai2');
    assert.equal(x.model, 'twice');
    assert.deepEqual([first.number, first.provider, first.status, first.err !== ''], [1, 'openai', 503, true]);
    assert.match(first.response, /down for a while/);
    assert.deepEqual([second.number, second.provider, second.status, second.err], [2, 'openai2', 200, '']);
    assert.equal(JSON.parse(first.request).model, 'gpt-first');
    assert.equal(JSON.parse(second.request).model, 'gpt-other');
  });

  test('an upstream that pauses: each round is an attempt', async () => {
    const model = newModel('claude-pauses');
    rig.up.script(model, (req, res) =>
      res.json(200, { ...anthropic.answer({ model }), ...(req.json.messages.length === 1 ? { stop_reason: 'pause_turn' } : {}) }),
    );
    const a = await ask(rig, chat, { model, scope: 'anthropic', web_search_options: {} });
    assert.equal(a.status, 200, a.text);
    const [x, first, second] = await shown(rig.gw, a.requestId);
    assert.equal(x.attempts, 2);
    assert.deepEqual([first.number, second.number], [1, 2]);
    assert.equal(JSON.parse(first.response).stop_reason, 'pause_turn');
    assert.equal(JSON.parse(second.request).messages.length, 2);
    assert.equal(JSON.parse(second.response).stop_reason, 'end_turn');
  });

  test('an upstream that cannot be reached has its attempt', async () => {
    const model = newModel();
    rig.up.script(model, (req, res) => res.rst());
    const a = await ask(rig, chat, { model, scope: 'openai' });
    assert.equal(a.status, 502);
    const [x, attempt] = await shown(rig.gw, a.requestId);
    assert.equal(x.status, 502);
    assert.equal(x.response, a.text);
    assert.ok(x.err && x.why);
    assert.equal(attempt.status, 0);
    assert.equal(attempt.first_byte_ms, -1);
    assert.ok(attempt.err);
  });

  test('a stream that breaks off: what came of it, on both sides', async () => {
    const model = newModel();
    rig.up.script(model, async (req, res) => {
      await res.stream();
      const frames = chat.frames({ model });
      await res.chunk(frames[0]);
      await res.chunk(frames[1]);
      res.rst();
    });
    const a = await ask(rig, chat, { model, scope: 'openai', stream: true });
    const [x, attempt] = await shown(rig.gw, a.requestId);
    assert.equal(x.outcome, 'upstream_cut');
    assert.equal(x.response, a.text);
    assert.match(x.response, /"error"/);
    assert.equal(attempt.response, chat.frames({ model }).slice(0, 2).join(''));
    assert.ok(attempt.err);
  });

  test('a client that leaves', async () => {
    const model = newModel();
    rig.up.script(model, async (req, res) => {
      await res.stream();
      await res.chunk(chat.frames({ model })[0]);
      await res.hang();
    });
    const conn = await Conn.open(rig.gw);
    await conn.send({ path: '/openai/v1/chat/completions', headers: chat.auth(KEYS.alice), body: chat.body(model, { stream: true }) });
    const a = await conn.answer({ until: (v) => v.body.length > 0 });
    conn.reset();
    const [x, attempt] = await shown(rig.gw, a.requestId);
    assert.equal(x.outcome, 'client_abort');
    assert.equal(x.response, a.text);
    assert.equal(attempt.response, chat.frames({ model })[0]);
  });

  test('requests that are refused here', async () => {
    const bad = await ask(rig, chat, { key: 'sk-client-unknown-0000000099' });
    assert.equal(bad.status, 401);
    const [x, ...none] = await shown(rig.gw, bad.requestId);
    assert.equal(none.length, 0);
    assert.equal(x.err, 'BAD_KEY');
    assert.equal(x.outcome, 'refused');
    assert.equal(x.user, '');
    assert.equal(x.response, bad.text);
    const broken = await call(rig.gw, { path: '/v1/chat/completions', headers: chat.auth(KEYS.alice), body: '{"model": ' });
    assert.equal(broken.status, 400);
    const [y] = await shown(rig.gw, broken.requestId);
    assert.equal(y.request, '{"model": ');
  });

  test('a body is kept to its cap, and says so', async () => {
    const text = 'x'.repeat(200000);
    const a = await ask(rig, chat, { text });
    const [x, attempt] = await shown(rig.gw, a.requestId);
    assert.equal(x.request.length, 65536);
    assert.equal(x.request_cut, 1);
    assert.ok(x.request_bytes > 200000);
    assert.equal(attempt.request.length, 65536);
    assert.equal(attempt.response_cut, 0);
  });

  test('lists: filters and pages', async () => {
    const wanted = [];
    for (let i = 0; i < 5; i++) wanted.unshift((await ask(rig, anthropic)).requestId);
    await shown(rig.gw, wanted[0]);
    wanted.sort().reverse(); // within a millisecond they have no order in time
    const all = log(rig.gw, 'list', '--provider', 'anthropic', '--model', 'anthropic/claude-test', '--status', '2xx', '--user', 'alice');
    assert.deepEqual(all.slice(0, 5).map((r) => r.id), wanted);
    assert.ok(!('request' in all[0]));
    const paged = [];
    for (let after; paged.length < 5; ) {
      const page = log(rig.gw, 'list', '--provider', 'anthropic', '--model', 'anthropic/claude-test', '--limit', '2', ...(after ? ['--after', after] : []));
      assert.ok(page.length > 0 && page.length <= 2);
      paged.push(...page.map((r) => r.id));
      after = paged.at(-1);
    }
    assert.deepEqual(paged.slice(0, 5), wanted);
    assert.equal(log(rig.gw, 'list', '--user', 'nobody').length, 0);
    assert.equal(log(rig.gw, 'list', '--until', '1h').length, 0);
    assert.ok(log(rig.gw, 'list', '--err', 'BAD_KEY').every((r) => r.status === 401));
    const human = gproxy(['log', 'list', '--data-dir', rig.gw.dataDir]);
    assert.equal(human.code, 0);
    assert.ok(human.stdout.includes(wanted[0]));
    const one = gproxy(['log', 'show', wanted[0], '--data-dir', rig.gw.dataDir]);
    assert.match(one.stdout, /=== attempt 1/);
    assert.equal(gproxy(['log', 'list', '--status', 'x', '--data-dir', rig.gw.dataDir]).code, 2);
    assert.equal(gproxy(['log', 'show', 'nonsense', '--data-dir', rig.gw.dataDir]).code, 1);
  });

  // Planted in every place that a client or an upstream has; looked for in the file's bytes and in
  // all that it unpacks to.
  test('no secret is ever written', async () => {
    const planted = [];
    const plant = (text) => (planted.push(text), text);
    const model = newModel();
    rig.up.script(model, (req, res) =>
      res.json(400, chat.error(400, `bad key ${UPSTREAM_KEYS.openai}, ${plant('sk-inanswer-0123456789')}`), { 'x-secret-thing': plant('topsecretvalue1'), 'x-note': plant('AIzaInHeader0123456') }),
    );
    const body = chat.body(model, { text: `my key is ${plant('sk-inbody-0123456789')} and ${plant('ghp_inbody0123456789')}`, metadata: { api_key: plant('0123456789abcdef0123') } });
    const a = await call(rig.gw, {
      path: `/openai/v1/chat/completions?key=${plant('inquery000000001')}&access_token=${plant('inquery000000002')}`,
      headers: { ...chat.auth(KEYS.alice), cookie: `a=${plant('incookie00000001')}`, 'x-my-token': plant('intoken000000001'), 'x-trace': plant('gp-intrace0123456789abcdef') },
      body,
    });
    const b = await call(rig.gw, { path: `/v1beta/models/gemini-test:generateContent?key=${KEYS.alice}`, body: gemini.body('gemini-test', {}) });
    assert.equal(b.status, 200, b.text);
    const c = await ask(rig, chat, { key: plant('sk-client-wrong-000000000000') });
    const rows = [...(await shown(rig.gw, a.requestId)), ...(await shown(rig.gw, b.requestId)), ...(await shown(rig.gw, c.requestId))];
    assert.ok(rows.length >= 5);
    const unpacked = JSON.stringify(rows);
    const raw = bytes(rig.gw);
    for (const secret of [...planted, ...Object.values(KEYS), ...Object.values(UPSTREAM_KEYS)]) {
      assert.ok(!unpacked.includes(secret), `${secret} is shown`);
      assert.ok(!raw.includes(secret), `${secret} is in the file`);
    }
    assert.ok(unpacked.includes('my key is *** and ***'), 'the rest is there');
    assert.ok(raw.includes('x-note'), 'the file was looked at');
    const rest = log(rig.gw, 'list', '--limit', '1000').flatMap((r) => log(rig.gw, 'show', r.id));
    for (const secret of [...Object.values(KEYS), ...Object.values(UPSTREAM_KEYS)]) assert.ok(!JSON.stringify(rest).includes(secret), `${secret} of all that this file did`);
  });

  test('what a client calls its model does nothing to the terminal', async () => {
    const a = await ask(rig, chat, { model: 'openai/\u001b]0;x\u0007\u009b31m\u007fü' });
    await shown(rig.gw, a.requestId);
    for (const args of [['log', 'list'], ['log', 'show', a.requestId]]) {
      const { code, stdout } = gproxy([...args, '--data-dir', rig.gw.dataDir]);
      assert.equal(code, 0, args.join(' '));
      assert.ok(stdout.includes('31m'), args.join(' '));
      assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, args.join(' '));
    }
  });

  test('the file is private, and the metrics speak of it', async () => {
    const a = await ask(rig, chat);
    await shown(rig.gw, a.requestId);
    assert.equal(statSync(path.join(rig.gw.dataDir, 'requests.db')).mode & 0o777, 0o600);
    const metrics = (await call(rig.gw, { method: 'GET', path: '/metrics' })).text;
    assert.match(metrics, /^gproxy_request_log_dropped_total 0$/m);
    assert.ok(Number(/^gproxy_request_log_entries_total (\d+)$/m.exec(metrics)[1]) > 0);
    await assertHealthy(rig, chat);
  });
});

describe('as much as is asked for', () => {
  const rig = useRig({ config: (up) => config(up, settings('off', 'off')) });
  const use = async (log) => {
    const published = () => rig.gw.output.split('"config.published"').length;
    const before = published();
    rig.gw.writeConfig(config(rig.up, log));
    await eventually(() => published() > before, { timeout: 5000 * SLOW, what: 'new settings' });
    await sleep(100 * SLOW); // for each worker's turn
  };

  test('off: nothing, not even a file', async () => {
    await ask(rig, chat);
    assert.ok(!existsSync(path.join(rig.gw.dataDir, 'requests.db')));
    const r = gproxy(['log', 'list', '--data-dir', rig.gw.dataDir]);
    assert.equal(r.code, 1);
    assert.match(r.stderr, /nothing has been logged/);
  });

  test('metadata: no bodies', async () => {
    await use(settings('metadata', 'metadata'));
    const a = await ask(rig, chat, { text: 'unseen words' });
    const [x, attempt] = await shown(rig.gw, a.requestId);
    for (const row of [x, attempt]) {
      assert.ok(!('request' in row) && !('response' in row));
      assert.ok(row.request_bytes > 0 && row.response_bytes > 0);
      assert.ok(row.request_head && row.response_head);
    }
    assert.ok(!bytes(rig.gw).includes('unseen words'));
  });

  test('the client\'s side alone', async () => {
    await use(settings('metadata', 'off'));
    const a = await ask(rig, chat);
    assert.equal((await shown(rig.gw, a.requestId)).length, 1);
  });

  test('the upstream\'s side alone: the exchange is a name to find it by', async () => {
    await use(settings('off', 'bodies'));
    const a = await ask(rig, chat);
    const [x, attempt] = await shown(rig.gw, a.requestId);
    assert.equal(x.request_head + x.response_head + x.target, '');
    assert.ok(!('request' in x));
    assert.equal(x.user, 'alice');
    assert.ok(attempt.request && attempt.response);
    const refused = await ask(rig, chat, { key: 'sk-client-unknown-0000000099' });
    await shown(rig.gw, (await ask(rig, chat)).requestId);
    assert.ok(!log(rig.gw, 'list').some((r) => r.id === refused.requestId), 'no attempt, no entry');
  });

  test('off again: nothing more', async () => {
    await use(settings('off', 'off'));
    const a = await ask(rig, chat);
    await rig.gw.restart();
    assert.ok(!log(rig.gw, 'list', '--limit', '1000').some((r) => r.id === a.requestId));
  });
});

test('the file stays within its bound', async (t) => {
  const { Upstream } = await import('./lib/upstream.js');
  const up = await Upstream.start();
  t.after(() => up.stop());
  const gw = await Gateway.start({ t, config: config(up, { ...settings('bodies', 'bodies'), retention: { max_bytes: 1 << 20 } }) });
  const { randomBytes } = await import('node:crypto');
  let last;
  for (let i = 0; i < 60; i++) {
    if (i === 59) await new Promise((resolve) => setTimeout(resolve, 5)); // within a millisecond there is no order
    last = await call(gw, { path: '/v1/chat/completions', headers: chat.auth(KEYS.alice), body: chat.body('openai/gpt-test', { text: `${i} ${randomBytes(24000).toString('base64')}` }) });
    assert.equal(last.status, 200);
  }
  const size = () => readdirSync(gw.dataDir).filter((n) => n.startsWith('requests.db') && !n.endsWith('-shm')).reduce((sum, n) => sum + statSync(path.join(gw.dataDir, n)).size, 0);
  await shown(gw, last.requestId);
  await eventually(() => size() <= 1 << 20, { timeout: 8000 * SLOW, what: 'a small file' });
  const left = log(gw, 'list', '--limit', '1000');
  assert.ok(left.length > 3 && left.length < 40, `${left.length} are left`);
  assert.equal(left[0].id, last.requestId, 'the newest stay');
});

test('a full disk: requests are served and paid for, entries are dropped and counted; it goes on by itself', async (t) => {
  const { Upstream } = await import('./lib/upstream.js');
  const up = await Upstream.start();
  t.after(() => up.stop());
  const gw = await Gateway.start({ t, config: config(up, settings('bodies', 'bodies')) });
  const send = (id) => call(gw, { path: '/v1/chat/completions', headers: { ...chat.auth(KEYS.alice), 'x-client-request-id': id }, body: chat.body('openai/gpt-test') });
  const dropped = async () => (await metrics(gw)).gproxy_request_log_dropped_total;
  await shown(gw, (await send(newId('disk'))).requestId);
  if (!limitFiles(gw, 0)) return t.skip('prlimit(1) cannot limit files');
  const ids = Array.from({ length: 5 }, () => newId('disk'));
  try {
    for (const id of ids) assert.equal((await send(id)).status, 200);
    await eventually(async () => (await dropped()) > 0, { timeout: 8000 * SLOW, what: 'an entry that is dropped' });
  } finally {
    limitFiles(gw, 'unlimited');
  }
  await eventually(async () => {
    const { requestId } = await send(newId('disk'));
    await sleep(100);
    return log(gw, 'list', '--limit', '1000').some((r) => r.id === requestId);
  }, { timeout: 10000 * SLOW, every: 100, what: 'an entry, once there is room' });
  for (const id of ids) assert.equal((await gw.rows(id)).length, 1);
});

test('a file that is not ours is set aside', async (t) => {
  const { Upstream } = await import('./lib/upstream.js');
  const { mkdirSync, writeFileSync } = await import('node:fs');
  const up = await Upstream.start();
  t.after(() => up.stop());
  const gw = new Gateway({ config: config(up, settings('bodies', 'off')) });
  t.after(() => gw.end());
  mkdirSync(gw.dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(gw.dataDir, 'requests.db'), 'no database at all, '.repeat(500));
  await gw.up();
  const a = await call(gw, { path: '/v1/chat/completions', headers: chat.auth(KEYS.alice), body: chat.body('openai/gpt-test', {}) });
  assert.equal(a.status, 200);
  assert.equal((await shown(gw, a.requestId))[0].status, 200);
  assert.ok(readdirSync(gw.dataDir).some((n) => n.startsWith('requests.db.damaged-')));
  assert.match(gw.output, /request_log\.set_aside/);
});
