// The process: health, version, metrics, log, shutdown, first run, echo in every dialect.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { useRig, ask, standardConfig, KEYS, newId, newModel } from './lib/rig.js';
import { BIN, freePort, Gateway, gproxy, SLOW, tempDir } from './lib/gateway.js';
import { DIALECTS, chat } from './lib/dialects.js';
import { Upstream, answerWell } from './lib/upstream.js';
import { call, Conn, eventually, sleep } from './lib/client.js';

const get = (gw, p, headers = {}) => call(gw, { method: 'GET', path: p, headers });

// Prometheus text: { 'name{labels}': value }
function metrics(text) {
  const out = {};
  for (const line of text.split('\n')) {
    const m = /^([a-zA-Z_:][\w:]*)(\{[^}]*\})?\s+(\S+)/.exec(line);
    if (m && !line.startsWith('#')) out[m[1] + (m[2] ?? '')] = Number(m[3]);
  }
  return out;
}

const sum = (all, re) => Object.entries(all).reduce((n, [k, v]) => (re.test(k) ? n + v : n), 0);

describe('health, version, metrics', () => {
  const rig = useRig();

  test('/healthz, /readyz, /version need no key', async () => {
    assert.equal((await get(rig.gw, '/healthz')).status, 200);
    assert.equal((await get(rig.gw, '/readyz')).status, 200);
    const v = await get(rig.gw, '/version');
    assert.equal(v.status, 200);
    assert.match(v.text, /\d+\.\d+\.\d+/);
  });

  test('/metrics counts requests, tokens, errors, latency', async () => {
    const before = metrics((await get(rig.gw, '/metrics')).text);
    for (const d of DIALECTS) for (const stream of [false, true]) await ask(rig, d, { stream });
    await ask(rig, chat, { key: 'sk-nobody' });
    await ask(rig, chat, { model: 'no-such' });
    const a = await get(rig.gw, '/metrics');
    assert.equal(a.status, 200);
    assert.match(a.headers['content-type'], /^text\/plain/);
    assert.match(a.text, /^# TYPE \S+ counter/m);
    assert.match(a.text, /^# TYPE \S+ histogram/m);
    const now = metrics(a.text);
    const grew = (re) => sum(now, re) - sum(before, re);
    assert.ok(grew(/request.*_total/) >= 8, 'requests');
    assert.ok(grew(/token.*_total/) >= 8 * 9, 'tokens');
    assert.ok(grew(/error.*_total|failure.*_total/) >= 2, 'errors by cause');
    assert.ok(grew(/duration.*_count|latency.*_count/) >= 8, 'latency');
    assert.ok(grew(/first.*_count/) >= 8, 'first byte');
    assert.ok(Object.keys(now).some((k) => /in_?flight|active/.test(k)), 'in flight');
    assert.ok(Object.keys(now).some((k) => /ledger|journal/.test(k)), 'ledger lag');
    for (const key of Object.values(KEYS)) assert.ok(!a.text.includes(key));
  });

  test('histograms are cumulative and end in +Inf', async () => {
    const { text } = await get(rig.gw, '/metrics');
    const series = new Map();
    for (const line of text.split('\n')) {
      const m = /^(\S+)_bucket\{(.*?),?le="([^"]+)"(.*)\}\s+(\d+)/.exec(line);
      if (m) series.set(m[1] + m[2] + m[4], [...(series.get(m[1] + m[2] + m[4]) ?? []), [Number(m[3].replace('+Inf', 'Infinity')), Number(m[5])]]);
    }
    assert.ok(series.size > 0);
    for (const buckets of series.values()) {
      assert.equal(buckets.at(-1)[0], Infinity);
      for (let i = 1; i < buckets.length; i++) assert.ok(buckets[i][1] >= buckets[i - 1][1]);
    }
  });

  test('the log has one line per settled exchange, with its id, without secrets', async () => {
    const id = newId('log');
    const a = await ask(rig, chat, { id, text: 'a very private question' });
    await eventually(() => rig.gw.output.includes(a.requestId), { what: 'the line' });
    const lines = rig.gw.output.split('\n').filter((l) => l.includes(a.requestId));
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.ok(!rig.gw.output.includes('very private'), 'no bodies');
    assert.doesNotThrow(() => JSON.parse(lines[0]), 'JSON where there is no terminal');
  });

  test('in flight goes up and comes back', async () => {
    const value = async () => sum(metrics((await get(rig.gw, '/metrics')).text), /in_?flight/);
    const idle = await value();
    const model = rig.up.script(newModel('hold'), async (req, res) => (await sleep(600), answerWell(req, res)));
    const answers = Array.from({ length: 5 }, () => ask(rig, chat, { model: `openai/${model}` }));
    await eventually(async () => (await value()) >= idle + 5, { timeout: 3000, what: 'five in flight' });
    await Promise.all(answers);
    await eventually(async () => (await value()) <= idle, { timeout: 3000, what: 'back again' });
  });
});

describe('usage on the command line', () => {
  const rig = useRig();

  test('rows cost what the price says, in exact decimals', async () => {
    const id = newId('cost');
    await ask(rig, chat, { model: 'gpt-test', id });
    const row = await rig.gw.row(id);
    // 11 uncached at $1, 20 read at $0.5, 9 out at $2 per million
    const nusd = 11 * 1000 + 20 * 500 + 9 * 2000;
    const cost = row.cost_nusd ?? Math.round(Number(row.cost_usd ?? row.cost) * 1e9);
    assert.equal(cost, nusd);
    const free = newId('cost');
    await ask(rig, chat, { model: 'openai2/gpt-other', id: free });
    const other = await rig.gw.row(free);
    assert.equal(Number(other.cost_nusd ?? other.cost_usd ?? other.cost ?? 0), 0, 'unpriced');
  });

  test('totals by user, key and model', async () => {
    const r = gproxy(['usage', '--data-dir', rig.gw.dataDir]);
    assert.equal(r.code, 0, r.stderr);
    assert.match(r.stdout, /alice/);
    assert.match(r.stdout, /gpt-test/);
    const j = gproxy(['usage', '--json', '--data-dir', rig.gw.dataDir]);
    assert.equal(j.code, 0);
    for (const line of j.stdout.split('\n').filter(Boolean)) JSON.parse(line.trim().replace(/^\[|\]$/g, '') || 'null');
  });

  test('refused requests and lists have no row', async () => {
    const id = newId('none');
    const headers = { 'x-client-request-id': id };
    await ask(rig, chat, { key: 'sk-no', headers });
    await ask(rig, chat, { model: 'no-such', headers });
    await ask(rig, chat, { key: KEYS.nothing, headers });
    await call(rig.gw, { method: 'GET', path: '/v1/models', headers: { ...chat.auth(KEYS.alice), ...headers } });
    const last = newId('last');
    await ask(rig, chat, { id: last });
    await rig.gw.row(last);
    assert.equal(rig.gw.usageRows().filter((r) => r.client_request_id === id).length, 0);
  });
});

describe('shutdown', () => {
  let up;
  test.before(async () => (up = await Upstream.start()));
  test.after(() => up.stop());

  const start = (t) => Gateway.start({ t, config: standardConfig(up) });
  const slow = (ms = 100, n = 15) => up.script(newModel('slow'), (req, res) => answerWell(req, res, { pause: ms, words: Array(n).fill('w ') }));

  async function streaming(gw, model, id) {
    const conn = await Conn.open(gw);
    await conn.send({ path: '/openai/v1/chat/completions', headers: { ...chat.auth(KEYS.alice), 'x-client-request-id': id }, body: chat.body(model, { stream: true }) });
    const answer = await conn.answer({ until: (a) => a.body.length > 0 });
    return { conn, answer };
  }

  for (const signal of ['SIGTERM', 'SIGINT'])
    test(`${signal}: new connections are refused, what runs finishes, exit 0`, async (t) => {
      const gw = await start(t);
      const id = newId('term');
      const { conn, answer } = await streaming(gw, slow(), id);
      const idle = await Conn.open(gw);
      gw.signal(signal);
      await eventually(async () => {
        try {
          (await Conn.open(gw)).close();
          return false;
        } catch (e) {
          return e.code === 'ECONNREFUSED';
        }
      }, { timeout: 2000, what: 'the port is closed' });
      assert.ok(await idle.closes(2000), 'idle connections are closed');
      await conn.wait(answer);
      assert.equal(chat.streamText(answer.text), 'w '.repeat(15), 'the stream is whole');
      assert.ok(chat.ended(answer.text));
      await gw.gone;
      assert.deepEqual(gw.exited, { code: 0, signal: null });
      assert.equal((await gw.row(id)).outcome, 'ok');
    });

  test('idle: gone at once', async (t) => {
    const gw = await start(t);
    const begin = Date.now();
    await gw.stop();
    assert.ok(Date.now() - begin < 2000 * SLOW);
  });

  test('a second signal ends at once, and the row is not lost', async (t) => {
    const gw = await start(t);
    const done = newId('done');
    await call(gw, { path: '/v1/chat/completions', headers: { ...chat.auth(KEYS.alice), 'x-client-request-id': done }, body: chat.body('fast') });
    const id = newId('cut');
    const { conn, answer } = await streaming(gw, slow(100, 300), id);
    gw.signal('SIGTERM');
    await sleep(200);
    const begin = Date.now();
    gw.signal('SIGTERM');
    await gw.gone;
    assert.ok(Date.now() - begin < 3000 * SLOW, 'at once');
    await conn.wait(answer);
    assert.ok(!chat.ended(answer.text), 'no made-up success');
    assert.equal((await gw.row(done)).outcome, 'ok');
    await gw.up();
    assert.ok(['shutdown', 'unknown'].includes((await gw.row(id)).outcome));
    assert.equal((await gw.rows(id)).length, 1);
  });

  test('the port is free again at once', async (t) => {
    const gw = await start(t);
    for (let i = 0; i < 3; i++) await gw.restart();
    assert.equal((await get(gw, '/healthz')).status, 200);
  });

  test('two processes cannot share a data directory', async (t) => {
    const gw = await start(t);
    const r = gproxy(['serve', '--port', String(await freePort()), '--data-dir', gw.dataDir, '--config', gw.configFile]);
    assert.notEqual(r.code, 0);
    assert.ok((r.stdout + r.stderr).length > 0, 'and says why');
    assert.equal((await get(gw, '/healthz')).status, 200);
  });
});

describe('the command line', () => {
  test('--help of everything is there and readable', () => {
    const top = gproxy(['--help']);
    assert.equal(top.code, 0);
    for (const word of ['serve', 'check', 'usage', 'version', '--config', '--data-dir', '--port', 'GPROXY_']) assert.ok((top.stdout + gproxy(['serve', '--help']).stdout).includes(word), word);
    for (const command of ['serve', 'check', 'usage', 'version']) {
      const r = gproxy([command, '--help']);
      assert.equal(r.code, 0, command);
      assert.ok(r.stdout.length > 40, command);
    }
  });

  test('version', () => {
    const r = gproxy(['version']);
    assert.equal(r.code, 0);
    assert.match(r.stdout, /\d+\.\d+\.\d+/);
  });

  test('unknown commands and flags: exit 2, and what there is', () => {
    for (const args of [['fly'], ['serve', '--colour', 'red'], ['serve', '--port', 'many'], ['serve', '--port', '70000'], ['usage', '--data-dir'], ['check', '--config']]) {
      const r = gproxy(args);
      assert.equal(r.code, 2, `${args.join(' ')}: ${r.code} ${r.stderr}`);
      assert.match(r.stderr, /\S/);
    }
  });

  test('an address that is taken, a data directory that cannot be', async () => {
    const up = await Upstream.start();
    const dir = tempDir();
    for (const args of [['--port', String(up.port), '--data-dir', dir], ['--port', '0', '--data-dir', '/proc/nowhere']]) {
      const r = gproxy(['serve', ...args], { cwd: dir });
      assert.notEqual(r.code, 0, args.join(' '));
      assert.notEqual(r.code, null);
      assert.match(r.stderr + r.stdout, /\S/);
    }
    await up.stop();
    rmSync(dir, { recursive: true, force: true });
  });
});

// ---- first run -----------------------------------------------------------------------

// What the first run told: the curl line from wherever it went.
function firstRun(gw) {
  // One with a number at its end is still being written.
  const files = readdirSync(gw.dataDir).filter((f) => !/\.\d+$/.test(f)).map((f) => path.join(gw.dataDir, f));
  const text = files.filter((f) => statSync(f).isFile() && statSync(f).size < 10000).map((f) => ({ f, text: readFileSync(f, 'utf8') })).find(({ text }) => /\bcurl\b/.test(text));
  return text;
}

// The curl command, continued lines joined.
const curlOf = (text) => /^\s*(curl\b(?:.*\\\n)*.*)$/m.exec(text)?.[1].replace(/\\\n/g, ' ');

describe('first run with nothing configured', () => {
  let gw;
  let told;
  test.before(async () => {
    gw = await Gateway.start({ config: null });
    told = await eventually(() => firstRun(gw), { what: 'what the first start tells' });
  });
  test.after(() => gw.end());

  test('without a terminal: a file of mode 0600 in the data dir, named in the output, no key in the log', async () => {
    assert.ok(told, `a file with a curl line in ${readdirSync(gw.dataDir)}`);
    assert.equal(statSync(told.f).mode & 0o777, 0o600);
    for (let i = 0; i < 40 && !gw.output.includes(path.basename(told.f)); i++) await sleep(50); // the log has a thread of its own
    assert.ok(gw.output.includes(path.basename(told.f)), 'the output names it');
    const key = keyOf();
    assert.ok(!gw.output.includes(key), 'the key is not in the log');
  });

  const keyOf = () => /(?:Bearer |x-api-key: ?|x-goog-api-key: ?|key=)([A-Za-z0-9._-]{16,})/.exec(told.text)[1];
  const modelOf = () => /"model"\s*:\s*\\?"([^"\\]+)/.exec(told.text)?.[1] ?? 'echo/echo';

  test('the printed curl line works as it stands', () => {
    const line = curlOf(told.text);
    const r = spawnSync('bash', ['-c', `${line} -sS --fail-with-body --max-time 10`], { encoding: 'utf8' });
    assert.equal(r.status, 0, `${line}\n${r.stdout}${r.stderr}`);
    assert.ok(r.stdout.length > 10);
    if (!/"stream"/.test(line)) assert.doesNotThrow(() => JSON.parse(r.stdout));
  });

  test('the console\'s address with a one-time token is told', () => {
    assert.match(told.text, /http:\/\/127\.0\.0\.1:\d+\/\S+/);
  });

  test('the second start tells nothing new', async () => {
    const before = readFileSync(told.f, 'utf8');
    const key = keyOf();
    gw.stdout = gw.stderr = '';
    await gw.restart();
    assert.ok(!gw.output.includes('curl '), 'once');
    assert.equal((await get(gw, '/v1/models', { authorization: `Bearer ${key}` })).status, 200, 'the key stays good');
    try {
      assert.equal(readFileSync(told.f, 'utf8'), before);
    } catch (e) {
      assert.equal(e.code, 'ENOENT');
    }
  });

  test('echo through the OpenAI SDK', async () => {
    const client = new OpenAI({ apiKey: keyOf(), baseURL: `${gw.url}/v1`, maxRetries: 0 });
    const id = newId('echo');
    const whole = await client.chat.completions.create({ model: modelOf(), messages: [{ role: 'user', content: 'ping-pong' }] }, { headers: { 'x-client-request-id': id } });
    assert.match(whole.choices[0].message.content, /ping-pong/);
    assert.equal(whole.model, modelOf());
    assert.ok(whole.usage.completion_tokens > 0);
    const row = await gw.row(id);
    assert.equal(row.outcome, 'ok');
    assert.equal(row.usage_source, 'local');
    assert.equal(row.output_tokens, whole.usage.completion_tokens);

    let text = '';
    const stream = await client.chat.completions.create({ model: modelOf(), stream: true, messages: [{ role: 'user', content: 'ping-pong' }] });
    for await (const c of stream) {
      text += c.choices[0]?.delta?.content ?? '';
      assert.ok(!c.usage, 'no usage for who did not ask');
    }
    assert.match(text, /ping-pong/);
    const chunks = [];
    const asked = await client.chat.completions.create({ model: modelOf(), stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'x' }] });
    for await (const c of asked) chunks.push(c);
    assert.ok(chunks.at(-1).usage?.total_tokens > 0);

    assert.match((await client.responses.create({ model: modelOf(), input: 'ping-pong' })).output_text, /ping-pong/);
    const final = await client.responses.stream({ model: modelOf(), input: 'ping-pong' }).finalResponse();
    assert.match(final.output_text, /ping-pong/);

    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
    const called = await client.chat.completions.create({ model: modelOf(), tools, tool_choice: 'required', messages: [{ role: 'user', content: 'weather' }] });
    assert.equal(called.choices[0].finish_reason, 'tool_calls');
    assert.equal(called.choices[0].message.tool_calls[0].function.name, 'get_weather');
    JSON.parse(called.choices[0].message.tool_calls[0].function.arguments);

    assert.ok((await client.embeddings.create({ model: modelOf(), input: ['a', 'b'] })).data[1].embedding.length > 0);
    const ids = [];
    for await (const m of client.models.list()) ids.push(m.id);
    assert.ok(ids.length > 0);
  });

  test('echo through the Anthropic SDK', async () => {
    const client = new Anthropic({ apiKey: keyOf(), baseURL: gw.url, maxRetries: 0 });
    const ask = { model: modelOf(), max_tokens: 100, messages: [{ role: 'user', content: 'ping-pong' }] };
    assert.match((await client.messages.create(ask)).content[0].text, /ping-pong/);
    assert.match((await client.messages.stream(ask).finalMessage()).content[0].text, /ping-pong/);
    assert.ok((await client.messages.countTokens({ model: ask.model, messages: ask.messages })).input_tokens > 0);
    const tools = [{ name: 'get_weather', input_schema: { type: 'object' } }];
    const called = await client.messages.stream({ ...ask, tools, tool_choice: { type: 'any' } }).finalMessage();
    assert.equal(called.stop_reason, 'tool_use');
    assert.equal(called.content.find((b) => b.type === 'tool_use').name, 'get_weather');
  });

  test('echo through the Gemini SDK', async () => {
    const client = new GoogleGenAI({ apiKey: keyOf(), httpOptions: { baseUrl: gw.url } });
    const model = modelOf().includes('/') ? `models/${modelOf()}` : modelOf();
    assert.match((await client.models.generateContent({ model, contents: 'ping-pong' })).text, /ping-pong/);
    let text = '';
    for await (const c of await client.models.generateContentStream({ model, contents: 'ping-pong' })) text += c.text ?? '';
    assert.match(text, /ping-pong/);
    assert.ok((await client.models.countTokens({ model, contents: 'ping-pong' })).totalTokens > 0);
    assert.ok((await client.models.embedContent({ model, contents: ['a', 'b'] })).embeddings.length > 0);
  });

  test('echo refuses what is not JSON like everybody', async () => {
    for (const d of DIALECTS) {
      const a = await call(gw, { path: d.path(modelOf()), headers: d.auth(keyOf()), body: '{' });
      assert.equal(a.status, 400);
      d.checkError(a.status, a.json);
    }
  });
});

test('first run on a terminal prints the curl line there', { skip: hasScript() ? false : 'script(1) is not here' }, async () => {
  const dir = tempDir();
  const port = await freePort();
  const child = spawn('script', ['-qefc', `${BIN} serve --port ${port} --data-dir ${dir}/data`, '/dev/null'], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (s) => (text += s));
  try {
    await eventually(() => /curl /.test(text), { timeout: 10000 * SLOW, what: 'a curl line' });
    await eventually(async () => (await get({ port }, '/readyz').catch(() => ({}))).status === 200, { timeout: 5000 * SLOW });
    const plain = text.replace(/\x1b\[[0-9;]*m/g, '').replaceAll('\r', '');
    const r = spawnSync('bash', ['-c', `${curlOf(plain)} -sS --fail-with-body --max-time 10`], { encoding: 'utf8' });
    assert.equal(r.status, 0, `${curlOf(plain)}\n${r.stdout}${r.stderr}`);
  } finally {
    process.kill(-child.pid, 'SIGTERM');
    await new Promise((resolve) => child.on('close', resolve));
    rmSync(dir, { recursive: true, force: true });
  }
});

function hasScript() {
  try {
    execFileSync('script', ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}
