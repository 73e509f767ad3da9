// Same dialect on both sides: what the client wrote reaches the upstream byte for byte, and back.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, KEYS, newId, newModel } from './lib/rig.js';
import { DIALECTS, STREAMS, chat, responses, anthropic, gemini, sse } from './lib/dialects.js';
import { call, sleep } from './lib/client.js';
import { answerWell } from './lib/upstream.js';

const rig = useRig();

// The text of the body around the model's value: {before}"model"{after}.
const ODD = {
  openai_chat: [
    ' \r\n{ "zz_unknown" : [1 ,2.50, -0.0e+00, 1E400, 123456789012345678901234567890],\t"dup":1, "model":',
    ' ,\n "messages"  :[ {"content": "caf\\u00e9 \\ud83d\\ude00 é \\/ \\u0000 </script>","role":"user", "x":{"model":"inner","stream":true}} ],"dup":2,"temperature":1.0,"" : null, "metadata":{"b":1,"a":{}}, "stop" : [ ] }\n\n ',
  ],
  openai_responses: [
    '{"input"   :[{"role":"user","content":[{"type":"input_text","text":"\\u0041 \\" x"}]}],\n\n"extra":{"k":[[],{},[{}]]},"model" :',
    ',"store":false , "include":["reasoning.encrypted_content"],"dup":{},"dup":{} }',
  ],
  anthropic: [
    '{"max_tokens":256,\t"model":',
    ',"messages":[{"role":"user","content":[{"type":"text","text":"d\\u00fc","cache_control":{"type":"ephemeral"}}]}],"context_management":{"edits":[ ]},"future_field":1e-7}',
  ],
};

const path = { openai_chat: chat.path(), openai_responses: responses.path(), anthropic: anthropic.path() };

describe('request bodies', () => {
  for (const d of [chat, responses, anthropic]) {
    const send = (model, literal = JSON.stringify(model)) =>
      call(rig.gw, { path: path[d.name], headers: d.auth(KEYS.alice), body: ODD[d.name][0] + literal + ODD[d.name][1] });

    test(`${d.name}: not one byte changed when the name is the upstream's`, async () => {
      const a = await send(d.model);
      assert.equal(a.status, 200, a.text);
      assert.equal(rig.up.requests.at(-1).text, ODD[d.name].join(JSON.stringify(d.model)));
    });

    test(`${d.name}: only the model's value is spliced for an alias`, async () => {
      const a = await send(d.alias);
      assert.equal(a.status, 200, a.text);
      assert.equal(d.modelOf(a.json), d.alias);
      assert.equal(rig.up.requests.at(-1).text, ODD[d.name].join(JSON.stringify(d.model)));
    });

    test(`${d.name}: only the model's value is spliced for provider/model, written with escapes`, async () => {
      const a = await send('', `"${d.provider}\\/\\u${d.model.charCodeAt(0).toString(16).padStart(4, '0')}${d.model.slice(1)}"`);
      assert.equal(a.status, 200, a.text);
      assert.equal(rig.up.requests.at(-1).text, ODD[d.name].join(JSON.stringify(d.model)));
    });

    test(`${d.name}: the model's key written with escapes`, async () => {
      const [head, tail] = ODD[d.name];
      const escaped = head.replace(/"model"/, '"mod\\u0065l"');
      const a = await call(rig.gw, { path: path[d.name], headers: d.auth(KEYS.alice), body: `${escaped}"${d.alias}"${tail}` });
      assert.equal(a.status, 200, a.text);
      assert.equal(rig.up.requests.at(-1).text, `${escaped}"${d.model}"${tail}`);
    });
  }

  test('gemini: not one byte changed, the model is in the path', async () => {
    const body = '{ "zz":1,"contents" :[{"parts":[{"text":"\\u00fc"}]}] ,"generation_config":{"temperature":1.0}, "model":"ignored" }\n';
    for (const model of ['gemini-test', 'flash', 'models/aistudio/gemini-test'.slice(7)]) {
      const a = await call(rig.gw, { path: gemini.path(model), headers: gemini.auth(KEYS.alice), body });
      assert.equal(a.status, 200, a.text);
      const req = rig.up.requests.at(-1);
      assert.equal(req.text, body);
      assert.equal(req.path, '/v1beta/models/gemini-test:generateContent');
    }
  });

  test('chat: stream_options is injected by splicing, everything else stays', async () => {
    const [head, tail] = ODD.openai_chat;
    const body = `${head}"gpt-test"${tail.replace('"temperature"', '"stream" : true,"temperature"')}`;
    const a = await call(rig.gw, { path: '/v1/chat/completions', headers: chat.auth(KEYS.alice), body });
    assert.equal(a.status, 200, a.text);
    const sent = rig.up.requests.at(-1);
    assert.deepEqual(sent.json.stream_options, { include_usage: true });
    const without = sent.text.replace(/\s*,?\s*"stream_options"\s*:\s*\{\s*"include_usage"\s*:\s*true\s*\}\s*,?/, '');
    const squeeze = (s) => s.replace(/[\s,]/g, '');
    assert.equal(squeeze(without), squeeze(body), 'nothing but the injected member differs');
  });

  for (const [what, options, expected] of [
    ['an empty stream_options', '{}', { include_usage: true }],
    ['include_usage false', '{"include_usage":false}', { include_usage: true }],
    ['another option beside', '{"include_obfuscation":false}', { include_obfuscation: false, include_usage: true }],
    ['null', 'null', { include_usage: true }],
  ])
    test(`chat: stream_options with ${what}`, async () => {
      const body = `{"model":"gpt-test","stream":true,"stream_options":${options},"messages":[{"role":"user","content":"x"}]}`;
      const a = await call(rig.gw, { path: '/v1/chat/completions', headers: chat.auth(KEYS.alice), body });
      assert.equal(a.status, 200, a.text);
      assert.deepEqual(rig.up.requests.at(-1).json.stream_options, expected);
      assert.ok(!sse(a.text).some((p) => /"choices":\[\]/.test(p.data)), 'the extra chunk is withheld');
      assert.ok(chat.ended(a.text));
    });

  for (const size of [1 << 20, 8 << 20])
    test(`a body of ${size >> 20} MiB arrives whole`, async () => {
      const a = await ask(rig, chat, { model: 'gpt-test', text: 'ä'.repeat(size / 2) });
      assert.equal(a.status, 200, a.text.slice(0, 200));
      assert.equal(rig.up.requests.at(-1).json.messages[0].content.length, size / 2);
    });

  test('unknown request headers of the vendor go on; hop-by-hop and ours do not', async () => {
    const a = await ask(rig, chat, {
      headers: { 'openai-beta': 'assistants=v2', connection: 'keep-alive, x-hop', 'x-hop': '1', 'x-gproxy-test': '1', cookie: 'a=b', te: 'trailers' },
    });
    assert.equal(a.status, 200);
    const req = rig.up.requests.at(-1);
    assert.equal(req.header('x-hop'), undefined, 'named by Connection');
    assert.equal(req.header('openai-beta'), 'assistants=v2');
  });

  test('a name that an upstream could take for another one is refused', async () => {
    const before = rig.up.requests.length;
    for (const name of ['gpt-test ', ' gpt-test', 'gpt-test\n', 'gpt\u0000-test', 'gpt-test\u009b', '\tgpt-test', ' ', '']) {
      const a = await ask(rig, chat, { model: name && `openai/${name}` });
      assert.equal(a.status, 400, JSON.stringify(name));
      assert.match(a.json.error.message, /^model:/);
    }
    assert.equal((await ask(rig, gemini, { model: 'flash%20' })).status, 400);
    assert.equal(rig.up.requests.length, before);
  });

  test('of the query for Gemini, which could take the figures out of its answer, only the framing goes on', async () => {
    for (const [path, query] of [
      ['generateContent?fields=candidates&%24fields=candidates&alt=proto&callback=x', ''],
      ['streamGenerateContent?alt=sse&%66ields=candidates&prettyPrint=false', 'alt=sse'],
      ['streamGenerateContent?%24alt=sse', ''],
    ]) {
      const a = await call(rig.gw, { path: `/v1beta/models/flash:${path}`, headers: gemini.auth(KEYS.alice), body: gemini.body('flash') });
      assert.equal(a.status, 200, a.text);
      assert.equal(rig.up.requests.at(-1).query ?? '', query);
    }
  });

  test('the query goes on, without the key', async () => {
    const a = await call(rig.gw, {
      path: `/v1/chat/completions?api-version=1&key=${KEYS.alice}&x=%20y&z`,
      body: chat.body('gpt-test'),
    });
    assert.equal(a.status, 200, a.text);
    assert.equal(rig.up.requests.at(-1).query, 'api-version=1&x=%20y&z');
  });
});

describe('answers', () => {
  for (const d of DIALECTS)
    test(`${d.name}: a buffered answer comes back byte for byte`, async () => {
      const body = ` {"odd" : 1.50, "model":"m", "modelVersion":"m","usage":{"x":1},\r\n "text":"\\u00e9\\/" , "choices":[{"finish_reason":"stop"}]}\n`;
      const model = rig.up.script(newModel('odd'), (req, res) => res.body(200, body));
      const a = await ask(rig, d, { scope: d.provider, model });
      assert.equal(a.status, 200, a.text);
      assert.equal(a.text, body);
      assert.equal(a.headers['content-type'], 'application/json');
    });

  for (const d of DIALECTS)
    test(`${d.name}: only the model's value is edited when the name was another`, async () => {
      const key = d === gemini ? 'modelVersion' : 'model';
      const make = (name) => ` {"odd" : 1.50, "inner":{"${key}":"keep"}, "${key}" :  "${name}",\r\n "text":"\\u00e9\\/" ,"choices":[{"finish_reason":"stop"}]}\n`;
      const model = newModel('odd');
      rig.up.script(model, (req, res) => res.body(200, make(model)));
      const a = await ask(rig, d, { model: `${d.provider}/${model}` });
      assert.equal(a.status, 200, a.text);
      assert.equal(a.text, make(`${d.provider}/${model}`));
    });

  test('the model named in text is not touched', async () => {
    for (const d of DIALECTS) {
      const model = newModel('say');
      const words = [`"model":"${model}" and `, `\\"model\\":\\"${model}\\"`];
      rig.up.script(model, (req, res) => answerWell(req, res, { words }));
      const a = await ask(rig, d, { model: `${d.provider}/${model}` });
      assert.equal(d.text(a.json), words.join(''), d.name);
      const s = await ask(rig, d, { model: `${d.provider}/${model}`, stream: true });
      assert.equal(d.streamText(s.text), words.join(''), d.name);
    }
  });

  for (const d of STREAMS)
    test(`${d.label}: a stream comes back byte for byte`, async () => {
      const model = newModel('bytes');
      const a = await ask(rig, d, { scope: d.provider, model, stream: true, includeUsage: true });
      assert.equal(a.status, 200, a.text);
      assert.equal(a.text, d.frames({ model, includeUsage: true }).join(''));
      assert.match(a.headers['content-type'], d.array ? /^application\/json/ : /^text\/event-stream/);
    });

  for (const d of STREAMS)
    test(`${d.label}: chunks of a stream leave as they come`, async () => {
      const model = rig.up.script(newModel('paced'), (req, res) => answerWell(req, res, { pause: 120, words: ['a', 'b', 'c', 'd', 'e', 'f'] }));
      const a = await ask(rig, d, { model: `${d.provider}/${model}`, stream: true });
      assert.equal(d.streamText(a.text), 'abcdef');
      const spread = a.arrivals.at(-1)[0] - a.arrivals[0][0];
      assert.ok(a.arrivals.length >= 5 && spread >= 300, `${a.arrivals.length} pieces over ${spread} ms`);
      for (const name of d.models(a.text)) assert.equal(name, `${d.provider}/${model}`);
    });

  test('a large buffered answer flows, whole', async () => {
    const model = newModel('large');
    const words = ['0123456789abcdef'.repeat(256 * 1024)];
    rig.up.script(model, (req, res) => answerWell(req, res, { words }));
    for (const d of DIALECTS) {
      const a = await ask(rig, d, { model: `${d.provider}/${model}`, id: newId('large') });
      assert.equal(a.status, 200);
      assert.ok(a.complete);
      assert.equal(d.text(a.json).length, words[0].length, d.name);
      assert.equal(d.modelOf(a.json), `${d.provider}/${model}`, `${d.name}: renamed in a body too large to hold`);
    }
  });

  test("the upstream's own headers: allowed ones pass, the rest does not", async () => {
    const model = rig.up.script(newModel('heads'), (req, res) =>
      answerWell(req, res, {
        headers: {
          'openai-processing-ms': '12',
          'x-ratelimit-remaining-requests': '77',
          'set-cookie': 'session=stolen',
          server: 'vendor',
          'x-gproxy-request-id': 'forged',
          'access-control-allow-credentials': 'true',
          'strict-transport-security': 'max-age=1',
          'alt-svc': 'h3=":443"',
          connection: 'keep-alive',
          'keep-alive': 'timeout=5',
        },
      }),
    );
    for (const stream of [false, true]) {
      const a = await ask(rig, chat, { model: `openai/${model}`, stream });
      assert.equal(a.status, 200);
      for (const name of ['set-cookie', 'strict-transport-security', 'alt-svc', 'keep-alive', 'access-control-allow-credentials'])
        assert.equal(a.headers[name], undefined, name);
      assert.doesNotMatch(a.headers['x-gproxy-request-id'], /forged/);
      assert.notEqual(a.headers['x-ratelimit-remaining-requests'], '77', "the operator's account is not the client's affair");
    }
  });

  test('x-client-request-id, else x-request-id, is echoed; nonsense is not', async () => {
    const good = newId('plain');
    const a = await ask(rig, chat, { headers: { 'x-request-id': good } });
    assert.equal(a.headers['x-client-request-id'] ?? a.headers['x-request-id'], good);
    assert.equal((await rig.gw.row(good)).outcome, 'ok');
    for (const bad of ['x'.repeat(129), 'caf\xe9']) {
      const b = await ask(rig, chat, { headers: { 'x-client-request-id': bad } });
      assert.equal(b.status, 200);
      assert.notEqual(b.headers['x-client-request-id'], bad);
    }
    assert.equal((await ask(rig, chat, { headers: { 'x-client-request-id': 'y'.repeat(128) } })).headers['x-client-request-id'], 'y'.repeat(128));
  });
});

test('requests over one kept connection keep their own answers', async () => {
  const before = rig.up.accepted;
  for (let i = 0; i < 20; i++) {
    const model = newModel('own');
    const a = await ask(rig, chat, { scope: 'openai', model });
    assert.equal(a.json.model, model);
    await sleep(1);
  }
  assert.ok(rig.up.accepted - before <= 12, `upstream connections are reused (${rig.up.accepted - before} for 20)`);
});
