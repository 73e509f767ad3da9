// Where a key may stand, which one counts, and that it goes nowhere else.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, assertError, newId, newModel, KEYS, UNKNOWN_KEY } from './lib/rig.js';
import { DIALECTS, chat, frame, geminiArray, named, statusOf } from './lib/dialects.js';
import { UPSTREAM_KEYS } from './lib/upstream.js';
import { call, eventually, sleep } from './lib/client.js';

const rig = useRig();

const PLACES = [
  ['authorization', (k) => ({ headers: { authorization: `Bearer ${k}` } })],
  ['authorization in other case', (k) => ({ headers: { Authorization: `bearer ${k}` } })],
  ['x-api-key', (k) => ({ headers: { 'x-api-key': k } })],
  ['x-goog-api-key', (k) => ({ headers: { 'x-goog-api-key': k } })],
  ['?key=', (k) => ({ query: `key=${k}` })],
  ['?key= among others, escaped', (k) => ({ query: `a=1&key=${k.replace('-', '%2D')}&b=2` })],
];

function send(d, { headers = {}, query }, stream = false) {
  const path = d.path(d.alias, stream);
  return call(rig.gw, {
    path: query ? `${path}${path.includes('?') ? '&' : '?'}${query}` : path,
    headers: d.name === 'anthropic' ? { 'anthropic-version': '2023-06-01', ...headers } : headers,
    body: d.body(d.alias, { stream }),
  });
}

for (const d of DIALECTS)
  describe(`${d.name}`, () => {
    for (const [where, put] of PLACES)
      test(`the key in ${where}`, async () => {
        const a = await send(d, put(KEYS.alice));
        assert.equal(a.status, 200, a.text);
        const req = rig.up.requests.at(-1);
        assert.ok(!req.raw.includes('key='), 'no ?key= upstream');
        assert.ok(!req.raw.includes(KEYS.alice) && !req.raw.includes('%2Dclient'), 'never upstream');
      });

    for (const [what, key] of [['unknown', UNKNOWN_KEY], ['expired', KEYS.expired], ['disabled', KEYS.disabled], ["a disabled user's", KEYS.leaver], ['empty', '']])
      for (const [where, put] of PLACES.filter(([w]) => !/case|escaped/.test(w)))
        test(`${what} key in ${where}: 401 in dialect`, async () => {
          const before = rig.up.requests.length;
          const e = assertError(d, await send(d, put(key)), statusOf(d, 'key'));
          if (key) assert.ok(!e.message.includes(key), 'the key is not repeated');
          assert.equal(rig.up.requests.length, before, 'nothing goes upstream');
        });

    test('no key at all', async () => {
      assertError(d, await send(d, {}), 401);
    });

    test('unknown, disabled and expired cannot be told apart', async () => {
      const texts = [];
      for (const key of [UNKNOWN_KEY, KEYS.disabled, KEYS.expired, KEYS.leaver])
        texts.push(assertError(d, await send(d, { headers: d.auth(key) }), 401).message);
      assert.equal(new Set(texts).size, 1, texts.join(' | '));
    });
  });

describe('precedence: the first place that holds a key counts', () => {
  const all = ['authorization', 'x-api-key', 'x-goog-api-key'];
  const value = (name, key) => (name === 'authorization' ? `Bearer ${key}` : key);
  for (let i = 0; i < all.length; i++)
    for (let j = i + 1; j <= all.length; j++) {
      const second = all[j] ?? '?key=';
      test(`${all[i]} before ${second}`, async () => {
        const make = (a, b) => ({
          headers: { [all[i]]: value(all[i], a), ...(all[j] ? { [all[j]]: value(all[j], b) } : {}) },
          query: all[j] ? undefined : `key=${b}`,
        });
        assert.equal((await send(chat, make(KEYS.alice, UNKNOWN_KEY))).status, 200);
        assert.equal((await send(chat, make(UNKNOWN_KEY, KEYS.alice))).status, 401);
      });
    }

  test('another scheme of authorization is no key', async () => {
    assert.equal((await send(chat, { headers: { authorization: 'Basic YWxpY2U6eA==' } })).status, 401);
    assert.equal((await send(chat, { headers: { authorization: 'Basic YWxpY2U6eA==', 'x-api-key': KEYS.alice } })).status, 200);
  });

  test('two authorization headers are refused', async () => {
    const a = await send(chat, { headers: { authorization: [`Bearer ${KEYS.alice}`, `Bearer ${UNKNOWN_KEY}`] } });
    assert.ok(a.status === 400 || a.status === 401, String(a.status));
  });

  test('a key in the place of a name is not written down', async () => {
    const secret = 'sk-proj-Abcdef1234567890ghijKLmnop';
    for (const model of [KEYS.alice, secret, `nobody/${secret}`, `openai/${secret}`]) await ask(rig, chat, { model });
    assert.equal((await ask(rig, chat, { scope: secret })).status, 404);
    const lines = await eventually(() => {
      const found = rig.gw.output.split('\n').filter((l) => l.includes('"event":"exchange"') && l.includes('***'));
      return found.length >= 5 && found;
    }, { what: 'the log lines' });
    assert.equal(lines.length, 5);
    assert.ok(!rig.gw.output.includes(secret));
  });

  test('a key with more around it is another key', async () => {
    for (const key of [`${KEYS.alice}x`, KEYS.alice.slice(0, -1), KEYS.alice.toUpperCase(), `${KEYS.alice},${KEYS.alice}`])
      assert.equal((await send(chat, { headers: { authorization: `Bearer ${key}` } })).status, 401, key);
  });
});

describe('what a provider says of the operator’s account in the middle of a stream stays here', () => {
  const said = 'Incorrect key KEY of org-AbCdEf123456, "ops@example.com"';
  const error = {
    openai_chat: (message) => frame({ error: { message, type: 'server_error' } }),
    openai_responses: (message) => named({ type: 'error', code: 'server_error', message, param: null, sequence_number: 9 }),
    anthropic: (message) => named({ type: 'error', error: { type: 'api_error', message } }),
    gemini: (message) => frame({ error: { code: 500, message, status: 'INTERNAL' } }),
  };
  for (const d of [...DIALECTS, geminiArray]) {
    for (const pieces of ['whole', 'in pieces', 'without its end']) {
      test(`${d.label}, ${pieces}`, async () => {
        const key = Object.entries(UPSTREAM_KEYS).find(([kind]) => d.provider.startsWith(kind) || (kind === 'gemini' && d.provider === 'aistudio'))[1];
        const text = said.replace('KEY', key);
        const last = d.array ? `,${JSON.stringify({ error: { code: 500, message: text, status: 'INTERNAL' } })}]` : error[d.name](text);
        const model = rig.up.script(newModel('tells'), async (req, res) => {
          await res.stream();
          for (const f of d.frames({ model: req.model }).slice(0, 3)) await res.chunk(f);
          const cut = pieces === 'in pieces' ? last.indexOf(key) + 5 : last.length - (pieces === 'whole' || d.array ? 0 : 2);
          await res.chunk(last.slice(0, cut));
          await sleep(30);
          if (pieces === 'in pieces') await res.chunk(last.slice(cut));
          await res.finish();
        });
        const id = newId();
        const a = await ask(rig, d, { model: `${d.provider}/${model}`, stream: true, id });
        assert.match(a.text, /error/);
        for (const secret of [key, key.slice(0, 12), 'org-AbCdEf', 'ops@']) assert.ok(!a.text.includes(secret), `${secret}: ${a.text}`);
        assert.notEqual((await rig.gw.row(id)).outcome, 'ok');
      });
    }
  }
});
