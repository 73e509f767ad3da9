// An upstream that misbehaves in every way: bounded time, an error in the client's dialect,
// in-band on streams and never a made-up success, one settled row, and the next request is fine.
import test, { after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { rmSync } from 'node:fs';
import { useRig, standardConfig, ask, assertError, assertHealthy, newId, newModel, KEYS, TIMEOUTS } from './lib/rig.js';
import { DIALECTS, STREAMS, WORDS, USAGE, chat, gemini, responses, rowTokens, sse, statusOf, tokensOf } from './lib/dialects.js';
import { call, Conn, eventually, sleep } from './lib/client.js';
import { freePort, SLOW, tempDir } from './lib/gateway.js';
import { Upstream, UPSTREAM_KEYS, answerWell } from './lib/upstream.js';
import { makeCertificates } from './lib/certs.js';

const HELLO = WORDS.join('');
const BOUND = 9000 * SLOW; // nothing may take longer: the deadlines below are 1.5 s
const CRLF = '\r\n';

const extras = {};
const certDir = tempDir();
const CHANNEL = { openai: ['openai', 'openai'], anthropic: ['anthropic', 'anthropic'], aistudio: ['aistudio', 'gemini'] };

async function config(up) {
  const base = standardConfig(up, { timeouts: TIMEOUTS });
  const add = (name, like, base_url, settings = {}) => {
    const [channel, kind] = CHANNEL[like];
    base.providers.push({ name, channel, settings: { base_url, ...settings }, timeouts: TIMEOUTS, credentials: [{ secret: { api_key: UPSTREAM_KEYS[kind] } }] });
  };
  const certs = makeCertificates(certDir);
  for (const name of ['good', 'wrongHost', 'expired', 'selfSigned']) extras[name] = await Upstream.start({ tls: certs[name] });
  extras.lone = await Upstream.start();
  const dead = await freePort();
  for (const like of Object.keys(CHANNEL)) {
    add(`refuse-${like}`, like, `http://127.0.0.1:${dead}`);
    add(`nodns-${like}`, like, 'http://no-such-host.invalid');
  }
  add('lone', 'openai', extras.lone.url);
  add('tls-good', 'openai', extras.good.url, { ca_file: certs.caFile });
  add('tls-unknown-ca', 'openai', extras.good.url);
  add('tls-wrong-host', 'openai', extras.wrongHost.url, { ca_file: certs.caFile });
  add('tls-expired', 'openai', extras.expired.url, { ca_file: certs.caFile });
  add('tls-self-signed', 'openai', extras.selfSigned.url);
  add('tls-skip', 'openai', extras.selfSigned.url, { insecure_skip_verify: true });
  add('tls-to-plain', 'openai', up.url.replace('http:', 'https:'));
  add('plain-to-tls', 'openai', extras.good.url.replace('https:', 'http:'));
  return base;
}

const rig = useRig({ config });
after(async () => {
  for (const u of Object.values(extras)) await u.stop();
  rmSync(certDir, { recursive: true, force: true });
});

// Every request of this file, with what its row may say; looked at in one go at the end.
const ledger = [];

function expectRow(outcomes, check = () => {}) {
  const id = newId('fault');
  ledger.push({ id, outcomes: [outcomes].flat(), check });
  return id;
}

// Asks for `model` scoped, within the bound.
async function timed(d, options) {
  const start = Date.now();
  const a = await ask(rig, d, { scope: d.provider, ...options }, { timeout: BOUND });
  return Object.assign(a, { took: Date.now() - start });
}

const CUT = ['upstream_cut', 'upstream_error'];
const head = (lines, body = '') => `HTTP/1.1 200 OK${CRLF}content-type: application/json${CRLF}${lines.map((l) => l + CRLF).join('')}${CRLF}${body}`;
const good = (req) => JSON.stringify(req.dialect.answer({ model: req.model }));
const withLength = (req, lines = []) => head([`content-length: ${Buffer.byteLength(good(req))}`, ...lines], good(req));

// ---- before anything of an answer is there ---------------------------------
// Each: [what, script, kind of failure, outcomes].  Asked both buffered and streamed.
const BROKEN = [
  ['accepts and hangs', (req, res) => res.hang(), 'timeout', 'timeout'],
  ['closes without a word', (req, res) => res.fin(), 'upstream', 'upstream_error'],
  ['resets without a word', (req, res) => res.rst(), 'upstream', 'upstream_error'],
  ['half a status line, then closes', async (req, res) => (await res.raw('HTTP/1.1 20'), res.fin()), 'upstream', CUT],
  ['half a head, then hangs', async (req, res) => (await res.raw(`HTTP/1.1 200 OK${CRLF}content-ty`), res.hang()), 'timeout', 'timeout'],
  ['half a head, then resets', async (req, res) => (await res.raw(`HTTP/1.1 200 OK${CRLF}content-ty`), res.rst()), 'upstream', CUT],
  ['a head, then hangs', async (req, res) => (await res.raw(head(['content-length: 100'])), res.hang()), 'timeout', 'timeout'],
  ['a head, then resets', async (req, res) => (await res.raw(head(['content-length: 100'])), res.rst()), 'upstream', CUT],
  ['a head, then closes', async (req, res) => (await res.raw(head(['content-length: 100'])), res.fin()), 'upstream', CUT],
  ['a banner of another protocol', async (req, res) => (await res.raw(`SSH-2.0-OpenSSH_9.2${CRLF}`), res.hang(3000)), 'upstream', CUT],
  ['a status that is no number', async (req, res) => (await res.raw(`HTTP/1.1 abc OK${CRLF}${CRLF}`), res.hang(3000)), 'upstream', CUT],
  ['status 99', async (req, res) => (await res.raw(`HTTP/1.1 99 Low${CRLF}content-length: 0${CRLF}${CRLF}`), res.hang(3000)), 'upstream', CUT],
  ['status 1000', async (req, res) => (await res.raw(`HTTP/1.1 1000 High${CRLF}content-length: 0${CRLF}${CRLF}`), res.hang(3000)), 'upstream', CUT],
  ['status 101', async (req, res) => (await res.raw(`HTTP/1.1 101 Switch${CRLF}upgrade: x${CRLF}connection: upgrade${CRLF}${CRLF}`), res.hang(3000)), 'upstream', CUT],
  ['no colon in a header', (req, res) => res.raw(withLength(req, ['nonsense'])), 'upstream', CUT],
  ['a space before a colon', (req, res) => res.raw(withLength(req, ['x-a : 1'])), 'upstream', CUT],
  ['a bare CR in a header', (req, res) => res.raw(withLength(req, ['x-request-id: a\rset-cookie: injected=1'])), 'upstream', CUT],
  ['a NUL in a header', (req, res) => res.raw(withLength(req, ['x-request-id: a\0b'])), 'upstream', CUT],
  ['two content-lengths', (req, res) => res.raw(withLength(req, ['content-length: 3'])), 'upstream', CUT],
  ['a content-length that is no number', (req, res) => res.raw(head(['content-length: ten'], good(req))), 'upstream', CUT],
  ['a negative content-length', (req, res) => res.raw(head(['content-length: -5'], good(req))), 'upstream', CUT],
  ['an unknown transfer-encoding', (req, res) => res.raw(head(['transfer-encoding: br'], good(req))), 'upstream', CUT],
  ['a chunk size that is no number', (req, res) => res.raw(head(['transfer-encoding: chunked'], `zz${CRLF}{}${CRLF}`)), 'upstream', CUT],
  ['a chunk size past 2^64', (req, res) => res.raw(head(['transfer-encoding: chunked'], `11111111111111111${CRLF}{}${CRLF}`)), 'upstream', CUT],
  ['a head of 1 MiB', (req, res) => res.raw(withLength(req, [`x-big: ${'y'.repeat(1 << 20)}`])), 'upstream', CUT],
  ['a head without end', async (req, res) => {
    await res.raw(`HTTP/1.1 200 OK${CRLF}`);
    for (let i = 0; i < 20000 && !res.gone; i++) await res.raw(`x-${i}: ${'z'.repeat(1000)}${CRLF}`);
  }, 'upstream', CUT],
  ['interim answers without end', async (req, res) => {
    for (let i = 0; i < 20000 && !res.gone; i++) {
      await res.raw(`HTTP/1.1 103 Early Hints${CRLF}link: </a>${CRLF}${CRLF}`);
      if (i % 100 === 0) await sleep(10);
    }
  }, ['upstream', 'timeout'], [...CUT, 'timeout']],
  ['204', (req, res) => res.head(204), 'upstream', CUT],
  ['304', (req, res) => res.head(304), 'upstream', CUT],
  ['an empty body', (req, res) => res.body(200, ''), 'upstream', CUT],
  ['HTML', (req, res) => res.body(200, '<html><body>It works!</body></html>', { 'content-type': 'text/html' }), 'upstream', CUT],
  ['an error inside 200', (req, res) => res.json(200, req.dialect.error(500, 'Inside.')), ['upstream', 'relayed'], CUT],
  ['301', (req, res) => res.head(301, { location: '/v1/elsewhere', 'content-length': 0 }), 'upstream', CUT],
  ['302 to another host', (req, res) => res.head(302, { location: 'http://127.0.0.1:1/', 'content-length': 0 }), 'upstream', CUT],
  ['307 to itself', (req, res) => res.head(307, { location: req.target, 'content-length': 0 }), 'upstream', CUT],
];

const ONLY_BUFFERED = [
  ['broken JSON', (req, res) => res.body(200, good(req).slice(0, -20)), 'upstream', CUT],
  ['JSON with a tail', (req, res) => res.body(200, `${good(req)} oops`), 'upstream', CUT],
  ['a body shorter than its length', async (req, res) => (await res.raw(head(['content-length: 5000'], good(req))), res.fin()), 'upstream', CUT],
  ['a body shorter than its length, then reset', async (req, res) => (await res.raw(head(['content-length: 5000'], good(req))), res.rst()), 'upstream', CUT],
  ['a body that stalls', async (req, res) => (await res.raw(head(['content-length: 5000'], good(req).slice(0, 50))), res.hang()), 'timeout', 'timeout'],
  ['chunks without an end', async (req, res) => (await res.raw(head(['transfer-encoding: chunked'], `5${CRLF}{"a":${CRLF}`)), res.fin()), 'upstream', CUT],
  ['a chunk cut in two', async (req, res) => (await res.raw(head(['transfer-encoding: chunked'], `ff${CRLF}{"a":`)), res.fin()), 'upstream', CUT],
];

const SSE_HEAD = `HTTP/1.1 200 OK${CRLF}content-type: text/event-stream${CRLF}transfer-encoding: chunked${CRLF}${CRLF}`;
const ONLY_STREAMED = [
  ['a stream that never begins', async (req, res) => (await res.stream(), res.hang()), 'timeout', 'timeout'],
  ['comments only, then hangs', async (req, res) => (await res.stream(), await res.chunk(req.dialect.array ? ' ' : ': ping\n\n'), res.hang()), 'timeout', 'timeout'],
  ['comments for ever', async (req, res) => {
    await res.stream();
    for (let i = 0; i < 600 && !res.gone; i++) (await res.chunk(req.dialect.array ? ' ' : ': ping\n\n'), await sleep(100));
  }, 'timeout', 'timeout'],
  ['an empty stream', async (req, res) => (await res.stream(), res.finish()), 'upstream', CUT],
  ['a stream reset before its first event', async (req, res) => (await res.stream(), res.rst()), 'upstream', CUT],
  ['a stream cut in its first event', async (req, res) => (await res.stream(), await res.chunk(req.dialect.frames({ model: req.model })[0].slice(0, 20)), res.rst()), 'upstream', CUT],
  ['HTML as a stream', async (req, res) => (await res.raw(SSE_HEAD), await res.chunk('<html>\n\n</html>\n\n'), res.finish()), 'upstream', CUT],
  ['an error event first', async (req, res) => {
    await res.stream();
    await res.chunk(req.dialect.array ? `[${req.dialect.errorFrame().replace(/^,\s*/, '')}` : req.dialect.errorFrame());
    await res.finish();
  }, ['relayed', 'upstream', 'overloaded'], CUT],
  ['comments, then an error event first', async (req, res) => {
    await res.stream();
    await res.chunk(req.dialect.array ? `  [${req.dialect.errorFrame().replace(/^,\s*/, '')}` : `: hello\n\n: again\n\n${req.dialect.errorFrame()}`);
    await res.finish();
  }, ['relayed', 'upstream', 'overloaded'], CUT],
];

// "relayed": some status of failure of the upstream's own choosing.
function statuses(d, kinds) {
  return [kinds].flat().flatMap((k) => (k === 'relayed' ? [500, 502, 503, 504, 529] : [statusOf(d, k)]));
}

for (const d of STREAMS)
  describe(`before the first byte: ${d.label}`, { concurrency: 8 }, () => {
    const cases = [
      ...BROKEN.map((c) => [...c, true]),
      ...(d.array ? [] : BROKEN.map((c) => [...c, false])),
      ...(d.array ? [] : ONLY_BUFFERED.map((c) => [...c, false])),
      ...ONLY_STREAMED.map((c) => [...c, true]),
    ];
    for (const [what, script, kind, outcomes, stream] of cases)
      test(`${what}, ${stream ? 'streamed' : 'buffered'}`, async () => {
        const model = rig.up.script(newModel('broken'), script);
        const id = expectRow(outcomes, (row) => assert.equal(row.output_tokens ?? 0, 0, 'nothing was seen'));
        const a = await timed(d, { model, stream, id });
        assertError(d, a, statuses(d, kind));
        assert.ok(!/injected|set-cookie/i.test(a.rawHead), 'no header of the upstream slips in');
        assert.ok(rig.up.seen(model).length <= 2, `${rig.up.seen(model).length} attempts`);
      });
  });

// ---- in the middle ------------------------------------------------------------
const MIDDLE = [
  ['reset', (req, res) => res.rst(), 'upstream_cut'],
  ['closed', (req, res) => res.fin(), 'upstream_cut'],
  ['ended cleanly without its end', (req, res) => res.finish(), 'upstream_cut'],
  ['stalled', (req, res) => res.hang(), ['timeout', 'upstream_cut']],
  ['a bad chunk', (req, res) => res.raw(`zz${CRLF}`), 'upstream_cut'],
  ['cut in an event', async (req, res, frames) => (await res.chunk(frames[3].slice(0, 25)), res.rst()), 'upstream_cut'],
  ['an error event, then the end', async (req, res) => (await res.chunk(req.dialect.errorFrame()), res.finish()), CUT],
  ['an error event, then closed', async (req, res) => (await res.chunk(req.dialect.errorFrame()), res.fin()), CUT],
  ['an error event, then it hangs', async (req, res) => (await res.chunk(req.dialect.errorFrame()), res.hang()), [...CUT, 'timeout']],
];

for (const d of STREAMS)
  describe(`in the middle of a stream: ${d.label}`, { concurrency: 8 }, () => {
    for (const [what, fault, outcomes] of MIDDLE)
      for (const renamed of [false, true])
        test(`${what}${renamed ? ', under another name' : ''}`, async () => {
          const model = newModel('mid');
          rig.up.script(model, async (req, res) => {
            const frames = req.dialect.frames({ model, words: ['one ', 'two ', 'three ', 'four ', 'five '] });
            await res.stream();
            const first = frames.findIndex((f) => f.includes('two '));
            for (const f of frames.slice(0, first + 1)) await res.chunk(f);
            await sleep(20);
            await fault(req, res, frames);
          });
          const id = expectRow(outcomes, (row) => {
            assert.ok((row.output_tokens ?? 0) > 0, 'what was seen is billed');
            assert.notEqual(row.usage_source, 'upstream', 'and not called final');
          });
          const a = await timed(d, renamed ? { scope: undefined, model: `${d.provider}/${model}`, stream: true, id } : { model, stream: true, id });
          assert.equal(a.status, 200);
          assert.ok(d.streamText(a.text).startsWith('one two '), `what came before is delivered: ${a.text}`);
          const error = d.streamError(a.text);
          assert.ok(error, `an error is in the stream: ${a.text.slice(-300)}`);
          assert.equal(typeof error.message, 'string');
          assert.ok(!d.ended(a.text), 'no made-up success');
          assert.equal(sse(a.text).filter((p) => p.data === '[DONE]').length, 0, 'no [DONE]');
        });

    test('the error is the last thing in the stream', async () => {
      const model = rig.up.script(newModel('after'), async (req, res) => {
        await res.stream();
        const frames = req.dialect.frames({ model: req.model });
        for (const f of frames.slice(0, 3)) await res.chunk(f);
        await res.rst();
      });
      const a = await timed(d, { model, stream: true, id: expectRow('upstream_cut') });
      if (d.array) return assert.ok(JSON.parse(a.text).at(-1).error);
      const last = sse(a.text).at(-1);
      assert.match(last.data, /"error"|"response\.failed"/);
      return undefined;
    });
  });

describe('a large buffered answer that breaks off', { concurrency: 4 }, () => {
  for (const d of DIALECTS)
    for (const [what, end] of [['closed', (res) => res.fin()], ['reset', (res) => res.rst()], ['stalled', (res) => res.hang()]])
      test(`${d.name}: ${what}`, async () => {
        const body = (req) => JSON.stringify(req.dialect.answer({ model: req.model, words: ['x'.repeat(600000)] }));
        const model = rig.up.script(newModel('bigcut'), async (req, res) => {
          const all = body(req);
          await res.raw(head([`content-length: ${Buffer.byteLength(all)}`], all.slice(0, 300000)));
          await sleep(50);
          await end(res);
        });
        const a = await timed(d, { model, id: expectRow(['upstream_cut', 'timeout', 'upstream_error']) });
        if (a.status === 200) assert.ok(!a.complete, 'the client can tell that it is not whole');
        else assertError(d, a, statuses(d, ['upstream', 'timeout']));
      });
});

// ---- odd but whole -----------------------------------------------------------
const ODD = [
  ['100 Continue first', async (req, res) => (await res.raw(`HTTP/1.1 100 Continue${CRLF}${CRLF}`), answerWell(req, res))],
  ['103 Early Hints first, twice', async (req, res) => (await res.raw(`HTTP/1.1 103 Early Hints${CRLF}link: </x>${CRLF}${CRLF}`.repeat(2)), answerWell(req, res))],
  ['102 in the same packet', (req, res) => res.raw(`HTTP/1.1 102 Processing${CRLF}${CRLF}${withLength(req)}`), 'buffered'],
  ['no reason phrase', (req, res) => res.raw(withLength(req).replace('200 OK', '200 ')), 'buffered'],
  ['no reason phrase, no space', (req, res) => res.raw(withLength(req).replace('200 OK', '200')), 'buffered'],
  ['no length, closed', async (req, res) => (await res.raw(head([], good(req))), res.fin()), 'buffered'],
  ['HTTP/1.0, closed', async (req, res) => (await res.raw(head([], good(req)).replace('HTTP/1.1', 'HTTP/1.0')), res.fin()), 'buffered'],
  ['connection: close', async (req, res) => (await res.raw(withLength(req, ['connection: close'])), res.fin()), 'buffered'],
  ['chunks of one byte', oneByteChunks, 'ascii'],
  ['chunk extensions and trailers', (req, res) => res.raw(head(['transfer-encoding: chunked'], `${Buffer.byteLength(good(req)).toString(16)};a=b${CRLF}${good(req)}${CRLF}0${CRLF}x-t: 1${CRLF}${CRLF}`)), 'buffered'],
  ['a byte at a time', async (req, res) => {
    for (const b of Buffer.from(withLength(req))) (await res.raw(Buffer.from([b])), await new Promise((r) => setImmediate(r)));
  }, 'buffered'],
  ['slower than the idle deadline in all, never in between', async (req, res) => {
    const all = Buffer.from(withLength(req));
    for (let i = 0; i < 8; i++) (await res.raw(all.subarray((all.length * i) / 8, (all.length * (i + 1)) / 8)), await sleep(300));
  }, 'buffered'],
  ['white space around the JSON', (req, res) => res.body(200, `\n\n  ${good(req)}\n`), 'buffered'],
  ['a slow stream', (req, res) => answerWell(req, res, { pause: 400 }), 'streamed'],
  ['a stream without length, closed', async (req, res) => {
    await res.head(200, { 'content-type': 'text/event-stream' });
    for (const f of req.dialect.frames({ model: req.model })) await res.raw(f);
    res.fin();
  }, 'streamed'],
  ['a stream with a content-length', async (req, res) => {
    const all = req.dialect.frames({ model: req.model }).join('');
    await res.body(200, all, { 'content-type': 'text/event-stream' });
  }, 'streamed'],
  ['a stream cut at every byte', async (req, res) => {
    await res.stream();
    for (const b of Buffer.from(req.dialect.frames({ model: req.model }).join(''))) await res.chunk(Buffer.from([b]));
    await res.finish();
  }, 'streamed'],
  ['a stream in one piece', async (req, res) => (await res.stream(), await res.chunk(req.dialect.frames({ model: req.model }).join('')), res.finish()), 'streamed'],
];

for (const d of DIALECTS)
  describe(`odd but whole: ${d.name}`, { concurrency: 6 }, () => {
    for (const [what, script, mode = 'both'] of ODD)
      for (const stream of mode === 'both' ? [false, true] : [mode === 'streamed']) {
        test(`${what}, ${stream ? 'streamed' : 'buffered'}`, async () => {
          const words = mode === 'ascii' ? ['plain'] : WORDS;
          const model = rig.up.script(newModel('odd'), script);
          const a = await timed(d, { model, stream, includeUsage: true, id: expectRow('ok', (row) => assert.deepEqual(tokensOf(row), rowTokens(d))) });
          assert.equal(a.status, 200, a.text);
          assert.ok(a.complete);
          assert.equal(stream ? d.streamText(a.text) : d.text(a.json), words.join(''));
        });
      }
  });

function oneByteChunks(req, res) {
  const body = JSON.stringify(req.dialect.answer({ model: req.model, words: ['plain'] }));
  return res.raw(head(['transfer-encoding: chunked'], [...body].map((c) => `1${CRLF}${c}${CRLF}`).join('') + `0${CRLF}${CRLF}`));
}

// ---- SSE as people write it ---------------------------------------------------
const crlf = (s) => s.replaceAll('\n', '\r\n');
const cr = (s) => s.replaceAll('\n', '\r');
const REWRITES = {
  CRLF: crlf,
  CR: cr,
  'mixed line ends': (s, i) => [(x) => x, crlf, cr][i % 3](s),
  'no space after data:': (s) => s.replaceAll('data: ', 'data:'),
  comments: (s) => `: keep-alive\n\n${s}: x\n\n`,
  'id and retry lines': (s, i) => `id: ${i}\nretry: 1000\n${s}`,
  'blank lines between': (s) => `\n\n${s}\n`,
  'a BOM first': (s, i) => (i === 0 ? `\ufeff${s}` : s),
};

for (const d of DIALECTS)
  describe(`server-sent events: ${d.name}`, { concurrency: 6 }, () => {
    for (const [what, rewrite] of Object.entries(REWRITES))
      for (const split of [false, true])
        test(`${what}${split ? ', cut at every byte' : ''}: relayed byte for byte, metered`, async () => {
          const model = newModel('sse');
          const frames = d.frames({ model }).map((f, i) => rewrite(f, i));
          rig.up.script(model, async (req, res) => {
            await res.stream();
            if (split) for (const b of Buffer.from(frames.join(''))) await res.chunk(Buffer.from([b]));
            else for (const f of frames) await res.chunk(f);
            await res.finish();
          });
          const a = await timed(d, { model, stream: true, includeUsage: true, id: expectRow('ok', (row) => assert.deepEqual(tokensOf(row), rowTokens(d))) });
          assert.equal(a.status, 200, a.text);
          assert.equal(a.text, frames.join(''));
        });

    test('renamed in every line end', async () => {
      for (const rewrite of [crlf, cr]) {
        const model = newModel('sse');
        rig.up.script(model, async (req, res) => {
          await res.stream();
          for (const f of d.frames({ model })) await res.chunk(rewrite(f));
          await res.finish();
        });
        const asked = `${d.provider}/${model}`;
        const a = await timed(d, { scope: undefined, model: asked, stream: true, includeUsage: true, id: expectRow('ok') });
        assert.equal(a.text, d.frames({ model: asked }).map(rewrite).join(''));
      }
    });

    test('an event of 2 MB flows', async () => {
      const model = newModel('sse');
      const frames = d.frames({ model, words: ['a', 'x'.repeat(2 << 20), 'b'] });
      rig.up.script(model, async (req, res) => {
        await res.stream();
        for (const f of frames) await res.chunk(f);
        await res.finish();
      });
      const a = await timed(d, { model, stream: true, includeUsage: true, id: expectRow('ok') });
      assert.ok(a.complete);
      assert.equal(a.body.length, Buffer.byteLength(frames.join('')));
    });

    test('garbage in the middle is bounded: an event of its own, or an error', async () => {
      const model = newModel('sse');
      rig.up.script(model, async (req, res) => {
        await res.stream();
        const frames = d.frames({ model });
        for (const f of frames.slice(0, 2)) await res.chunk(f);
        await res.chunk('data: {"broken": \n\ndata: \xff\xfe\n\nnonsense\n\ndata\n\n');
        for (const f of frames.slice(2)) await res.chunk(f);
        await res.finish();
      });
      const a = await timed(d, { model, stream: true, includeUsage: true, id: expectRow(['ok', ...CUT]) });
      assert.equal(a.status, 200);
      assert.notEqual(Boolean(d.streamError(a.text)), d.ended(a.text), 'one of the two');
    });
  });

describe('chat: the end of a stream', () => {
  test('no [DONE] after a finish reason: an answer all the same', async () => {
    const model = newModel('nodone');
    rig.up.script(model, async (req, res) => {
      await res.stream();
      for (const f of chat.frames({ model }).slice(0, -1)) await res.chunk(f);
      await res.finish();
    });
    const a = await timed(chat, { model, stream: true, includeUsage: true, id: expectRow('ok', (row) => assert.deepEqual(tokensOf(row), rowTokens(chat))) });
    assert.equal(chat.streamText(a.text), HELLO);
    assert.equal(chat.streamError(a.text), undefined);
  });

  test('the extra usage chunk is withheld whatever the line ends, also without [DONE]', async () => {
    for (const rewrite of [(s) => s, crlf, cr])
      for (const last of [0, -1]) {
        const model = newModel('withheld');
        rig.up.script(model, async (req, res) => {
          await res.stream();
          const frames = chat.frames({ model });
          for (const f of last ? frames.slice(0, last) : frames) await res.chunk(rewrite(f));
          await res.finish();
        });
        const a = await timed(chat, { model, stream: true, id: expectRow('ok', (row) => assert.deepEqual(tokensOf(row), rowTokens(chat))) });
        assert.ok(!/"choices":\[\]/.test(a.text), a.text);
        assert.equal(chat.streamText(a.text), HELLO);
      }
  });

  test('usage on a chunk with choices is not withheld', async () => {
    const model = newModel('finishusage');
    rig.up.script(model, async (req, res) => {
      await res.stream();
      for (const f of chat.frames({ model, includeUsage: false }).slice(0, -2)) await res.chunk(f);
      const u = { prompt_tokens: 31, completion_tokens: 9, total_tokens: 40, prompt_tokens_details: { cached_tokens: 20 }, completion_tokens_details: { reasoning_tokens: 4 } };
      await res.chunk(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: u })}\n\n`);
      await res.chunk('data: [DONE]\n\n');
      await res.finish();
    });
    const a = await timed(chat, { model, stream: true, id: expectRow('ok', (row) => assert.deepEqual(tokensOf(row), rowTokens(chat))) });
    assert.ok(/"finish_reason":"stop"/.test(a.text));
  });
});

// ---- figures that lie ------------------------------------------------------------
const edit = {
  openai_chat: (j) => j.usage,
  openai_responses: (j) => j.usage,
  anthropic: (j) => j.usage,
  gemini: (j) => j.usageMetadata,
};

const LIES = {
  'negative figures': (u) => {
    for (const k of Object.keys(u)) if (typeof u[k] === 'number') u[k] = -5;
  },
  'more cached than there were': (u) => {
    if ('prompt_tokens' in u) u.prompt_tokens = 1;
    if ('promptTokenCount' in u) u.promptTokenCount = 1;
    if (u.input_tokens_details) u.input_tokens = 1;
  },
  'strings for numbers': (u) => {
    for (const k of Object.keys(u)) if (typeof u[k] === 'number') u[k] = String(u[k]);
  },
  fractions: (u) => {
    for (const k of Object.keys(u)) if (typeof u[k] === 'number') u[k] += 0.5;
  },
  nulls: (u) => {
    for (const k of Object.keys(u)) u[k] = null;
  },
  'arrays for objects': (u) => {
    for (const k of Object.keys(u)) if (typeof u[k] === 'object') u[k] = [1];
  },
};

for (const d of DIALECTS)
  describe(`usage: ${d.name}`, { concurrency: 4 }, () => {
    const sane = (row) => {
      for (const [k, v] of Object.entries(row)) if (/_tokens$|^cost/.test(k) && typeof v === 'number') assert.ok(v >= 0 && Number.isSafeInteger(Math.round(v)), `${k} = ${v}`);
    };
    for (const [what, lie] of Object.entries(LIES))
      test(what, async () => {
        const model = rig.up.script(newModel('lie'), (req, res) => {
          const answer = d.answer({ model: req.model });
          lie(edit[d.name](answer));
          return res.json(200, answer);
        });
        const a = await timed(d, { model, id: expectRow('ok', sane) });
        assert.equal(a.status, 200, a.text);
      });

    test('figures past 2^63 and 1e400', async () => {
      for (const n of ['9223372036854775808', '1e400', '123456789012345678901234567890', '-9223372036854775809']) {
        const model = rig.up.script(newModel('lie'), (req, res) =>
          res.body(200, JSON.stringify(d.answer({ model: req.model })).replace(/("(?:output_tokens|completion_tokens|candidatesTokenCount)":)\d+/, `$1${n}`)),
        );
        const a = await timed(d, { model, id: expectRow('ok', sane) });
        assert.equal(a.status, 200, a.text);
      }
    });

    for (const stream of [false, true])
      test(`none at all, ${stream ? 'streamed' : 'buffered'}: estimated, and said so`, async () => {
        const words = ['some words that were seen ', 'and some more of them'];
        const model = rig.up.script(newModel('nousage'), (req, res) => answerWell(req, res, { usage: null, words }));
        const id = expectRow('ok', (row) => {
          assert.equal(row.usage_source, 'estimated');
          assert.ok(row.output_tokens >= 5 && row.output_tokens <= 40, `${row.output_tokens}`);
          assert.ok(row.input_tokens > 0);
        });
        assert.equal((await timed(d, { model, stream, id })).status, 200);
      });

    test('told again and again: the last counts, nothing is added up', async () => {
      const model = newModel('again');
      rig.up.script(model, async (req, res) => {
        await res.stream();
        const frames = d.frames({ model });
        const told = frames.filter((f) => /usage/i.test(f) && !/"usage":null/.test(f) && !/\[DONE\]|message_stop|response.completed|finishReason/.test(f));
        for (const f of frames.slice(0, -1)) await res.chunk(f);
        if (d !== responses && d !== gemini) for (let i = 0; i < 3; i++) await res.chunk(told.at(-1));
        await res.chunk(frames.at(-1));
        await res.finish();
      });
      const a = await timed(d, { model, stream: true, includeUsage: true, id: expectRow('ok', (row) => assert.deepEqual(tokensOf(row), rowTokens(d, USAGE))) });
      assert.equal(a.status, 200);
    });
  });

// ---- statuses of the upstream ------------------------------------------------------
const STATUS = {
  400: (d) => [400],
  401: () => [502],
  402: () => [502],
  403: () => [403, 502],
  404: (d) => [404],
  408: (d) => [408, 504, statusOf(d, 'upstream')],
  409: (d) => [409],
  413: (d) => [413, statusOf(d, 'too_large')],
  422: (d) => [422],
  429: (d) => [429],
  500: (d) => [500, statusOf(d, 'upstream')],
  502: (d) => [502, statusOf(d, 'upstream')],
  503: (d) => [503, statusOf(d, 'overloaded'), statusOf(d, 'upstream')],
  529: (d) => [529, statusOf(d, 'overloaded'), statusOf(d, 'upstream')],
};

for (const d of STREAMS)
  describe(`statuses: ${d.label}`, { concurrency: 8 }, () => {
    for (const [status, allowed] of Object.entries(STATUS))
      for (const stream of d.array ? [true] : [false, true])
        test(`${status}, ${stream ? 'streamed' : 'buffered'}`, async () => {
          const n = Number(status);
          const model = rig.up.script(newModel(`s${n}`), (req, res) =>
            res.json(n, d.array ? [d.error(n, 'A reason was given.')] : d.error(n, 'A reason was given.'), [429, 503].includes(n) ? { 'retry-after': '7' } : {}),
          );
          const id = expectRow('upstream_error', (row) => {
            assert.equal(row.upstream_status, n);
            assert.equal(row.output_tokens ?? 0, 0);
          });
          const a = await timed(d, { model, stream, id });
          assertError(d, a, allowed(d));
          if (n >= 400 && n < 500 && ![401, 402, 403, 408].includes(n)) assert.match(a.text, /A reason was given/, "the upstream's reason is told");
          if ([429, 503].includes(n)) assert.equal(a.headers['retry-after'], '7');
          assert.equal(rig.up.seen(model).length, 1, 'one target, one attempt');
        });

    if (!d.array)
      for (const [what, status, body, type] of [
        ['HTML with 500', 500, '<html>Bad</html>', 'text/html'],
        ['HTML with 404', 404, '<html>Gone</html>', 'text/html'],
        ['text with 400', 400, 'no', 'text/plain'],
        ['nothing with 502', 502, '', 'application/json'],
        ['another vendor\'s JSON with 400', 400, '{"detail":"no"}', 'application/json'],
        ['broken JSON with 429', 429, '{"error":', 'application/json'],
      ])
        test(`${what} is put into the client's dialect`, async () => {
          const model = rig.up.script(newModel('plain'), (req, res) => res.body(status, body, { 'content-type': type }));
          const a = await timed(d, { model, id: expectRow('upstream_error') });
          assertError(d, a, status >= 500 ? [status, statusOf(d, 'upstream')] : status);
        });

    test('a secret in an upstream error is not passed on', async () => {
      const kind = d.provider === 'aistudio' ? 'gemini' : d.provider;
      const model = rig.up.script(newModel('leak'), (req, res) => res.json(400, d.array ? [d.error(400, `bad key ${UPSTREAM_KEYS[kind]}`)] : d.error(400, `bad key ${UPSTREAM_KEYS[kind]}`)));
      const a = await timed(d, { model, stream: Boolean(d.array), id: expectRow('upstream_error') });
      assert.ok(!a.text.includes(UPSTREAM_KEYS[kind]), a.text);
    });
  });

// ---- where nobody answers, and TLS ------------------------------------------------
describe('nobody there', { concurrency: 4 }, () => {
  for (const d of DIALECTS)
    for (const stream of [false, true]) {
      test(`${d.name}: refused, ${stream ? 'streamed' : 'buffered'}`, async () => {
        const a = await timed(d, { scope: `refuse-${d.provider}`, model: 'm', stream, id: expectRow('upstream_error') });
        assertError(d, a, statusOf(d, 'upstream'));
        assert.ok(a.took < 2000 * SLOW, `${a.took} ms`);
      });
      test(`${d.name}: a name that does not resolve, ${stream ? 'streamed' : 'buffered'}`, async () => {
        const a = await timed(d, { scope: `nodns-${d.provider}`, model: 'm', stream, id: expectRow(['upstream_error', 'timeout']) });
        assertError(d, a, statuses(d, ['upstream', 'timeout']));
      });
    }
});

describe('TLS', { concurrency: 4 }, () => {
  for (const name of ['tls-good', 'tls-skip'])
    test(name, async () => {
      for (const stream of [false, true]) {
        const a = await timed(chat, { scope: name, model: 'm', stream, id: expectRow('ok') });
        assert.equal(a.status, 200, a.text);
        assert.equal(stream ? chat.streamText(a.text) : chat.text(a.json), HELLO);
      }
    });

  for (const name of ['tls-unknown-ca', 'tls-wrong-host', 'tls-expired', 'tls-self-signed', 'tls-to-plain', 'plain-to-tls'])
    test(name, async () => {
      // A server that says nothing to a TLS greeting is told apart from a broken one by time alone.
      const silent = name === 'tls-to-plain';
      const a = await timed(chat, { scope: name, model: 'm', id: expectRow(silent ? [...[CUT].flat(), 'timeout'] : CUT) });
      assertError(chat, a, silent ? [502, 504] : 502);
      if (name.startsWith('tls')) assert.match(a.json.error.message, /TLS|certificate/i);
    });

  test('nothing of the request reaches a server that is not trusted', () => {
    for (const u of [extras.wrongHost, extras.expired]) assert.equal(u.requests.length, 0);
    assert.ok(extras.selfSigned.requests.length <= 2, 'only those that skip verification');
  });
});

// ---- the pool ------------------------------------------------------------------
describe('kept connections', () => {
  const over = async (conn, model, stream = false) => {
    await conn.send({ path: '/lone/v1/chat/completions', headers: chat.auth(KEYS.alice), body: chat.body(model, { stream, includeUsage: stream }) });
    return conn.answer({ timeout: BOUND });
  };
  // One client connection, so that it is always the same worker and the same pool.
  const session = async (fn) => {
    const conn = await Conn.open(rig.gw);
    await fn(conn);
    conn.close();
  };

  test('a kept connection that dies before the first byte is tried once more on a fresh one', () =>
    session(async (conn) => {
      const model = extras.lone.script(newModel('stale'), (req, res) => (req.conn.requests > 1 ? res.rst() : answerWell(req, res)));
      for (let i = 0; i < 6; i++) assert.equal((await over(conn, model)).status, 200, `request ${i}`);
    }));

  test('closed while idle', () =>
    session(async (conn) => {
      const model = extras.lone.script(newModel('idle'), async (req, res) => {
        await answerWell(req, res);
        setTimeout(() => res.fin(), 20);
      });
      for (let i = 0; i < 5; i++) {
        assert.equal((await over(conn, model)).status, 200);
        await sleep(i % 2 ? 40 : 0);
      }
    }));

  const STOLEN = `HTTP/1.1 200 OK${CRLF}content-type: application/json${CRLF}content-length: 19${CRLF}${CRLF}{"answer":"STOLEN"}`;
  for (const [what, script] of [
    ['junk in the same packet as the end', (req, res) => res.raw(withLength(req) + STOLEN)],
    ['junk soon after', async (req, res) => (await answerWell(req, res), await sleep(5), res.raw(STOLEN))],
    ['junk while the next is asked', async (req, res) => (await res.raw(STOLEN.slice(0, 30)), await res.raw(withLength(req) + STOLEN))],
    ['junk after the last chunk', async (req, res) => (await res.raw(head(['transfer-encoding: chunked'], `${Buffer.byteLength(good(req)).toString(16)}${CRLF}${good(req)}${CRLF}0${CRLF}${CRLF}`) + STOLEN))],
    ['both lengths', (req, res) => res.raw(head([`content-length: ${Buffer.byteLength(good(req)) + 3}`, 'transfer-encoding: chunked'], `${Buffer.byteLength(good(req)).toString(16)}${CRLF}${good(req)}${CRLF}0${CRLF}${CRLF}`))],
    ['a body on a HEAD-like 204', async (req, res) => res.raw(`HTTP/1.1 204 No${CRLF}content-length: 19${CRLF}${CRLF}{"answer":"STOLEN"}`)],
  ])
    test(`${what} never becomes somebody's answer`, () =>
      session(async (conn) => {
        for (let i = 0; i < 4; i++) {
          const bad = extras.lone.script(newModel('junk'), script);
          const a = await over(conn, bad);
          assert.ok(!a.text.includes('STOLEN'), a.text);
          if (a.status === 200) assert.equal(a.json.model, bad);
          // Junk that comes after the next request was sent looks like its answer to anybody.
          if (what === 'junk soon after') await sleep(40);
          const next = newModel('next');
          const b = await over(conn, next, i % 2 === 1);
          assert.equal(b.status, 200, b.text);
          assert.ok(b.text.includes(next) && !b.text.includes('STOLEN'), b.text);
        }
      }));

  test('an answer before the request is through reaches the client, the connection is not reused', async () => {
    extras.lone.early = async (req, res) => {
      if (req.whole) return answerWell(req, res);
      await res.json(413, chat.error(413, 'Too much for me.', 'invalid_request_error'));
      await sleep(300);
      return res.fin();
    };
    try {
      const a = await call(rig.gw, { path: '/lone/v1/chat/completions', headers: chat.auth(KEYS.alice), body: chat.body('early', { text: 'x'.repeat(24 << 20) }) }, { timeout: BOUND });
      assert.equal(a.status, 413, a.text.slice(0, 200));
      assert.match(a.text, /Too much for me/);
    } finally {
      extras.lone.early = null;
    }
    await session(async (conn) => assert.equal((await over(conn, newModel('fine'))).status, 200));
  });
});

// Made before anybody waits: it takes seconds, in which no upstream answers.
const BOMB = gzipSync(Buffer.alloc(256 << 20, 32), { level: 9 });

describe('compressed though identity was asked for', { concurrency: 4 }, () => {
  for (const d of DIALECTS) {
    test(`${d.name}: an answer in gzip is read or refused, never passed on blindly`, async () => {
      const model = rig.up.script(newModel('gzip'), (req, res) => res.body(200, gzipSync(good(req)), { 'content-encoding': 'gzip' }));
      const a = await timed(d, { model, id: expectRow(['ok', ...CUT]) });
      if (a.status !== 200) return assertError(d, a, statusOf(d, 'upstream'));
      assert.equal(a.headers['content-encoding'], undefined);
      return assert.equal(d.text(a.json), HELLO);
    });

    test(`${d.name}: a bomb`, async () => {
      const before = rig.gw.rssKiB();
      const model = rig.up.script(newModel('bomb'), (req, res) => res.body(200, BOMB, { 'content-encoding': 'gzip' }));
      const a = await timed(d, { model, id: expectRow(CUT) });
      assert.notEqual(a.status, 200);
      assert.ok(rig.gw.rssKiB() - before < 64 * 1024 * SLOW, 'memory stays bounded');
    });
  }
});

test('a line without end does not grow memory', async () => {
  const before = rig.gw.rssKiB();
  const model = rig.up.script(newModel('endless'), async (req, res) => {
    await res.stream();
    await res.chunk('data: {"id":"');
    const piece = 'x'.repeat(1 << 20);
    for (let i = 0; i < 200 && !res.gone; i++) await res.chunk(piece);
    res.rst();
  });
  const conn = await Conn.open(rig.gw);
  await conn.send({ path: `/openai${chat.path()}`, headers: chat.auth(KEYS.alice), body: chat.body(model, { stream: true }) });
  const answer = conn.answer({ timeout: 60000, until: (a) => a.body.length > 1e9 }).catch(() => null);
  let top = 0;
  const watch = setInterval(() => (top = Math.max(top, rig.gw.rssKiB())), 20);
  conn.socket.on('data', () => {
    const a = conn.answers[0];
    if (a) a.body = Buffer.alloc(0); // only how much, not what
  });
  await Promise.race([answer, sleep(20000)]);
  clearInterval(watch);
  conn.close();
  assert.ok(top - before < 64 * 1024 * SLOW, `${top - before} KiB more`);
});

test('every request above has exactly one row that says the right thing', async () => {
  const ids = new Set(ledger.map((l) => l.id));
  const rows = await eventually(
    () => {
      const all = rig.gw.usageRows().filter((r) => ids.has(r.client_request_id));
      return new Set(all.map((r) => r.client_request_id)).size === ids.size ? all : null;
    },
    { timeout: 10000 * SLOW, every: 300, what: 'a row for every request' },
  ).catch(() => rig.gw.usageRows());
  const wrong = [];
  for (const { id, outcomes, check } of ledger) {
    const mine = rows.filter((r) => r.client_request_id === id);
    if (mine.length !== 1) wrong.push(`${id}: ${mine.length} rows, wanted outcome ${outcomes}`);
    else if (!outcomes.includes(mine[0].outcome)) wrong.push(`${id} ${mine[0].dialect} ${mine[0].model}: outcome ${mine[0].outcome}, wanted ${outcomes}`);
    else
      try {
        check(mine[0]);
      } catch (e) {
        wrong.push(`${id} ${mine[0].dialect} ${mine[0].model}: ${e.message}`);
      }
  }
  assert.deepEqual(wrong, []);
});

test('and the gateway is healthy', async () => {
  for (const d of DIALECTS) await assertHealthy(rig, d);
  assert.equal(rig.gw.exited, null);
});
