// Files (spec.md 3, 5): who may keep them where, whose they are, and that only the credential
// that put them there is asked for them.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import os from 'node:os';
import path from 'node:path';
import net from 'node:net';
import OpenAI, { toFile } from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { Gateway, gproxy, SLOW } from './lib/gateway.js';
import { FileVendor } from './lib/file-vendor.js';
import { newId } from './lib/rig.js';
import { eventually, sleep } from './lib/client.js';

const KEYS = Object.fromEntries(['alice', 'alice2', 'bob', 'nobody', 'both', 'limited', 'one', 'hdr'].map((n) => [n, `sk-client-files-${n}-0000000001`]));
const PROVIDER_KEYS = ['sk-upstream-one-00001', 'sk-upstream-two-00002'];

let gw, vendor, dir;

const user = (name, file_permissions, more = {}, keys = [name]) => ({
  name,
  keys: keys.map((label) => ({ label, key: KEYS[label] })),
  permissions: [{ models: '*' }],
  file_permissions: file_permissions.map((provider) => ({ provider })),
  ...more,
});

function config({ credentials = PROVIDER_KEYS, may = ['openai', 'anthropic'] } = {}) {
  const provider = (name, channel, keys) => ({
    name,
    channel,
    settings: { base_url: vendor.url },
    credentials: keys.map((api_key, i) => ({ label: `c${i}`, secret: { api_key } })),
    timeouts: { first_byte_ms: 2000, idle_ms: 2000, connect_ms: 1000 },
  });
  return {
    config: { mode: 'managed' },
    providers: [
      provider('openai', 'openai', credentials),
      provider('anthropic', 'anthropic', credentials),
      provider('second', 'openai', [credentials[0]]),
      { name: 'echo', channel: 'echo' },
    ],
    aliases: [{ name: 'either', targets: [{ provider: 'second', model: 'm' }, { provider: 'openai', model: 'm' }] }],
    settings: { unpriced: 'allow', request_log: { downstream: 'bodies', upstream: 'bodies', max_body_bytes: 1000 } },
    users: [
      user('alice', may, {}, ['alice', 'alice2']),
      user('bob', ['openai', 'anthropic']),
      user('nobody', []),
      user('both', ['openai', 'second', 'echo']),
      user('limited', ['openai'], { rate_limits: [{ models: 'files', rpm: 2 }] }),
      user('one', ['openai'], { rate_limits: [{ models: 'openai/files', max_concurrent: 1 }], quota: { usd: '0.01', period: 'month' } }),
    ],
    rules: [{ scope: 'provider/second', phase: 'outbound', action: 'header', name: 'x-tag', value: 'ours' }],
  };
}

before(async () => {
  vendor = await FileVendor.start();
  dir = mkdtempSync(path.join(os.tmpdir(), 'gproxy-files-'));
  gw = await Gateway.start({ config: config(), dir, args: ['--workers', '2'] });
});

after(async () => {
  try {
    await gw?.end();
    assert.deepEqual(vendor.problems, []);
    for (const key of [...Object.values(KEYS), ...PROVIDER_KEYS]) assert.ok(!gw.output.includes(key), 'a key stands in the log');
  } finally {
    await vendor?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});

const openai = (key = KEYS.alice, scope = '') => new OpenAI({ apiKey: key, baseURL: `${gw.url}${scope}/v1`, maxRetries: 0 });
const anthropic = (key = KEYS.alice, scope = '') => new Anthropic({ apiKey: key, baseURL: `${gw.url}${scope}`, maxRetries: 0 });
const put = (key, text = 'hello', { name = 'a.txt', purpose = 'user_data', scope, ...options } = {}) =>
  toFile(Buffer.from(text), name, { type: 'text/plain' }).then((file) => openai(key, scope).files.create({ file, purpose }, options));
const bearer = (key) => ({ authorization: `Bearer ${key}` });
const get = (url, key, options = {}) => fetch(gw.url + url, { ...options, headers: { ...bearer(key), ...options.headers } });
const openaiError = async (answer, status) => {
  assert.equal(answer.status, status);
  return (await answer.json()).error.message;
};

const openaiErrorOf = async (answer) => {
  const text = await answer.text();
  assert.equal(answer.status, 400, text);
  return JSON.parse(text).error.message;
};

function formOf(text) {
  const body = new FormData();
  body.append('purpose', 'user_data');
  body.append('file', new Blob([text]), 'f');
  return { method: 'POST', body };
}

// The exchange and its attempts in the request log.
const shown = (id) =>
  eventually(() => {
    const r = gproxy(['log', 'show', id, '--json', '--data-dir', gw.dataDir]);
    return r.code === 0 && r.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }, { timeout: 8000 * SLOW, every: 50, what: `log of ${id}` });

async function pages(list) {
  const ids = [];
  for await (const f of list) ids.push(f.id);
  return ids;
}

test("OpenAI's SDK: upload, list, retrieve, content, delete", async () => {
  const client = openai();
  const made = await put(KEYS.alice, 'line one\nline two\n', { name: 'n\u00f6tes.txt' });
  assert.equal(made.filename, 'n\u00f6tes.txt');
  assert.deepEqual(await client.files.retrieve(made.id), vendor.files.get(made.id).object);
  const list = await client.files.list();
  assert.deepEqual(list.data.map((f) => f.id), [made.id]);
  assert.equal(list.has_more, false);
  const content = await client.files.content(made.id);
  assert.equal(await content.text(), 'line one\nline two\n');
  assert.equal(content.headers.get('content-type'), 'text/plain');
  assert.match(content.headers.get('content-disposition'), /^attachment/);
  assert.deepEqual(await client.files.delete(made.id), { id: made.id, object: 'file', deleted: true });
  assert.ok(!vendor.files.has(made.id));
  await assert.rejects(client.files.retrieve(made.id), OpenAI.NotFoundError);
  await assert.rejects(client.files.content(made.id), OpenAI.NotFoundError);
  await assert.rejects(client.files.delete(made.id), OpenAI.NotFoundError);
  assert.deepEqual((await client.files.list()).data, []);
});

test("Anthropic's SDK: upload, list, retrieve, download, delete", async () => {
  const client = anthropic();
  const file = await toFile(Buffer.from('%PDF-1.7'), 'x.pdf', { type: 'application/pdf' });
  const a = await client.files.upload({ file });
  const b = await client.beta.files.upload({ file, betas: ['files-api-2025-04-14'] });
  assert.equal(a.mime_type, 'application/pdf');
  assert.match(vendor.last('POST').headers['anthropic-beta'], /^files-api-2025-04-14$/);
  const first = await client.files.list({ limit: 1 });
  assert.deepEqual(first.data.map((f) => f.id), [b.id]);
  assert.deepEqual(await pages(client.files.list({ limit: 1 })), [b.id, a.id]);
  const content = await client.files.download(a.id);
  assert.equal(Buffer.from(await content.arrayBuffer()).toString(), '%PDF-1.7');
  assert.equal((await client.files.delete(a.id)).type, 'file_deleted');
  await assert.rejects(client.files.download(a.id), Anthropic.NotFoundError);
  assert.deepEqual(await pages(client.files.list()), [b.id]);
  assert.deepEqual((await openai().files.list()).data, [], 'each dialect lists its own');
  await client.files.delete(b.id);
});

test('the body goes through byte for byte', async () => {
  const body = '--b=1\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b=1\r\ncontent-disposition: form-data; name="file"; filename="q"\r\n\r\n\0\x01\xff\r\n--b=1--\r\n';
  const bytes = Buffer.from(body, 'latin1');
  const a = await get('/v1/files', KEYS.alice, { method: 'POST', body: bytes, headers: { 'content-type': 'multipart/form-data;  boundary="b=1"' } });
  assert.equal(a.status, 200);
  assert.deepEqual(vendor.last('POST').body, bytes);
  assert.equal(vendor.last('POST').headers['content-type'], 'multipart/form-data;  boundary="b=1"');
  const { id } = await a.json();
  assert.deepEqual(vendor.files.get(id).bytes, Buffer.from('\0\x01\xff', 'latin1'));
  await openai().files.delete(id);
});

test('content: large, empty, of any type', async () => {
  for (const [size, type] of [[3 << 20, 'text/event-stream'], [0, 'application/json'], [1, 'application/octet-stream']]) {
    const bytes = Buffer.alloc(size, 'z');
    const made = await openai().files.create({ file: await toFile(bytes, 'f', { type }), purpose: 'batch' });
    const a = await openai().files.content(made.id);
    assert.equal(Buffer.compare(Buffer.from(await a.arrayBuffer()), bytes), 0);
    assert.equal(a.headers.get('content-length'), String(size));
    await openai().files.delete(made.id);
  }
});

test('without permission: 403 in dialect, and nobody is asked', async () => {
  const before = vendor.requests.length;
  await assert.rejects(put(KEYS.nobody), OpenAI.PermissionDeniedError);
  await assert.rejects(openai(KEYS.nobody).files.list(), OpenAI.PermissionDeniedError);
  await assert.rejects(openai(KEYS.nobody).files.content('file-1'), OpenAI.PermissionDeniedError);
  await assert.rejects(anthropic(KEYS.nobody).files.list(), Anthropic.PermissionDeniedError);
  await assert.rejects(put(KEYS.alice, 'x', { scope: '/second' }), /403.*"second"/);
  assert.equal(vendor.requests.length, before);
});

test('several providers: one must be named; rules for headers hold', async () => {
  const before = vendor.requests.length;
  await assert.rejects(put(KEYS.both), /400.*'\/openai\/v1\/files', '\/second\/v1\/files'/);
  assert.equal(vendor.requests.length, before);
  const made = await put(KEYS.both, 'x', { scope: '/second' });
  assert.equal(vendor.last('POST').headers['x-tag'], 'ours');
  assert.deepEqual(await pages(openai(KEYS.both).files.list()), [made.id]);
  assert.deepEqual(await pages(openai(KEYS.both, '/openai').files.list()), []);
  await assert.rejects(openai(KEYS.both, '/openai').files.retrieve(made.id), OpenAI.NotFoundError);
  await openai(KEYS.both).files.delete(made.id);
  await assert.rejects(put(KEYS.both, 'x', { scope: '/echo' }), /501/);
  await assert.rejects(anthropic(KEYS.both).files.list(), (e) => e.status === 501);
});

test("another user's file is not there, as one that never was", async () => {
  const made = await put(KEYS.alice);
  const before = vendor.requests.length;
  for (const [method, tail] of [['GET', ''], ['GET', '/content'], ['DELETE', '']]) {
    const other = await openaiError(await get(`/v1/files/${made.id}${tail}`, KEYS.bob, { method }), 404);
    const never = await openaiError(await get(`/v1/files/file-never${tail}`, KEYS.bob, { method }), 404);
    assert.equal(other.replace(made.id, 'file-never'), never);
  }
  assert.deepEqual(await pages(openai(KEYS.bob).files.list()), []);
  await assert.rejects(openai(KEYS.bob).files.list({ after: made.id }), OpenAI.BadRequestError);
  assert.equal(vendor.requests.length, before);
  assert.equal(await (await openai(KEYS.alice2).files.content(made.id)).text(), 'hello', "another key of the owner's");
  await openai().files.delete(made.id);
});

test('lists: pages, order, purpose', async () => {
  const made = [];
  for (let i = 0; i < 5; i++) made.push((await put(KEYS.bob, `${i}`, { purpose: i % 2 ? 'vision' : 'batch' })).id);
  const newest = made.toReversed();
  const { files } = openai(KEYS.bob);
  assert.deepEqual(await pages(files.list({ limit: 2 })), newest);
  assert.deepEqual(await pages(files.list({ limit: 2, order: 'asc' })), made);
  assert.deepEqual(await pages(files.list({ purpose: 'vision' })), [newest[1], newest[3]]);
  const raw = await (await get('/v1/files?limit=2', KEYS.bob)).json();
  assert.deepEqual([raw.object, raw.first_id, raw.last_id, raw.has_more], ['list', newest[0], newest[1], true]);
  assert.match(await openaiError(await get('/v1/files?limit=0', KEYS.bob), 400), /limit/);
  assert.match(await openaiError(await get('/v1/files?order=up', KEYS.bob), 400), /order/);
  for (const id of made) await files.delete(id);
});

test("Anthropic's pages go both ways", async () => {
  const client = anthropic(KEYS.bob);
  const made = [];
  for (let i = 0; i < 4; i++) made.push((await client.files.upload({ file: await toFile(Buffer.from('x'), `${i}`) })).id);
  const [d, c, b, a] = made;
  const page = async (query) => (await get(`/v1/files?${query}`, KEYS.bob, { headers: { 'anthropic-version': '2023-06-01' } })).json();
  const back = await page(`before_id=${c}&limit=1`);
  assert.deepEqual([back.data.map((f) => f.id), back.has_more, back.next_page], [[b], true, null]);
  const forth = await page(`after_id=${c}&limit=5`);
  assert.deepEqual([forth.data.map((f) => f.id), forth.has_more, forth.first_id, forth.next_page], [[d], false, d, null]);
  assert.deepEqual((await page(`before_id=${d}`)).data.map((f) => f.id), [a, b, c]);
  assert.equal((await page(`before_id=${b}&after_id=${c}`)).type, 'error');
  assert.equal((await page('ids[]=1')).type, 'error');
  for (const id of made) await client.files.delete(id);
});

test('content and deletion go to the credential that put the file there', async () => {
  const made = [];
  for (let i = 0; i < 6; i++) made.push((await put(KEYS.alice, `${i}`)).id);
  assert.equal(new Set(made.map((id) => vendor.files.get(id).key)).size, 2, 'both credentials took turns');
  for (const [i, id] of made.entries()) {
    const { key } = vendor.files.get(id);
    for (let n = 0; n < 2; n++) assert.equal(await (await openai().files.content(id)).text(), `${i}`);
    assert.equal(vendor.last('GET').key, key);
    await openai().files.delete(id);
    assert.equal(vendor.last('DELETE').key, key);
  }
});

test('what upstream says when it refuses reaches the client', async () => {
  const nonsense = await get('/v1/files', KEYS.alice, { method: 'POST', body: 'nonsense', headers: { 'content-type': 'text/plain' } });
  assert.match(await openaiError(nonsense, 400), /Could not parse multipart/);
  vendor.next = (req, res) => vendor.refuse(res, false, 413, 'File is too large');
  await assert.rejects(put(KEYS.alice), /413.*File is too large/);
  vendor.next = (req, res) => vendor.json(res, 200, { object: 'file' });
  await assert.rejects(put(KEYS.alice), /502.*which file/);
  vendor.next = (req, res) => res.end('no json');
  await assert.rejects(put(KEYS.alice), /502/);
  const made = await put(KEYS.alice);
  vendor.next = (req, res) => vendor.json(res, 500, { error: { message: 'oh', type: 'server_error', param: null, code: null } });
  await assert.rejects(openai().files.content(made.id), (e) => e.status === 500);
  vendor.next = (req, res) => {
    res.writeHead(200, { 'content-length': 1000 });
    res.write('half', () => res.destroy());
  };
  await assert.rejects(openai().files.content(made.id).then((a) => a.text()));
  for (const id of await pages(openai().files.list())) await openai().files.delete(id);
});

test('the next credential is asked where one is refused, but never for a file', async () => {
  let refused;
  vendor.next = (req, res) => {
    refused = req.key;
    vendor.refuse(res, false, 401, 'bad key');
  };
  const made = await put(KEYS.alice);
  assert.notEqual(vendor.files.get(made.id).key, refused);
  const before = vendor.requests.length;
  vendor.next = (req, res) => vendor.refuse(res, false, 401, 'bad key');
  await assert.rejects(openai().files.content(made.id), (e) => e.status === 502);
  assert.equal(vendor.requests.length, before + 1);
  await openai().files.delete(made.id);
});

test('a file that upstream has forgotten can be deleted once', async () => {
  const made = await put(KEYS.alice);
  vendor.files.delete(made.id);
  await assert.rejects(openai().files.content(made.id), /No such File object/);
  assert.equal((await openai().files.retrieve(made.id)).id, made.id);
  await assert.rejects(openai().files.delete(made.id), /No such File object/);
  await assert.rejects(openai().files.retrieve(made.id), /there is no file/);
});

test("an id that is somebody else's takes nothing over", async () => {
  const made = await put(KEYS.alice);
  const kept = vendor.files.get(made.id);
  vendor.nextId = made.id;
  await assert.rejects(put(KEYS.bob), /502.*somebody else/);
  assert.equal((await openai().files.retrieve(made.id)).id, made.id);
  await assert.rejects(openai(KEYS.bob).files.retrieve(made.id), OpenAI.NotFoundError);
  for (const id of ['../models', 'a/b', '.', 'x'.repeat(300), 'a"b']) {
    vendor.nextId = id;
    await assert.rejects(put(KEYS.bob), /502/);
  }
  vendor.files.set(made.id, kept);
  await openai().files.delete(made.id);
});

test('limits: requests by the name of files, one at a time, no money', async () => {
  const made = await put(KEYS.limited);
  await openai(KEYS.limited).files.content(made.id);
  await assert.rejects(openai(KEYS.limited).files.content(made.id), (e) => e.status === 429 && Number(e.headers.get('retry-after')) > 0);
  await assert.rejects(put(KEYS.limited), OpenAI.RateLimitError);
  assert.deepEqual(await pages(openai(KEYS.limited).files.list()), [made.id], 'lists are answered here');

  let release;
  vendor.next = async (req, res) => {
    await new Promise((r) => (release = r));
    vendor.answer(req, res, false);
  };
  const slow = put(KEYS.one);
  await eventually(() => release);
  await assert.rejects(put(KEYS.one), OpenAI.RateLimitError);
  release();
  const { id } = await slow;
  await openai(KEYS.one).files.delete(id);
});

test('what went upstream has a usage row without tokens and money', async () => {
  const [up, down, list] = [newId(), newId(), newId()];
  const h = (id) => ({ headers: { 'x-client-request-id': id } });
  const made = await put(KEYS.alice, 'x'.repeat(1000), h(up));
  await openai().files.list({}, h(list));
  await openai().files.content(made.id, h(down));
  for (const id of [up, down]) {
    const row = await gw.row(id);
    assert.equal(row.operation, 'files');
    assert.equal(row.outcome, 'ok');
    assert.equal(row.model, 'files');
    assert.equal(row.provider, 'openai');
    assert.equal(Number(row.cost_usd ?? row.cost ?? 0), 0);
    assert.equal(row.input_tokens ?? 0, 0);
  }
  assert.equal(gw.usageRows().filter((r) => r.client_request_id === list).length, 0);
  await openai().files.delete(made.id);
});

test('a page that somebody has uploaded is none of ours in a browser', async () => {
  const body = new FormData();
  body.append('purpose', 'user_data');
  body.append('file', new Blob(['<script>alert(1)</script>'], { type: 'text/html' }), 'a.html');
  const { id } = await (await get('/v1/files', KEYS.alice, { method: 'POST', body })).json();
  const a = await fetch(`${gw.url}/v1/files/${id}/content?key=${KEYS.alice}`);
  assert.equal(await a.text(), '<script>alert(1)</script>');
  assert.equal(a.headers.get('content-disposition'), 'attachment; filename="a.html"');
  assert.equal(a.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(a.headers.get('content-security-policy'), "default-src 'none'; sandbox");
  await openai().files.delete(id);
});

test('the request log keeps no more of a file than of any other body', async () => {
  const up = await get('/v1/files', KEYS.alice, formOf('y'.repeat(200000)));
  const { id } = await up.json();
  const down = await get(`/v1/files/${id}/content`, KEYS.alice);
  assert.equal((await down.text()).length, 200000);
  for (const [answer, side] of [[up, 'request'], [down, 'response']]) {
    const rows = await shown(answer.headers.get('x-gproxy-request-id'));
    assert.equal(rows.length, 2);
    for (const row of rows) {
      assert.equal(row.operation, 'files');
      assert.equal(row[side].length, 1000);
      assert.equal(row[`${side}_cut`], 1);
      assert.ok(row[`${side}_bytes`] >= 200000);
    }
  }
  await openai().files.delete(id);
});

test('while the database is away: 503, and again when it is back', async () => {
  const made = await put(KEYS.alice);
  const file = path.join(gw.dataDir, 'gproxy.db');
  renameSync(file, `${file}.away`);
  try {
    await assert.rejects(openai().files.list(), (e) => e.status === 503);
    await assert.rejects(openai().files.content(made.id), (e) => e.status === 503);
    await assert.rejects(put(KEYS.alice), (e) => e.status === 503);
    assert.equal((await speak(KEYS.alice, chatOf(made.id))).status, 503);
  } finally {
    renameSync(`${file}.away`, file);
  }
  assert.deepEqual(await eventually(() => pages(openai().files.list()).catch(() => null)), [made.id]);
  await openai().files.delete(made.id);
});

test('a client that leaves during its upload takes the upstream call with it', async () => {
  let held;
  vendor.next = (req) => (held = req);
  const id = newId();
  const body = '--b\r\ncontent-disposition: form-data; name="file"; filename="q"\r\n\r\nx\r\n--b--\r\n';
  const socket = net.connect(gw.port, '127.0.0.1');
  socket.write(`POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.alice}\r\nx-client-request-id: ${id}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  await eventually(() => held);
  socket.destroy();
  await eventually(() => held.closed);
  assert.equal((await gw.row(id)).outcome, 'client_abort');
  const half = net.connect(gw.port, '127.0.0.1'); // and one that never sends all of it
  half.write(`POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.alice}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 500\r\n\r\nhalf`);
  await sleep(50);
  half.destroy();
  assert.deepEqual(await pages(openai().files.list()), []);
});

// Bodies that speak of files, and where they are sent.
const chatOf = (...ids) => ['/v1/chat/completions', { messages: [{ role: 'user', content: ids.map((file_id) => ({ type: 'file', file: { file_id } })) }] }];
const responsesOf = (...ids) => ['/v1/responses', { input: [{ role: 'user', content: ids.map((file_id) => ({ type: 'input_file', file_id })) }] }];
const messagesOf = (...ids) => ['/v1/messages', { max_tokens: 9, messages: [{ role: 'user', content: ids.map((file_id) => ({ type: 'document', source: { type: 'file', file_id } })) }] }];
const speak = (key, [url, body], model = 'openai/m') =>
  get(url, key, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify({ model, ...body }), headers: { 'content-type': 'application/json' } });

test('a request that speaks of a file goes to the credential that has it', async () => {
  const made = [];
  for (let i = 0; i < 2; i++) made.push((await put(KEYS.alice, `${i}`)).id);
  for (const of of [chatOf, responsesOf]) {
    for (const id of [...made, ...made]) {
      const a = await speak(KEYS.alice, of(id));
      assert.equal(a.status, 200, await a.text());
      assert.equal(vendor.last('POST').key, vendor.files.get(id).key);
    }
  }
  const claude = await anthropic().files.upload({ file: await toFile(Buffer.from('x'), 'x') });
  for (let i = 0; i < 3; i++) {
    assert.equal((await speak(KEYS.alice, messagesOf(claude.id), 'anthropic/m')).status, 200);
    assert.equal(vendor.last('POST').key, vendor.files.get(claude.id).key);
  }
  assert.equal((await speak(KEYS.alice, messagesOf(claude.id), 'openai/m')).status, 400, 'it is not there');
  for (let i = 0; i < 3; i++) { // of an alias, the target that has it
    assert.equal((await speak(KEYS.alice, chatOf(made[1]), 'either')).status, 200);
    assert.equal(vendor.last('POST').key, vendor.files.get(made[1]).key);
    assert.equal(vendor.last('POST').headers['x-tag'], undefined);
  }
  await anthropic().files.delete(claude.id);
  for (const id of made) await openai().files.delete(id);
});

test("a request may not speak of another user's file, nor of two accounts' files", async () => {
  const made = [];
  for (let i = 0; i < 2; i++) made.push((await put(KEYS.alice, `${i}`)).id);
  const mine = (await put(KEYS.bob)).id;
  const before = vendor.requests.length;
  for (const of of [chatOf, responsesOf, messagesOf]) {
    assert.match(await openaiErrorOf(await speak(KEYS.bob, of(made[0]))), new RegExp(made[0]));
    assert.match(await openaiErrorOf(await speak(KEYS.alice, of('file-never'))), /file-never/);
    assert.match(await openaiErrorOf(await speak(KEYS.nobody, of(made[0]))), new RegExp(made[0]));
  }
  assert.match(await openaiErrorOf(await speak(KEYS.bob, responsesOf(mine, made[1]))), new RegExp(made[1]));
  assert.match(await openaiErrorOf(await speak(KEYS.alice, chatOf(...made))), /two accounts/);
  const hidden = JSON.stringify({ model: 'openai/m', ...responsesOf(made[0])[1] }).replace('"file_id"', '"file\\u005fid"');
  assert.match(await openaiErrorOf(await speak(KEYS.bob, ['/v1/responses', hidden])), new RegExp(made[0]));
  assert.equal(vendor.requests.length, before);
  const words = ['/v1/chat/completions', { messages: [{ role: 'user', content: 'what is a "file_id"?' }] }];
  assert.equal((await speak(KEYS.nobody, words)).status, 200);
  await openai(KEYS.bob).files.delete(mine);
  for (const id of made) await openai().files.delete(id);
});

test('files from elsewhere pass where the operator lets them, and those of ours still go to their account', async () => {
  const mine = (await put(KEYS.alice)).id;
  const changed = config();
  changed.settings.unknown_files = 'pass';
  gw.writeConfig(changed);
  await eventually(async () => (await speak(KEYS.alice, chatOf('file-elsewhere'))).status === 200, { what: 'the setting is in force', timeout: 8000 * SLOW });
  assert.equal((await speak(KEYS.alice, chatOf(mine, 'file-elsewhere'))).status, 200);
  gw.writeConfig(config());
  await eventually(async () => (await speak(KEYS.alice, chatOf('file-elsewhere'))).status === 400, { what: 'and is not any more', timeout: 8000 * SLOW });
  await openai().files.delete(mine);
});

test("Gemini's files are refused in its words", async () => {
  for (const [method, url] of [['POST', '/upload/v1beta/files'], ['GET', '/v1beta/files'], ['GET', '/v1beta/files/x']]) {
    const a = await fetch(gw.url + url, { method, headers: { 'x-goog-api-key': KEYS.alice } });
    assert.equal(a.status, 501);
    assert.equal((await a.json()).error.status, 'UNIMPLEMENTED');
  }
});

test('no such method, no such key', async () => {
  const a = await get('/v1/files', KEYS.alice, { method: 'PUT', body: 'x' });
  assert.equal(a.status, 405);
  assert.match(a.headers.get('allow'), /DELETE/);
  assert.equal((await get('/v1/files', 'sk-unknown-000000')).status, 401);
});

test('an upload whose owner cannot be noted is deleted again', async () => {
  const db = new DatabaseSync(path.join(gw.dataDir, 'gproxy.db'));
  db.exec('BEGIN IMMEDIATE');
  try {
    await assert.rejects(put(KEYS.alice), (e) => e.status === 503 && /not kept/.test(e.message));
    assert.equal(vendor.last('DELETE').key, vendor.last('POST').key);
    assert.deepEqual([...vendor.files.keys()].filter((id) => vendor.last('DELETE').url.endsWith(id)), []);
  } finally {
    db.exec('ROLLBACK');
    db.close();
  }
  assert.deepEqual(await pages(openai().files.list()), []);
});

test('a shutdown waits for what is being noted', async () => {
  const db = new DatabaseSync(path.join(gw.dataDir, 'gproxy.db'));
  db.exec('BEGIN IMMEDIATE');
  const before = vendor.files.size;
  const upload = put(KEYS.alice);
  await eventually(() => vendor.files.size > before);
  gw.signal('SIGTERM');
  await sleep(200);
  db.exec('ROLLBACK');
  db.close();
  const { id } = await upload;
  await gw.gone;
  assert.deepEqual(gw.exited, { code: 0, signal: null });
  await gw.up();
  assert.deepEqual(await pages(openai().files.list()), [id]);
  await openai().files.delete(id);
});

test('whose files are survives kill -9 and a restart; a credential that is gone is said', async () => {
  const made = [];
  for (let i = 0; i < 2; i++) made.push((await put(KEYS.alice, `${i}`)).id);
  await gw.kill9();
  await gw.up();
  assert.deepEqual(await pages(openai().files.list()), made.toReversed());
  for (const [i, id] of made.entries()) assert.equal(await (await openai().files.content(id)).text(), `${i}`);

  gw.writeConfig(config({ credentials: [PROVIDER_KEYS[0]] }));
  const lost = made.find((id) => vendor.files.get(id).key === PROVIDER_KEYS[1]);
  await eventually(async () => (await get(`/v1/files/${lost}/content`, KEYS.alice)).status === 503);
  await assert.rejects(openai().files.content(lost), /gone or disabled/);
  assert.equal((await openai().files.retrieve(lost)).id, lost);
  gw.writeConfig(config({ may: [] }));
  await eventually(async () => (await get('/v1/files', KEYS.alice)).status === 403);
  await assert.rejects(openai().files.retrieve(lost), OpenAI.PermissionDeniedError);
});
