// Clients that go away, never read, half close or stop in the middle.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, assertHealthy, newId, newModel, KEYS } from './lib/rig.js';
import { DIALECTS, STREAMS, chat } from './lib/dialects.js';
import { Conn, eventually, sleep } from './lib/client.js';
import { SLOW } from './lib/gateway.js';
import { answerWell } from './lib/upstream.js';

const rig = useRig();

async function open(d, model, { stream, id, text } = {}) {
  const conn = await Conn.open(rig.gw);
  await conn.send({
    path: `/${d.provider}${d.path(model, stream)}`,
    headers: { ...d.auth(KEYS.alice), 'x-client-request-id': id },
    body: d.body(model, { stream, text }),
  });
  return conn;
}

const LEAVE = { closed: (c) => c.close(), reset: (c) => c.reset() };

for (const d of STREAMS)
  describe(`gone: ${d.label}`, { concurrency: 6 }, () => {
    for (const [how, leave] of Object.entries(LEAVE)) {
      for (const stream of d.array ? [true] : [false, true])
        test(`${how} while waiting, ${stream ? 'streamed' : 'buffered'}: the upstream is let go within 3 s, one row`, async () => {
          const model = rig.up.script(newModel('wait'), (req, res) => res.hang(20000));
          const id = newId('gone');
          const conn = await open(d, model, { stream, id });
          const req = await eventually(() => rig.up.seen(model)[0], { what: 'the request is upstream' });
          const left = Date.now();
          leave(conn);
          await eventually(() => req.closedAt, { timeout: 3000 * SLOW, what: 'the upstream connection is closed' });
          assert.ok(req.closedAt - left < 3000 * SLOW);
          const row = await rig.gw.row(id);
          assert.equal(row.outcome, 'client_abort');
          assert.equal(row.output_tokens ?? 0, 0);
        });

      test(`${how} in the middle of a stream: what was seen is billed, once`, async () => {
        const model = rig.up.script(newModel('mid'), async (req, res) => {
          await res.stream();
          const frames = req.dialect.frames({ model: req.model, words: Array(200).fill('word ') });
          for (const f of frames) {
            if (res.gone) return;
            await res.chunk(f);
            await sleep(50);
          }
        });
        const id = newId('gone');
        const conn = await open(d, model, { stream: true, id });
        await conn.answer({ until: (a) => (a.text.match(/word /g) ?? []).length >= 8 });
        leave(conn);
        const req = rig.up.seen(model)[0];
        await eventually(() => req.closedAt, { timeout: 3000 * SLOW, what: 'the upstream connection is closed' });
        const row = await rig.gw.row(id);
        assert.equal(row.outcome, 'client_abort');
        assert.ok(row.output_tokens >= 5 && row.output_tokens <= 60, `${row.output_tokens} tokens for what was seen`);
        assert.notEqual(row.usage_source, 'upstream');
        await sleep(300);
        assert.equal((await rig.gw.rows(id)).length, 1);
      });
    }

    test('gone just as the answer comes: one row, whatever it says', async () => {
      for (let i = 0; i < 20; i++) {
        const id = newId('race');
        const model = newModel('race');
        rig.up.script(model, async (req, res) => (await sleep(5), answerWell(req, res)));
        const conn = await open(d, model, { stream: i % 2 === 0, id });
        await sleep(3 + (i % 6));
        conn.reset();
        const row = rig.up.seen(model).length ? await rig.gw.row(id) : null;
        if (row) assert.ok(['ok', 'client_abort'].includes(row.outcome), row.outcome);
      }
    });
  });

describe('half a request', () => {
  test('gone before the body is whole: nothing goes upstream, no row', async () => {
    const ids = [];
    for (const how of ['close', 'reset', 'halfClose'])
      for (const n of [0, 1, 500]) {
        const id = newId('half');
        ids.push(id);
        const conn = await Conn.open(rig.gw);
        await conn.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer ${KEYS.alice}\r\nx-client-request-id: ${id}\r\ncontent-length: 1000\r\n\r\n${'{'.repeat(n)}`);
        await sleep(20);
        conn[how]();
        if (how === 'halfClose') assert.ok(await conn.closes(5000), 'a half-closed connection with half a request is closed');
      }
    await sleep(300);
    assert.equal(rig.up.requests.filter((r) => ids.includes(r.header('x-client-request-id'))).length, 0);
    assert.equal(rig.gw.usageRows().filter((r) => ids.includes(r.client_request_id)).length, 0);
  });

  test('half closed after a whole request: answered, or given up cleanly, and the row agrees', async () => {
    for (const d of DIALECTS)
      for (const stream of [false, true]) {
        const model = rig.up.script(newModel('half'), async (req, res) => (await sleep(200), answerWell(req, res)));
        const id = newId('half');
        const conn = await open(d, model, { stream, id });
        conn.halfClose();
        const a = await conn.answer({ timeout: 5000 });
        const row = await rig.gw.row(id);
        if (a.complete) assert.equal(row.outcome, 'ok');
        else assert.equal(row.outcome, 'client_abort');
        assert.ok(await conn.closes(5000));
      }
  });
});

describe('clients that do not read', () => {
  // An endless stream of events; tells how much the gateway has taken.
  const flood = (model, meter) =>
    rig.up.script(model, async (req, res) => {
      await res.stream();
      const frames = req.dialect.frames({ model: req.model, words: ['x'.repeat(16000)] });
      const event = frames.find((f) => f.includes('xxxx')).replace(/"finishReason":"STOP",?/, '');
      for (const f of frames.slice(0, frames.findIndex((f) => f.includes('xxxx')))) await res.chunk(f);
      while (!res.gone && res.sent < 300e6) {
        await res.chunk(event);
        meter.bytes = res.sent;
      }
    });

  test('back-pressure: reading upstream stops, memory stays, reading again goes on', async () => {
    const before = rig.gw.rssKiB();
    const clients = [];
    for (let i = 0; i < 20; i++) {
      const d = DIALECTS[i % DIALECTS.length];
      const meter = { bytes: 0 };
      const model = flood(newModel('flood'), meter);
      const conn = await Conn.open(rig.gw);
      conn.socket.pause();
      await conn.send({ path: `/${d.provider}${d.path(model, true)}`, headers: { ...d.auth(KEYS.alice), 'x-client-request-id': newId('deaf') }, body: d.body(model, { stream: true }) });
      clients.push({ conn, meter });
    }
    await sleep(1500 * SLOW);
    const taken = clients.map((c) => c.meter.bytes);
    await sleep(1000);
    for (const [i, c] of clients.entries()) {
      assert.ok(c.meter.bytes > 0, 'it began');
      assert.ok(c.meter.bytes - taken[i] < 1e6, `upstream ${i} is no longer read (${c.meter.bytes - taken[i]} bytes in a second)`);
      assert.ok(c.meter.bytes < 24e6, `${c.meter.bytes} bytes were taken for a client that reads nothing`);
    }
    const grown = rig.gw.rssKiB() - before;
    assert.ok(grown < 20 * 1024 * SLOW, `20 deaf clients cost ${grown} KiB`);
    await assertHealthy(rig, chat);

    const { conn, meter } = clients[0];
    const was = meter.bytes;
    conn.socket.removeAllListeners('data');
    conn.socket.on('data', () => {});
    conn.socket.resume();
    await eventually(() => meter.bytes > was + 5e6, { timeout: 5000 * SLOW, what: 'the stream goes on when it is read' });
    for (const c of clients) c.conn.reset();
  });

  test('a large buffered answer is not held for a client that reads nothing', async () => {
    const size = 200e6;
    let sent = 0;
    const model = rig.up.script(newModel('large'), async (req, res) => {
      const [a, b] = JSON.stringify(chat.answer({ model: req.model, words: ['@'] })).split('@');
      await res.head(200, { 'content-type': 'application/json', 'content-length': a.length + b.length + size });
      await res.raw(a);
      const piece = 'x'.repeat(1e6);
      for (sent = 0; sent < size && !res.gone; sent += 1e6) await res.raw(piece);
      await res.raw(b);
    });
    const before = rig.gw.rssKiB();
    const id = newId('deaf');
    const conn = await open(chat, model, { id });
    conn.socket.pause();
    await sleep(2000 * SLOW);
    assert.ok(sent < 40e6, `${sent} bytes taken`);
    assert.ok(rig.gw.rssKiB() - before < 24 * 1024 * SLOW, `${rig.gw.rssKiB() - before} KiB`);
    conn.reset();
    assert.equal((await rig.gw.row(id)).outcome, 'client_abort');
  });

  test('slow readers get everything', async () => {
    const words = Array.from({ length: 400 }, (_, i) => `${i}:${'y'.repeat(2000)} `);
    const model = rig.up.script(newModel('slowread'), (req, res) => answerWell(req, res, { words }));
    const conn = await open(chat, model, { stream: true, id: newId('slow') });
    const answer = conn.answer({ timeout: 60000 });
    const tick = setInterval(() => {
      conn.socket.pause();
      setTimeout(() => conn.socket.resume(), 15);
    }, 20);
    const a = await answer;
    clearInterval(tick);
    assert.equal(chat.streamText(a.text), words.join(''));
    conn.close();
  });
});

test('uploads are not read ahead of a bound, and slow uploads are no trouble', async () => {
  const body = JSON.stringify(chat.body('gpt-test', { text: 'z'.repeat(300000) }));
  const conns = await Promise.all(Array.from({ length: 20 }, () => Conn.open(rig.gw)));
  const answers = conns.map((c) => c.answer({ timeout: 60000 }));
  await Promise.all(
    conns.map(async (c) => {
      await c.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer ${KEYS.alice}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`);
      for (let at = 0; at < body.length; at += 20000) {
        await c.write(body.slice(at, at + 20000));
        await sleep(20);
      }
    }),
  );
  for (const a of await Promise.all(answers)) assert.equal(a.status, 200, a.text);
  for (const c of conns) c.close();
});

test('healthy after', async () => {
  for (const d of DIALECTS) {
    await assertHealthy(rig, d);
    assert.equal((await ask(rig, d, { stream: true })).status, 200);
  }
  await eventually(() => rig.up.sockets.size < 40, { what: 'no upstream connections pile up' });
});
