// The OpenAI SDK, unmodified, through the gateway: Chat Completions, Responses, embeddings, models.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { useRig, KEYS, UNKNOWN_KEY, newId, newModel } from './lib/rig.js';
import { chat, responses, rowTokens, tokensOf, WORDS } from './lib/dialects.js';
import { answerWell } from './lib/upstream.js';
import { eventually } from './lib/client.js';

const rig = useRig();
const HELLO = WORDS.join('');
const TOOLS = [
  {
    type: 'function',
    function: { name: 'get_weather', description: 'Weather of a city', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  },
];

const sdk = (options = {}) =>
  new OpenAI({ apiKey: KEYS.alice, baseURL: `${rig.gw.url}${options.scope ?? ''}/v1`, maxRetries: 0, ...options });

// Every way to name the same model: base URL's scope, the name asked, what goes upstream.
const NAMES = [
  { how: 'bare id', model: 'gpt-test', alias: null },
  { how: 'provider/model', model: 'openai/gpt-test', alias: null },
  { how: 'alias', model: 'fast', alias: 'fast' },
  { how: 'scoped', scope: '/openai', model: 'gpt-test', alias: null },
  { how: 'scoped with the provider named again', scope: '/openai', model: 'openai/gpt-test', alias: null },
];

function assertRow(row, d, { model, alias, stream }) {
  assert.equal(row.outcome, 'ok');
  assert.equal(row.usage_source, 'upstream');
  assert.deepEqual(tokensOf(row), rowTokens(d));
  assert.equal(row.user, 'alice');
  assert.equal(row.provider, 'openai');
  assert.equal(row.model, 'gpt-test', "the upstream's id");
  assert.equal(row.asked_model, model, "the client's name");
  assert.equal(row.alias || null, alias);
  assert.equal(Boolean(row.stream), stream);
  assert.equal(row.http_status, 200);
}

async function collect(stream) {
  const all = [];
  for await (const item of stream) all.push(item);
  return all;
}

for (const { how, scope, model, alias } of NAMES) {
  describe(`openai, ${how}`, () => {
    test('chat, buffered', async () => {
      const id = newId('c-buf');
      const { data, response } = await sdk({ scope })
        .chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] }, { headers: { 'x-client-request-id': id } })
        .withResponse();
      assert.equal(data.choices[0].message.content, HELLO);
      assert.equal(data.choices[0].finish_reason, 'stop');
      assert.equal(data.model, model, "the reply names the client's model");
      assert.equal(data.usage.total_tokens, 40);
      assert.ok(response.headers.get('x-gproxy-request-id'));
      assert.equal(response.headers.get('x-client-request-id'), id);
      const row = await rig.gw.row(id);
      assertRow(row, chat, { model, alias, stream: false });
      assert.equal(row.id, response.headers.get('x-gproxy-request-id'), 'one id everywhere');
    });

    test('chat, streamed without asking for usage', async () => {
      const id = newId('c-str');
      const client = sdk({ scope });
      const stream = await client.chat.completions.create(
        { model, messages: [{ role: 'user', content: 'Hi' }], stream: true },
        { headers: { 'x-client-request-id': id } },
      );
      const chunks = await collect(stream);
      assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''), HELLO);
      for (const c of chunks) {
        assert.equal(c.model, model, "each chunk names the client's model");
        assert.ok(c.choices.length > 0, 'the extra usage chunk is withheld from who did not ask');
        assert.equal(c.usage ?? null, null, 'no figures for who did not ask');
      }
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
      assertRow(await rig.gw.row(id), chat, { model, alias, stream: true });
      const sent = rig.up.requests.at(-1).json;
      assert.deepEqual(sent.stream_options, { include_usage: true }, 'injected upstream');
    });

    test('chat, streamed with usage asked for', async () => {
      const id = newId('c-usage');
      const stream = await sdk({ scope }).chat.completions.create(
        { model, messages: [{ role: 'user', content: 'Hi' }], stream: true, stream_options: { include_usage: true } },
        { headers: { 'x-client-request-id': id } },
      );
      const chunks = await collect(stream);
      assert.deepEqual(chunks.at(-1).choices, []);
      assert.equal(chunks.at(-1).usage.total_tokens, 40);
      assert.ok(chunks.every((c) => c.model === model));
      assertRow(await rig.gw.row(id), chat, { model, alias, stream: true });
    });

    test('chat, tools, buffered and streamed', async () => {
      const ask = { model, tools: TOOLS, messages: [{ role: 'user', content: 'weather in Paris?' }] };
      const whole = await sdk({ scope }).chat.completions.create(ask);
      assert.equal(whole.choices[0].finish_reason, 'tool_calls');
      assert.deepEqual(JSON.parse(whole.choices[0].message.tool_calls[0].function.arguments), { city: 'Paris' });
      const stream = sdk({ scope }).chat.completions.stream(ask);
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0].message.tool_calls[0].function.name, 'get_weather');
      assert.deepEqual(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments), { city: 'Paris' });
    });

    test('responses, buffered', async () => {
      const id = newId('r-buf');
      const { data, response } = await sdk({ scope })
        .responses.create({ model, input: 'Hi' }, { headers: { 'x-client-request-id': id } })
        .withResponse();
      assert.equal(data.output_text, HELLO);
      assert.equal(data.model, model);
      assert.equal(response.headers.get('x-client-request-id'), id);
      assertRow(await rig.gw.row(id), responses, { model, alias, stream: false });
    });

    test('responses, streamed', async () => {
      const id = newId('r-str');
      const stream = await sdk({ scope }).responses.create(
        { model, input: 'Hi', stream: true },
        { headers: { 'x-client-request-id': id } },
      );
      const events = await collect(stream);
      assert.equal(events[0].type, 'response.created');
      assert.equal(events.at(-1).type, 'response.completed');
      assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i), 'nothing lost');
      for (const e of events.filter((x) => x.response)) assert.equal(e.response.model, model);
      assert.equal(events.at(-1).response.output[0].content[0].text, HELLO);
      assertRow(await rig.gw.row(id), responses, { model, alias, stream: true });
    });

    test('responses, tools, streamed with the helper', async () => {
      const stream = sdk({ scope }).responses.stream({
        model,
        input: 'weather in Paris?',
        tools: [{ ...TOOLS[0].function, type: 'function', strict: false }],
      });
      const final = await stream.finalResponse();
      assert.equal(final.output[0].type, 'function_call');
      assert.deepEqual(JSON.parse(final.output[0].arguments), { city: 'Paris' });
    });
  });
}

describe('openai, other endpoints', () => {
  for (const { scope, model } of [{ model: 'emb-test' }, { model: 'openai/emb-test' }, { model: 'vectors' }, { scope: '/openai', model: 'emb-test' }]) {
    test(`embeddings as ${scope ?? ''} ${model}`, async () => {
      const id = newId('emb');
      const answer = await sdk({ scope }).embeddings.create({ model, input: ['a', 'b'] }, { headers: { 'x-client-request-id': id } });
      assert.equal(rig.up.requests.at(-1).json.encoding_format, 'base64', 'the SDK asks for base64');
      assert.deepEqual(Array.from(answer.data[1].embedding), [0.25, -0.5, 1, 0.0078125]);
      assert.equal(answer.model, model);
      const row = await rig.gw.row(id);
      assert.equal(row.input_tokens, 6);
      assert.equal(row.output_tokens ?? 0, 0);
      assert.equal(row.operation, 'embed');
    });
  }

  test('embeddings as floats', async () => {
    const answer = await sdk().embeddings.create({ model: 'emb-test', input: 'a', encoding_format: 'float' });
    assert.deepEqual(answer.data[0].embedding, [0.25, -0.5, 1, 0.0078125]);
  });

  test('count tokens (responses/input_tokens)', async () => {
    const answer = await sdk().responses.inputTokens.count({ model: 'fast', input: 'Hi' });
    assert.equal(answer.input_tokens, 42);
  });

  test('models: list shows aliases and provider/model', async () => {
    const ids = (await collect(sdk().models.list())).map((m) => m.id);
    for (const id of ['fast', 'sage', 'openai/gpt-test', 'openai2/gpt-other', 'anthropic/claude-test', 'mix/org/mixed:free'])
      assert.ok(ids.includes(id), `${id} in ${ids}`);
    assert.equal(new Set(ids).size, ids.length, 'each once');
  });

  test('models: list scoped to one provider', async () => {
    const ids = (await collect(sdk({ scope: '/openai2' }).models.list())).map((m) => m.id);
    assert.deepEqual([...ids].sort(), ['dup-test', 'gpt-other']);
  });

  test('models: list shows only what the key may use', async () => {
    const ids = (await collect(sdk({ apiKey: KEYS.narrowed }).models.list())).map((m) => m.id);
    assert.deepEqual(ids, ['fast']);
    assert.deepEqual(await collect(sdk({ apiKey: KEYS.nothing }).models.list()), []);
  });

  for (const id of ['fast', 'gpt-test', 'openai/gpt-test', 'mix/org/mixed:free']) {
    test(`models: retrieve ${id}`, async () => {
      const model = await sdk().models.retrieve(id);
      assert.equal(model.id, id);
      assert.equal(model.object, 'model');
      assert.equal(typeof model.created, 'number');
      assert.equal(typeof model.owned_by, 'string');
    });
  }

  test('models: retrieve an unknown one', async () => {
    await assert.rejects(sdk().models.retrieve('gpt-tset'), OpenAI.NotFoundError);
  });

  test('models: what may not be used cannot be seen', async () => {
    await assert.rejects(sdk({ apiKey: KEYS.nothing }).models.retrieve('fast'), (e) => e.status === 403 || e.status === 404);
  });
});

describe('openai, errors become the right classes', () => {
  const chatWith = (options, model = 'fast') =>
    sdk(options).chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] });

  test('bad key: AuthenticationError', async () => {
    for (const apiKey of [UNKNOWN_KEY, KEYS.expired, KEYS.disabled, KEYS.leaver])
      await assert.rejects(chatWith({ apiKey }), (e) => {
        assert.ok(e instanceof OpenAI.AuthenticationError, String(e));
        assert.equal(e.code, 'invalid_api_key');
        assert.ok(e.headers.get('x-gproxy-request-id'));
        return true;
      });
  });

  test('not permitted: PermissionDeniedError', async () => {
    const cases = [
      [KEYS.nothing, 'fast'],
      [KEYS.limited, 'fast'],
      [KEYS.narrowed, 'gpt-test'],
      [KEYS.limited, 'openai/gpt-test'],
    ];
    for (const [apiKey, model] of cases) await assert.rejects(chatWith({ apiKey }, model), OpenAI.PermissionDeniedError, model);
    assert.equal((await chatWith({ apiKey: KEYS.limited }, 'gpt-test')).model, 'gpt-test');
    assert.equal((await chatWith({ apiKey: KEYS.narrowed }, 'fast')).model, 'fast');
  });

  test('unknown model: NotFoundError that suggests', async () => {
    await assert.rejects(chatWith({}, 'gpt-tset'), (e) => {
      assert.ok(e instanceof OpenAI.NotFoundError, String(e));
      assert.equal(e.code, 'model_not_found');
      assert.match(e.message, /gpt-test/, 'names a close match');
      return true;
    });
  });

  test('a bare id of two providers: BadRequestError that names both', async () => {
    await assert.rejects(chatWith({}, 'dup-test'), (e) => {
      assert.ok(e instanceof OpenAI.BadRequestError, String(e));
      assert.match(e.message, /openai\b/);
      assert.match(e.message, /openai2/);
      return true;
    });
    assert.equal((await chatWith({}, 'openai2/dup-test')).model, 'openai2/dup-test');
  });

  const UPSTREAM = [
    [400, 'invalid_request_error', OpenAI.BadRequestError],
    [404, 'invalid_request_error', OpenAI.NotFoundError],
    [409, 'invalid_request_error', OpenAI.ConflictError],
    [422, 'invalid_request_error', OpenAI.UnprocessableEntityError],
    [429, 'rate_limit_error', OpenAI.RateLimitError],
    [500, 'server_error', OpenAI.InternalServerError],
    [503, 'server_error', OpenAI.InternalServerError],
  ];
  for (const [status, type, Class] of UPSTREAM) {
    for (const stream of [false, true]) {
      test(`upstream says ${status}, ${stream ? 'streamed' : 'buffered'}: ${Class.name}`, async () => {
        const model = rig.up.script(newModel(`e${status}`), (req, res) =>
          res.json(status, chat.error(status, 'The upstream has a reason.', type), status === 429 ? { 'retry-after': '7' } : {}),
        );
        const id = newId('err');
        await assert.rejects(
          sdk().chat.completions.create(
            { model: `openai/${model}`, stream, messages: [{ role: 'user', content: 'Hi' }] },
            { headers: { 'x-client-request-id': id } },
          ),
          (e) => {
            assert.ok(e instanceof Class, `${e.constructor.name}: ${e.message}`);
            if (status < 500) assert.match(e.message, /The upstream has a reason/);
            if (status === 429) assert.equal(e.headers.get('retry-after'), '7');
            return true;
          },
        );
        const row = await rig.gw.row(id);
        assert.equal(row.outcome, 'upstream_error');
        assert.equal(row.upstream_status, status);
        assert.equal(row.output_tokens ?? 0, 0);
      });
    }
  }

  test('upstream refuses our credential: 502, never 401', async () => {
    for (const status of [401, 403]) {
      const model = rig.up.script(newModel(`e${status}`), (req, res) =>
        res.json(status, chat.error(status, `Incorrect API key provided: ${req.header('authorization')}`, 'invalid_request_error', 'invalid_api_key')),
      );
      await assert.rejects(chatWith({}, `openai/${model}`), (e) => {
        assert.notEqual(e.status, 401);
        assert.doesNotMatch(e.message, /sk-upstream/, 'our credential is not told');
        if (status === 401) assert.ok(e instanceof OpenAI.InternalServerError, String(e));
        return true;
      });
    }
  });
});

test('the SDK aborts a stream: the upstream is let go', async () => {
  const model = rig.up.script(newModel('slow'), (req, res) => answerWell(req, res, { pause: 300, words: Array(40).fill('x') }));
  const id = newId('abort');
  const stream = await sdk().chat.completions.create(
    { model: `openai/${model}`, stream: true, messages: [{ role: 'user', content: 'Hi' }] },
    { headers: { 'x-client-request-id': id } },
  );
  for await (const _ of stream) break;
  const row = await rig.gw.row(id);
  assert.equal(row.outcome, 'client_abort');
  await eventually(() => rig.up.seen(model)[0].closedAt, { timeout: 3000, what: 'the upstream connection is closed' });
});
