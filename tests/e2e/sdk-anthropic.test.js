// The Anthropic SDK, unmodified, through the gateway: messages, count_tokens, models.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { useRig, KEYS, UNKNOWN_KEY, newId, newModel } from './lib/rig.js';
import { anthropic, rowTokens, tokensOf, USAGE, WORDS } from './lib/dialects.js';
import { answerWell } from './lib/upstream.js';

const rig = useRig();
const HELLO = WORDS.join('');
const TOOLS = [{ name: 'get_weather', description: 'Weather of a city', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
const HI = [{ role: 'user', content: 'Hi' }];

const sdk = ({ scope = '', ...options } = {}) =>
  new Anthropic({ apiKey: KEYS.alice, baseURL: `${rig.gw.url}${scope}`, maxRetries: 0, ...options });

const NAMES = [
  { how: 'bare id', model: 'claude-test', alias: null },
  { how: 'provider/model', model: 'anthropic/claude-test', alias: null },
  { how: 'alias', model: 'sage', alias: 'sage' },
  { how: 'scoped', scope: '/anthropic', model: 'claude-test', alias: null },
  { how: 'base URL that ends in /v1', scope: '/v1', model: 'claude-test', alias: null },
];

function assertRow(row, { model, alias, stream, usage = USAGE }) {
  assert.equal(row.outcome, 'ok');
  assert.equal(row.usage_source, 'upstream');
  assert.deepEqual(tokensOf(row), rowTokens(anthropic, usage));
  assert.equal(row.dialect, 'anthropic');
  assert.equal(row.provider, 'anthropic');
  assert.equal(row.model, 'claude-test');
  assert.equal(row.asked_model, model);
  assert.equal(row.alias || null, alias);
  assert.equal(Boolean(row.stream), stream);
}

async function collect(stream) {
  const all = [];
  for await (const item of stream) all.push(item);
  return all;
}

for (const { how, scope, model, alias } of NAMES) {
  describe(`anthropic, ${how}`, () => {
    test('buffered', async () => {
      const id = newId('a-buf');
      const { data, response } = await sdk({ scope })
        .messages.create({ model, max_tokens: 64, messages: HI }, { headers: { 'x-client-request-id': id } })
        .withResponse();
      assert.equal(data.content[0].text, HELLO);
      assert.equal(data.model, model);
      assert.ok(response.headers.get('x-gproxy-request-id'));
      assert.equal(response.headers.get('x-client-request-id'), id);
      assertRow(await rig.gw.row(id), { model, alias, stream: false });
    });

    test('streamed, raw events', async () => {
      const id = newId('a-str');
      const stream = await sdk({ scope }).messages.create(
        { model, max_tokens: 64, messages: HI, stream: true },
        { headers: { 'x-client-request-id': id } },
      );
      const events = await collect(stream);
      assert.equal(events[0].type, 'message_start');
      assert.equal(events[0].message.model, model, "message_start names the client's model");
      assert.equal(events.at(-1).type, 'message_stop');
      assert.equal(events.filter((e) => e.type === 'content_block_delta').map((e) => e.delta.text).join(''), HELLO);
      assertRow(await rig.gw.row(id), { model, alias, stream: true });
    });

    test('streamed, with the helper, tools', async () => {
      const stream = sdk({ scope }).messages.stream({ model, max_tokens: 64, tools: TOOLS, messages: [{ role: 'user', content: 'weather in Paris?' }] });
      const final = await stream.finalMessage();
      assert.equal(final.stop_reason, 'tool_use');
      assert.deepEqual(final.content[0].input, { city: 'Paris' });
      assert.equal(final.model, model);
    });

    test('tools, buffered', async () => {
      const m = await sdk({ scope }).messages.create({ model, max_tokens: 64, tools: TOOLS, messages: [{ role: 'user', content: 'weather in Paris?' }] });
      assert.deepEqual(m.content[0].input, { city: 'Paris' });
    });

    test('count_tokens', async () => {
      const count = await sdk({ scope }).messages.countTokens({ model, messages: HI });
      assert.equal(count.input_tokens, 42);
      assert.equal(rig.up.requests.at(-1).json.model, 'claude-test');
    });
  });
}

describe('anthropic, what goes upstream', () => {
  test("the client's version and betas are kept, its key is replaced", async () => {
    await sdk().messages.create({ model: 'sage', max_tokens: 64, messages: HI }, { headers: { 'anthropic-beta': 'fine-grained-tool-streaming-2025-05-14' } });
    const req = rig.up.requests.at(-1);
    assert.equal(req.header('anthropic-version'), '2026-10-21');
    assert.match(req.header('anthropic-beta'), /fine-grained-tool-streaming-2025-05-14/);
    assert.equal(req.header('authorization'), undefined);
  });

  test('?beta=true goes on, as Claude Code sends it', async () => {
    await sdk().messages.create({ model: 'sage', max_tokens: 64, messages: HI }, { query: { beta: 'true' } });
    assert.equal(rig.up.requests.at(-1).query, 'beta=true');
  });

  test('authToken and apiKey both authenticate', async () => {
    const client = new Anthropic({ authToken: KEYS.alice, apiKey: null, baseURL: rig.gw.url, maxRetries: 0 });
    assert.equal((await client.messages.create({ model: 'sage', max_tokens: 64, messages: HI })).model, 'sage');
  });

  test('cache writes of both ages are told apart', async () => {
    const id = newId('cache');
    const model = rig.up.script(newModel('cache'), (req, res) => {
      const answer = anthropic.answer({ model: req.model });
      Object.assign(answer.usage, {
        input_tokens: 3,
        cache_read_input_tokens: 5,
        cache_creation_input_tokens: 700,
        cache_creation: { ephemeral_5m_input_tokens: 500, ephemeral_1h_input_tokens: 200 },
      });
      return res.json(200, answer);
    });
    await sdk().messages.create({ model: `anthropic/${model}`, max_tokens: 64, messages: HI }, { headers: { 'x-client-request-id': id } });
    const row = await rig.gw.row(id);
    assert.equal(row.input_tokens, 3);
    assert.equal(row.cache_read_tokens, 5);
    assert.equal(row.cache_write_5m_tokens, 500);
    assert.equal(row.cache_write_1h_tokens, 200);
  });
});

describe('anthropic, models', () => {
  test('list', async () => {
    const all = await collect(sdk().models.list());
    const ids = all.map((m) => m.id);
    for (const id of ['sage', 'fast', 'anthropic/claude-test']) assert.ok(ids.includes(id), `${id} in ${ids}`);
    for (const m of all) {
      assert.equal(m.type, 'model');
      assert.equal(typeof m.display_name, 'string');
      assert.match(m.created_at, /^\d{4}-\d\d-\d\dT/);
    }
  });

  test('list in pages', async () => {
    const all = await collect(sdk().models.list({ limit: 2 }));
    const whole = await collect(sdk().models.list({ limit: 1000 }));
    assert.deepEqual(all.map((m) => m.id), whole.map((m) => m.id), 'paging loses and doubles nothing');
  });

  test('get one, and one that is not there', async () => {
    assert.equal((await sdk().models.retrieve('sage')).id, 'sage');
    await assert.rejects(sdk().models.retrieve('sagf'), Anthropic.NotFoundError);
  });
});

describe('anthropic, errors become the right classes', () => {
  const create = (options, model = 'sage') => sdk(options).messages.create({ model, max_tokens: 64, messages: HI });

  test('bad key', async () => {
    for (const apiKey of [UNKNOWN_KEY, KEYS.expired, KEYS.disabled, KEYS.leaver])
      await assert.rejects(create({ apiKey }), (e) => {
        assert.ok(e instanceof Anthropic.AuthenticationError, String(e));
        assert.equal(e.error.error.type, 'authentication_error');
        return true;
      });
  });

  test('not permitted, unknown model', async () => {
    await assert.rejects(create({ apiKey: KEYS.nothing }), Anthropic.PermissionDeniedError);
    await assert.rejects(create({ apiKey: KEYS.narrowed }), Anthropic.PermissionDeniedError);
    await assert.rejects(create({}, 'claude-tset'), (e) => {
      assert.ok(e instanceof Anthropic.NotFoundError, String(e));
      assert.match(e.message, /claude-test/);
      return true;
    });
  });

  const UPSTREAM = [
    [400, 'invalid_request_error', Anthropic.BadRequestError],
    [404, 'not_found_error', Anthropic.NotFoundError],
    [413, 'request_too_large', Anthropic.APIError],
    [429, 'rate_limit_error', Anthropic.RateLimitError],
    [500, 'api_error', Anthropic.InternalServerError],
    [529, 'overloaded_error', Anthropic.InternalServerError],
  ];
  for (const [status, type, Class] of UPSTREAM)
    for (const stream of [false, true])
      test(`upstream says ${status}, ${stream ? 'streamed' : 'buffered'}`, async () => {
        const model = rig.up.script(newModel(`a${status}`), (req, res) =>
          res.json(status, anthropic.error(status, 'The upstream has a reason.', type), status === 429 ? { 'retry-after': '7' } : {}),
        );
        await assert.rejects(
          sdk().messages.create({ model: `anthropic/${model}`, max_tokens: 64, messages: HI, stream }),
          (e) => {
            assert.ok(e instanceof Class, `${e.constructor.name}: ${e.message}`);
            if (status < 500) {
              assert.equal(e.status, status);
              assert.match(e.message, /The upstream has a reason/);
            }
            if (status === 429) assert.equal(e.headers.get('retry-after'), '7');
            return true;
          },
        );
      });

  test('an overloaded event in the middle of a stream reaches the helper as an error', async () => {
    const model = rig.up.script(newModel('mid'), async (req, res) => {
      await res.stream();
      for (const f of anthropic.frames({ model: req.model }).slice(0, 4)) await res.chunk(f);
      await res.chunk(anthropic.errorFrame());
      await res.finish();
    });
    const stream = sdk().messages.stream({ model: `anthropic/${model}`, max_tokens: 64, messages: HI });
    await assert.rejects(stream.finalMessage(), /[Oo]verloaded/);
  });
});

test('the helper aborts: the upstream is let go and one row is written', async () => {
  const model = rig.up.script(newModel('slow'), (req, res) => answerWell(req, res, { pause: 300, words: Array(40).fill('x') }));
  const id = newId('abort');
  const stream = sdk().messages.stream({ model: `anthropic/${model}`, max_tokens: 64, messages: HI }, { headers: { 'x-client-request-id': id } });
  await new Promise((resolve) => stream.once('text', resolve));
  stream.abort();
  await assert.rejects(stream.finalMessage());
  assert.equal((await rig.gw.row(id)).outcome, 'client_abort');
});
