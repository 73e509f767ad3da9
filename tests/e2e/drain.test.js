// Clients that go away in the middle of an answer, where upstream is heard to its end for the true figures.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig } from './lib/rig.js';
import { USAGE, chat, gemini, geminiArray, responses } from './lib/dialects.js';
import { call, eventually, sleep } from './lib/client.js';
import { Gateway, SLOW } from './lib/gateway.js';
import { answerWell } from './lib/upstream.js';
import { FIGURES, answer, scripted, text } from './lib/scripts.js';
import { PAIRS, Trial, UPSTREAMS, checkRow, config, native, wordy } from './lib/bad-days.js';
import { logged, metrics, rowsOf } from './lib/storage.js';

const ONE = { name: 'one', key: 'sk-client-one-00000000000001' };
const timeouts = { connect_ms: 1000 * SLOW, first_byte_ms: 3000 * SLOW, idle_ms: 1500 * SLOW, request_ms: 3000 * SLOW };
const drain_on_abort = { ms: 30000 * SLOW };
const one = { name: ONE.name, keys: [{ label: 'k', key: ONE.key }], permissions: [{ models: '*' }], rate_limits: [{ max_concurrent: 1 }] };

const rig = useRig({ config: (up) => config(up, { timeouts, settings: { drain_on_abort }, users: [one] }) });

const upstream = (dialect) => UPSTREAMS.find((u) => u.dialect === dialect);
const ARRAYS = [gemini, chat].map((u) => ({ d: geminiArray, u: upstream(u), name: `gemini array → ${u.name}` }));
const ALL = [...PAIRS, ...ARRAYS];
const NATIVE = [...PAIRS.filter(native), ARRAYS[0]];
const FEW = [...NATIVE, ...PAIRS.filter(({ d, u }) => d !== u.dialect && (d === chat || u.dialect === chat))];

// Upstream waits at a gate for the client to leave, and then does `then`.
function gate() {
  const g = {};
  g.left = new Promise((resolve) => (g.open = resolve));
  return g;
}

// The words up to the gate, and `then(res, req, rest)`; without one the rest.
const gated = (g, then, { count = 40 } = {}) => async (req, res) => {
  const frames = req.dialect.frames({ model: req.model, words: Array(count).fill('word ') });
  const at = frames.findIndex((f) => f.includes('word ')) + 10;
  await res.stream();
  for (const f of frames.slice(0, at)) await res.chunk(f);
  await g.left;
  if (then) return then(res, req, frames.slice(at));
  for (const f of frames.slice(at)) await res.chunk(f);
  return res.finish();
};

// What is no stream: the first `size` bytes (half of it), and the rest behind the gate.
const halved = (g, size) => (req, res) => {
  const json = async (status, value) => {
    const bytes = Buffer.from(JSON.stringify(value));
    await res.head(status, { 'content-type': 'application/json', 'content-length': bytes.length });
    await res.raw(bytes.subarray(0, size ?? bytes.length / 2));
    g.half = true;
    await g.left;
    await res.raw(bytes.subarray(size ?? bytes.length / 2));
  };
  return answerWell(req, new Proxy(res, { get: (r, k) => (k === 'json' ? json : typeof r[k] === 'function' ? r[k].bind(r) : r[k]) }));
};

// The client is gone, the gateway knows it, and upstream's connection stands.
async function leave(t, conn, how = 'reset') {
  conn[how]();
  await sleep(150 * SLOW);
  assert.equal(t.asked[0].closedAt, 0, 'upstream is not cancelled');
}

const released = (t) => eventually(() => t.asked[0].closedAt, { timeout: 8000 * SLOW, what: 'the upstream connection is closed' });

const exact = { outcome: 'client_abort', source: 'upstream' };
const cut = (pair) => ({ outcome: 'client_abort', source: pair.u.mid });

async function checkExact(t, { usage = USAGE } = {}) {
  checkRow(await t.row(), { ...exact, usage, dialect: t.u.dialect });
  assert.equal(t.asked.length, 1);
  assert.equal(t.asked[0].closedAt, 0, 'the connection is kept');
}

for (const pair of ALL)
  describe(pair.name, { concurrency: 8 }, () => {
    for (const how of ['close', 'reset'])
      test(`gone (${how}) in a stream: the provider's figures`, async () => {
        const g = gate();
        const t = new Trial(rig, pair, { script: gated(g) });
        const { conn } = await t.begun();
        await leave(t, conn, how);
        g.open();
        await checkExact(t);
      });

    if (pair.d !== geminiArray)
      test('gone while a whole answer comes: the same', async () => {
        const g = gate();
        const t = new Trial(rig, pair, { stream: false, script: halved(g) });
        const conn = await t.open();
        await eventually(() => g.half, { what: 'half of it is here' });
        await sleep(100 * SLOW);
        await leave(t, conn);
        g.open();
        await checkExact(t);
      });

    test('gone when the head alone is there', async () => {
      const g = gate();
      const t = new Trial(rig, pair, {
        script: async (req, res) => {
          await res.stream();
          await res.chunk(req.dialect.array ? ' ' : ': keep-alive\n\n');
          g.half = true;
          await g.left;
          for (const f of req.dialect.frames({ model: 'm' })) await res.chunk(f);
          await res.finish();
        },
      });
      const conn = await t.open();
      await eventually(() => g.half, { what: 'the head is here' });
      await sleep(100 * SLOW);
      await leave(t, conn);
      g.open();
      await checkExact(t);
    });
  });

describe('operations that answer with one document', { concurrency: 8 }, () => {
  const post = (u, path, body, want) => ({ name: `${path} → ${u.name}`, path, u, body, want });
  const [toChat, toResponses, toAnthropic, toGemini] = UPSTREAMS;
  const pictures = { input_tokens: 5, image_in_tokens: 4, image_out_tokens: 272 };
  const generated = { input_tokens: USAGE.input, cache_read_tokens: USAGE.cacheRead, output_tokens: USAGE.output };
  const cases = [
    post(toChat, '/v1/embeddings', (input) => ({ input }), { input_tokens: 6 }),
    post(toResponses, '/v1/images/generations', (prompt) => ({ prompt }), pictures),
    post(toGemini, '/v1/images/generations', (prompt) => ({ prompt }), generated),
    post(toResponses, '/v1/responses/compact', (input) => ({ input }), { input_tokens: 9, output_tokens: 4 }),
    post(toAnthropic, '/v1/responses/compact', (input) => ({ input }), generated),
  ];
  for (const { name, path, u, body, want } of cases)
    test(name, async () => {
      const g = gate();
      const t = new Trial(rig, { d: responses, u }, { stream: false, script: halved(g) });
      Object.assign(t.request, { path, body: { model: `${u.name}/m`, ...body(`Say it, please. (${t.id})`) } });
      const conn = await t.open();
      await eventually(() => g.half, { what: 'half of it is here' });
      await sleep(100 * SLOW);
      await leave(t, conn);
      g.open();
      const row = await t.row();
      assert.deepEqual({ outcome: row.outcome, source: row.usage_source }, exact, JSON.stringify(row));
      for (const [k, n] of Object.entries(want)) assert.equal(row[k], n, JSON.stringify(row));
    });
});

describe('a document too large to be held', { concurrency: 8 }, () => {
  for (const pair of PAIRS.filter(native))
    for (const size of [1000, 150000])
      test(`${pair.name}: gone after ${size} bytes`, async () => {
        const g = gate();
        const words = Array(40000).fill('word ');
        const large = (req, res) => halved(g, size)({ ...spread(req), dialect: { ...req.dialect, answer: (o) => req.dialect.answer({ ...o, words }) } }, res);
        const t = new Trial(rig, pair, { stream: false, script: large });
        const conn = await t.open();
        if (size > 100000) await conn.answer({ until: (a) => a.body.length > 100000 });
        else await eventually(() => g.half, { what: 'its beginning is here' });
        await sleep(100 * SLOW);
        await leave(t, conn);
        g.open();
        await checkExact(t);
      });
});

// What a script reads of a request, so that it may be given another one's dialect.
const spread = (req) => ({ model: req.model, streams: req.streams, json: req.json, text: req.text });

describe('what ends it before', { concurrency: 8 }, () => {
  const ways = {
    'upstream resets': (res) => res.rst(),
    'upstream closes': (res) => res.fin(),
    'upstream goes silent': (res) => res.hang(),
    'upstream ends with an error event': async (res, req) => (await res.chunk(req.dialect.errorFrame()), res.finish()),
  };
  for (const pair of FEW) {
    for (const [what, then] of Object.entries(ways))
      test(`${pair.name}: ${what}: what was seen`, async () => {
        const g = gate();
        const t = new Trial(rig, pair, { script: gated(g, then) });
        const { conn } = await t.begun();
        await leave(t, conn);
        g.open();
        checkRow(await t.row(), cut(pair));
        if (what === 'upstream goes silent') await released(t);
      });

    test(`${pair.name}: more comes than is read: what was seen`, async () => {
      const g = gate();
      const flood = async (res, req, [f]) => {
        const large = f.replace('word ', 'word '.repeat(4000));
        while (!res.gone && res.sent < 50e6) await res.chunk(large);
        await sleep(200); // until the upstream has noted that
      };
      const t = new Trial(rig, pair, { script: gated(g, flood) });
      const { conn } = await t.begun();
      await leave(t, conn);
      g.open();
      await released(t);
      const row = await t.row();
      checkRow(row, { ...cut(pair), words: 1e7 });
      assert.ok(row.output_tokens > 10000, `${row.output_tokens} tokens of a megabyte`);
    });

    test(`${pair.name}: no figures at all: estimated, of all of it`, async () => {
      const g = gate();
      const all = async (res, req) => {
        const frames = req.dialect.frames({ model: 'm', words: Array(400).fill('word '), usage: null });
        for (const f of frames.slice(frames.findIndex((x) => x.includes('word ')) + 10)) await res.chunk(f);
        await res.finish();
      };
      const t = new Trial(rig, pair, { script: (req, res) => gated(g, all)({ ...spread(req), dialect: { ...req.dialect, frames: (o) => req.dialect.frames({ ...o, usage: null }) } }, res) });
      const { conn } = await t.begun();
      await leave(t, conn);
      g.open();
      const row = await t.row();
      checkRow(row, { outcome: 'client_abort', source: 'estimated', words: 400 });
      assert.ok(row.output_tokens > 200, `${row.output_tokens} tokens of 400 words`);
    });
  }

  test('the deadline of a whole answer', async () => {
    const pair = NATIVE[0];
    const g = gate();
    const t = new Trial(rig, pair, {
      stream: false,
      script: async (req, res) => {
        await res.head(200, { 'content-type': 'application/json', 'content-length': 100000 });
        g.half = true;
        for (let i = 0; i < 400 && !res.gone; i++) (await res.raw(' '), await sleep(50 * SLOW));
      },
    });
    const conn = await t.open();
    await eventually(() => g.half, { what: 'the head is here' });
    await sleep(100 * SLOW);
    await leave(t, conn);
    await released(t);
    const row = await t.row();
    assert.equal(row.outcome, 'client_abort');
    assert.notEqual(row.usage_source, 'upstream');
  });

  test('before the head is there upstream is cancelled at once', async () => {
    const t = new Trial(rig, NATIVE[0], { script: (req, res) => res.hang() });
    const conn = await t.open();
    await eventually(() => t.asked.length, { what: 'the request is upstream' });
    conn.reset();
    await released(t);
    checkRow(await t.row(), { outcome: 'client_abort', source: 'none' });
  });
});

describe('the end of a stream', { concurrency: 8 }, () => {
  for (const pair of FEW.filter(({ d }) => d !== geminiArray))
    test(`${pair.name}: its last event has no empty line`, async () => {
      const g = gate();
      const unfinished = async (res, req, rest) => {
        const last = rest.pop();
        for (const f of rest) await res.chunk(f);
        await res.chunk(last.trimEnd());
        await res.finish();
      };
      const t = new Trial(rig, pair, { script: gated(g, unfinished) });
      const { conn } = await t.begun();
      await leave(t, conn);
      g.open();
      await checkExact(t);
    });

  test('all that was left is here at once', async () => {
    for (const pair of FEW) {
      const g = gate();
      const t = new Trial(rig, pair, { script: gated(g, async (res, req, rest) => (await res.chunk(rest.join('')), res.finish())) });
      const { conn } = await t.begun();
      await leave(t, conn);
      g.open();
      await checkExact(t);
    }
  });

  // A client that waits would be given the next round's, too.
  for (const [d, u, extra, token] of [[chat, 'anthropic', { web_search_options: {} }], [responses, 'gemini', {}, 'dG9rZW4=']])
    for (const stream of [true, false])
      test(`${d.name} → ${u}, ${stream ? 'streamed' : 'buffered'}: one that pauses is not asked to go on`, async () => {
        const g = gate();
        const pair = { d, u: UPSTREAMS.find((x) => x.name === u) };
        const script = scripted(answer([text('word ', 'word '.repeat(20)), text('more')], { finish: 'pause', token }));
        const held = (res) => {
          let n = 0;
          const chunk = async (bytes) => {
            if (++n === 3) (g.half = true, await g.left);
            return res.chunk(bytes);
          };
          return new Proxy(res, { get: (r, k) => (k === 'chunk' ? chunk : typeof r[k] === 'function' ? r[k].bind(r) : r[k]) });
        };
        const t = new Trial(rig, pair, {
          stream, extra,
          script: (req, res) => (stream ? script(req, held(res)) : halvedText(g, script)(req, res)),
        });
        const conn = await t.open();
        await eventually(() => g.half, { what: 'it is in its middle' });
        await sleep(100 * SLOW);
        await leave(t, conn);
        g.open();
        await checkExact(t, { usage: FIGURES });
      });
});

// As halved(), of a script that writes its body itself.
const halvedText = (g, script) => (req, res) => {
  const body = async (status, bytes, headers = {}) => {
    const data = Buffer.from(bytes);
    await res.head(status, { 'content-type': 'application/json', ...headers, 'content-length': data.length });
    await res.raw(data.subarray(0, 20));
    g.half = true;
    await g.left;
    await res.raw(data.subarray(20));
  };
  return script(req, new Proxy(res, { get: (r, k) => (k === 'body' ? body : typeof r[k] === 'function' ? r[k].bind(r) : r[k]) }));
};

test('limits and the count of what runs hold until it has ended', async () => {
  for (const pair of NATIVE) {
    const g = gate();
    const t = new Trial(rig, pair, { key: ONE.key, script: gated(g) });
    const again = () => call(rig.gw, { path: pair.d.path(`${pair.u.name}/m`, false), headers: pair.d.auth(ONE.key), body: pair.d.body(`${pair.u.name}/m`) });
    const { conn } = await t.begun();
    await leave(t, conn);
    assert.equal((await again()).status, 429);
    assert.ok(Object.entries(await metrics(rig.gw)).find(([k]) => /in_flight/.test(k))[1] > 0);
    g.open();
    await checkExact(t);
    assert.equal((await again()).status, 200);
  }
});

describe('bounds of time, and the end of the process', { concurrency: 4 }, () => {
  const endless = wordy(null, { count: 4000, pause: 20 });
  const start = async (t, ms, server = {}) => ({
    up: rig.up,
    gw: await Gateway.start({ t, config: config(rig.up, { server, timeouts: { ...timeouts, idle_ms: 60000 }, settings: { drain_on_abort: { ms } } }) }),
  });

  test('time is over: what was seen, which is more than the client got', async (t) => {
    const r = await start(t, 1500 * SLOW);
    await Promise.all(
      FEW.map(async (pair) => {
        for (const script of [endless, wordy((res) => res.hang())]) {
          const one = new Trial(r, pair, { script });
          const { conn } = await one.begun();
          const left = Date.now();
          conn.reset();
          await released(one);
          assert.ok(one.asked[0].closedAt - left >= 1400 * SLOW, 'it was heard for its time');
          checkRow(await one.row(), { ...cut(pair), words: 200 });
        }
      }),
    );
  });

  for (const [what, server] of [['with time left', {}], ['without', { shutdown_timeout: 0 }]])
    test(`the process is told to stop, ${what}: at once, and what was seen is billed`, async (t) => {
      const r = await start(t, 600000, server);
      const trials = FEW.map((pair) => new Trial(r, pair, { script: endless }));
      const begun = await Promise.all(trials.map((one) => one.begun()));
      for (const [i, one] of trials.entries()) await leave(one, begun[i].conn);
      r.gw.signal('SIGTERM');
      await r.gw.gone;
      assert.deepEqual(r.gw.exited, { code: 0, signal: null });
      if (!('shutdown_timeout' in server)) assert.equal(logged(r.gw, 'shutdown.cut').length, 0, 'nothing was waited for');
      for (const [i, row] of rowsOf(r.gw, trials.map((one) => one.id)).entries()) checkRow(row, { ...cut(FEW[i]), words: 1000 });
    });

  test('where it is not asked for, upstream is cancelled at once', async (t) => {
    const r = await start(t, 0);
    for (const pair of FEW) {
      const one = new Trial(r, pair, { script: endless });
      const { conn } = await one.begun();
      conn.reset();
      await released(one);
      checkRow(await one.row(), cut(pair));
    }
  });
});

test('and then all is well', async () => {
  for (const pair of PAIRS) {
    const t = new Trial(rig, pair);
    assert.equal((await t.call()).status, 200);
    checkRow(await t.row(), { outcome: 'ok', source: 'upstream', usage: USAGE, dialect: pair.u.dialect });
  }
});
