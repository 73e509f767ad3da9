// Bodies that must be refused: 400 in the client's dialect, nothing sent upstream, connection usable.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, assertError, assertHealthy, KEYS } from './lib/rig.js';
import { DIALECTS, chat, responses, anthropic, gemini, statusOf } from './lib/dialects.js';
import { call, Conn } from './lib/client.js';

const rig = useRig();

const LIST = { openai_chat: 'messages', openai_responses: 'input', anthropic: 'messages', gemini: 'contents' };
const nested = (n) => '['.repeat(n) + ']'.repeat(n);

// A good body with `extra` members at its end.
function good(d, extra = '') {
  const text = JSON.stringify(d.body(d.alias));
  return extra ? `${text.slice(0, -1)},${extra}}` : text;
}

const post = (d, body, stream = false) => call(rig.gw, { path: d.path(d.alias, stream), headers: d.auth(KEYS.alice), body });

const BROKEN = [
  ['empty', () => ''],
  ['white space only', () => ' \n'],
  ['cut at the end', (d) => good(d).slice(0, -1)],
  ['cut in a string', (d) => good(d).slice(0, 12)],
  ['a trailing comma', (d) => good(d).replace(/}$/, ',}')],
  ['trailing garbage', (d) => `${good(d)} x`],
  ['two documents', (d) => good(d) + good(d)],
  ['single quotes', (d) => good(d).replaceAll('"', "'")],
  ['a comment', (d) => good(d, '"a":1/*x*/')],
  ['NaN', (d) => good(d, '"a":NaN')],
  ['a leading zero', (d) => good(d, '"a":01')],
  ['a lone minus', (d) => good(d, '"a":-')],
  ['1.', (d) => good(d, '"a":1.')],
  ['a control character in a string', (d) => good(d, '"a":"x\ny"')],
  ['a bad escape', (d) => good(d, '"a":"\\x41"')],
  ['a short \\u', (d) => good(d, '"a":"\\u12"')],
  ['a key that is no string', (d) => good(d, 'a:1')],
  ['a NUL byte', (d) => good(d) + '\0'],
  ['True', (d) => good(d, '"a":True')],
  ['an array', () => '[1]'],
  ['a string', () => '"model"'],
  ['null', () => 'null'],
  ['a number', () => '12'],
  ['invalid UTF-8 in a string', (d) => Buffer.concat([Buffer.from(good(d).slice(0, -1) + ',"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])],
  ['overlong UTF-8', (d) => Buffer.concat([Buffer.from(good(d).slice(0, -1) + ',"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
  ['an UTF-8 surrogate', (d) => Buffer.concat([Buffer.from(good(d).slice(0, -1) + ',"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')])],
  ['UTF-16', (d) => Buffer.from(good(d), 'utf16le')],
  ['depth 129', (d) => good(d, `"a":${nested(128)}`)],
  ['depth 100000', (d) => good(d, `"a":${nested(100000)}`)],
  ['depth 100000, objects', (d) => good(d, `"a":${'{"a":'.repeat(100000)}1${'}'.repeat(100000)}`)],
  ['depth without end', () => '['.repeat(200000)],
  ['two lists of messages', (d) => good(d, `"${LIST[d.name]}":[]`)],
  ['two lists of messages, one escaped', (d) => good(d, `"${LIST[d.name].replace('s', '\\u0073').replace('i', '\\u0069')}":[]`)],
];

const NAMED = [
  ['no model', (d) => good(d).replace(/"model":"[^"]*",/, '')],
  ['model null', (d) => good(d).replace(/"model":"[^"]*"/, '"model":null')],
  ['model a number', (d) => good(d).replace(/"model":"[^"]*"/, '"model":1')],
  ['model an object', (d) => good(d).replace(/"model":"[^"]*"/, '"model":{"model":"fast"}')],
  ['model empty', (d) => good(d).replace(/"model":"[^"]*"/, '"model":""')],
  ['model twice', (d) => good(d, `"model":"${d.alias}"`)],
  ['model twice, another first', (d) => good(d, '"model":"other"')],
  ['model twice, one escaped', (d) => good(d, `"\\u006dodel":"${d.alias}"`)],
  ['stream twice', (d) => good(d, '"stream":false,"stream":true')],
  ['stream twice, one escaped', (d) => good(d, '"stream":false,"str\\u0065am":true')],
  ['stream that is no bool', (d) => good(d, '"stream":"yes"')],
];

for (const d of DIALECTS)
  describe(d.name, () => {
    const cases = d === gemini ? BROKEN : [...BROKEN, ...NAMED];
    for (const [what, make] of cases)
      test(what, async () => {
        const before = rig.up.requests.length;
        const e = assertError(d, await post(d, make(d)), statusOf(d, 'bad_request'));
        assert.equal(rig.up.requests.length, before, 'nothing goes upstream');
        assert.ok(!e.message.includes(KEYS.alice));
      });

    test('the same for streams, and the connection goes on', async () => {
      const conn = await Conn.open(rig.gw);
      for (const body of ['{', good(d)]) {
        await conn.send({ path: d.path(d.alias, true), headers: d.auth(KEYS.alice), body });
        const a = await conn.answer();
        assert.equal(a.status, body === '{' ? 400 : 200, a.text);
      }
      conn.close();
    });

    test('the message says where', async () => {
      const { message } = assertError(d, await post(d, good(d, '"a":tru')), 400);
      assert.match(message, /\d/, message);
    });

    for (const [what, extra] of [
      ['depth 128', `"a":${nested(127)}`],
      ['duplicate keys that mean nothing to us', '"x":1,"x":2'],
      ['escaped surrogates', '"a":"\\ud83d\\ude00"'],
      ['great numbers', '"a":1e999,"b":123456789012345678901234567890'],
      ['the word model deeper down', '"a":{"model":1,"model":2,"stream":1}'],
    ])
      test(`accepted: ${what}`, async () => {
        const body = good(d, extra);
        const a = await post(d, body);
        assert.equal(a.status, 200, a.text);
        assert.ok(rig.up.requests.at(-1).text.includes(extra));
      });

    test('healthy after', () => assertHealthy(rig, d));
  });

describe('other endpoints', () => {
  const CASES = [
    [chat, '/v1/embeddings', { input: 'x' }],
    [responses, '/v1/responses/input_tokens', { input: 'x' }],
    [anthropic, '/v1/messages/count_tokens', { messages: [] }],
  ];
  for (const [d, path, body] of CASES)
    test(`${path} without a model, and broken`, async () => {
      const before = rig.up.requests.length;
      for (const bad of [JSON.stringify(body), '{'])
        assertError(d, await call(rig.gw, { path, headers: d.auth(KEYS.alice), body: bad }), 400);
      assert.equal(rig.up.requests.length, before);
    });
});
