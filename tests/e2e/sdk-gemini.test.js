// Google's Gen AI SDK, unmodified, through the gateway: generate, stream, count, embed, models.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { ApiError, GoogleGenAI } from '@google/genai';
import { useRig, KEYS, UNKNOWN_KEY, newId, newModel } from './lib/rig.js';
import { gemini, rowTokens, tokensOf, WORDS } from './lib/dialects.js';
import { answerWell } from './lib/upstream.js';

const rig = useRig();
const HELLO = WORDS.join('');
const TOOLS = [{ functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } } }] }];

const sdk = ({ scope = '', apiKey = KEYS.alice, id, apiVersion } = {}) =>
  new GoogleGenAI({
    apiKey,
    ...(apiVersion ? { apiVersion } : {}),
    httpOptions: { baseUrl: `${rig.gw.url}${scope}`, ...(id ? { headers: { 'x-client-request-id': id } } : {}) },
  });

const NAMES = [
  { how: 'bare id', model: 'gemini-test', alias: null },
  { how: 'provider/model', model: 'aistudio/gemini-test', alias: null },
  { how: 'alias', model: 'flash', alias: 'flash' },
  { how: 'scoped', scope: '/aistudio', model: 'gemini-test', alias: null },
  { how: 'v1beta', apiVersion: 'v1beta', model: 'flash', alias: 'flash' },
  { how: 'v1beta1', apiVersion: 'v1beta1', model: 'flash', alias: 'flash' },
];

function assertRow(row, { model, alias, stream }) {
  assert.equal(row.outcome, 'ok');
  assert.equal(row.usage_source, 'upstream');
  assert.deepEqual(tokensOf(row), rowTokens(gemini));
  assert.equal(row.dialect, 'gemini');
  assert.equal(row.provider, 'aistudio');
  assert.equal(row.model, 'gemini-test');
  assert.equal(row.asked_model, model);
  assert.equal(row.alias || null, alias);
  assert.equal(Boolean(row.stream), stream);
}

async function collect(stream) {
  const all = [];
  for await (const item of stream) all.push(item);
  return all;
}

for (const { how, scope, apiVersion, model: asked, alias } of NAMES) {
  // The SDK itself turns "a/b" into another path (it takes it for a publisher's); models/a/b it leaves alone.
  const name = asked.includes('/') ? `models/${asked}` : asked;
  describe(`gemini, ${how}`, () => {
    test('buffered', async () => {
      const id = newId('g-buf');
      const answer = await sdk({ scope, apiVersion, id }).models.generateContent({ model: name, contents: 'Hi' });
      assert.equal(answer.text, HELLO);
      assert.equal(answer.modelVersion, asked, "modelVersion is the client's name");
      const headers = answer.sdkHttpResponse.headers;
      assert.ok(headers['x-gproxy-request-id']);
      assert.equal(headers['x-client-request-id'], id);
      assertRow(await rig.gw.row(id), { model: asked, alias, stream: false });
    });

    test('streamed', async () => {
      const id = newId('g-str');
      const stream = await sdk({ scope, apiVersion, id }).models.generateContentStream({ model: name, contents: 'Hi' });
      const chunks = await collect(stream);
      assert.equal(chunks.map((c) => c.text ?? '').join(''), HELLO);
      for (const c of chunks) assert.equal(c.modelVersion, asked);
      assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
      assertRow(await rig.gw.row(id), { model: asked, alias, stream: true });
    });

    test('tools', async () => {
      const ask = { model: name, contents: 'weather in Paris?', config: { tools: TOOLS } };
      const whole = await sdk({ scope, apiVersion }).models.generateContent(ask);
      assert.deepEqual(whole.functionCalls[0].args, { city: 'Paris' });
      const chunks = await collect(await sdk({ scope, apiVersion }).models.generateContentStream(ask));
      assert.deepEqual(chunks.flatMap((c) => c.functionCalls ?? [])[0].args, { city: 'Paris' });
    });

    test('countTokens', async () => {
      const count = await sdk({ scope, apiVersion }).models.countTokens({ model: name, contents: 'Hi' });
      assert.equal(count.totalTokens, 42);
    });
  });
}

describe('gemini, other endpoints', () => {
  for (const model of ['gemini-emb', 'gvectors'])
    test(`embedContent as ${model}`, async () => {
      const answer = await sdk().models.embedContent({ model, contents: ['a', 'b'] });
      assert.deepEqual(answer.embeddings[0].values, [0.25, -0.5, 1, 0.0078125]);
      const body = rig.up.requests.at(-1);
      assert.match(body.path, /gemini-emb/, "the upstream's id is in the path");
      assert.ok(!body.text.includes('gvectors'), "and the alias nowhere in the body (requests[].model)");
    });

  test('models: list', async () => {
    const all = await collect(await sdk().models.list());
    const names = all.map((m) => m.name);
    for (const n of ['models/flash', 'models/aistudio/gemini-test']) assert.ok(names.includes(n), `${n} in ${names}`);
  });

  test('models: list in pages', async () => {
    const all = await collect(await sdk().models.list({ config: { pageSize: 2 } }));
    const whole = await collect(await sdk().models.list({ config: { pageSize: 1000 } }));
    assert.deepEqual(all.map((m) => m.name), whole.map((m) => m.name));
  });

  test('models: get', async () => {
    assert.equal((await sdk().models.get({ model: 'flash' })).name, 'models/flash');
    await assert.rejects(sdk().models.get({ model: 'flahs' }), (e) => e instanceof ApiError && e.status === 404);
  });
});

describe('gemini, errors', () => {
  const generate = (options, model = 'flash') => sdk(options).models.generateContent({ model, contents: 'Hi' });
  const rejects = (promise, status, pattern = /./) =>
    assert.rejects(promise, (e) => {
      assert.ok(e instanceof ApiError, String(e));
      assert.equal(e.status, status, e.message);
      assert.match(e.message, pattern);
      return true;
    });

  test('bad key, not permitted, unknown model', async () => {
    for (const apiKey of [UNKNOWN_KEY, KEYS.expired, KEYS.disabled]) await rejects(generate({ apiKey }), 401, /UNAUTHENTICATED/);
    await rejects(generate({ apiKey: KEYS.nothing }), 403, /PERMISSION_DENIED/);
    await rejects(generate({}, 'gemini-tset'), 404, /gemini-test/);
  });

  for (const [status, type] of [[400, 'INVALID_ARGUMENT'], [404, 'NOT_FOUND'], [429, 'RESOURCE_EXHAUSTED'], [500, 'INTERNAL'], [503, 'UNAVAILABLE']])
    test(`upstream says ${status}`, async () => {
      const model = rig.up.script(newModel(`g${status}`), (req, res) => res.json(status, gemini.error(status, 'The upstream has a reason.', type)));
      await rejects(generate({}, `models/aistudio/${model}`), status, new RegExp(type));
      await rejects(sdk().models.generateContentStream({ model: `models/aistudio/${model}`, contents: 'Hi' }), status);
    });

  test('a bad upstream key (Gemini says 400 API_KEY_INVALID) is ours, not the client\'s', async () => {
    const model = rig.up.script(newModel('badkey'), (req, res) =>
      res.json(400, {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
          details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' }],
        },
      }),
    );
    await rejects(generate({}, `models/aistudio/${model}`), 502);
  });
});

test('the SDK aborts a stream: the upstream is let go and one row is written', async () => {
  const model = rig.up.script(newModel('slow'), (req, res) => answerWell(req, res, { pause: 300, words: Array(40).fill('x') }));
  const id = newId('abort');
  const abort = new AbortController();
  const stream = await sdk({ id }).models.generateContentStream({
    model: `models/aistudio/${model}`,
    contents: 'Hi',
    config: { abortSignal: abort.signal },
  });
  await assert.rejects(async () => {
    for await (const _ of stream) abort.abort();
  });
  assert.equal((await rig.gw.row(id)).outcome, 'client_abort');
});
