// What is asked beside generating, with the vendors' SDKs and upstreams of other dialects.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { KEYS, newId, useRig } from './lib/rig.js';
import { PICTURE, UPSTREAM_KEYS } from './lib/upstream.js';
import { answer, scripted, text } from './lib/scripts.js';

const price = { input: '1', output: '2', per_call: '0.01' };
const PROVIDERS = {
  openai: { channel: 'openai', key: 'openai', model: 'gpt-5.2', dialect: 'openai_responses' },
  anthropic: { channel: 'anthropic', key: 'anthropic', model: 'claude-sonnet-4-6', dialect: 'anthropic' },
  gemini: { channel: 'aistudio', key: 'gemini', model: 'gemini-2.5-flash', dialect: 'gemini' },
  chat: { channel: 'custom', key: 'openai', model: 'llama-4', settings: { dialect: 'openai_chat' } },
  compatible: { channel: 'custom', key: 'openai', model: 'qwen-4', settings: { dialect: 'openai_responses' }, dialect: 'openai_responses', routing: { 'image/openai': 'openai_responses' } },
};

function config(up) {
  return {
    config: { mode: 'managed' },
    providers: Object.entries(PROVIDERS).map(([name, p]) => ({
      name,
      channel: p.channel,
      settings: { base_url: up.url, ...p.settings },
      ...(p.routing ? { routing: p.routing } : {}),
      credentials: [{ label: 'main', secret: { api_key: UPSTREAM_KEYS[p.key] } }],
      models: [{ id: p.model, price }],
    })),
    users: [
      { name: 'alice', keys: [{ label: 'laptop', key: KEYS.alice }], permissions: [{ models: '*' }] },
      { name: 'lim', keys: [{ label: 'k', key: KEYS.limited }], permissions: [{ models: 'no-such-*' }] },
    ],
  };
}

const rig = useRig({ config });

// Clients; each call carries an id of its own, by which its usage row is found.
const openai = (id, key = KEYS.alice) =>
  new OpenAI({ apiKey: key, baseURL: `${rig.gw.url}/v1`, maxRetries: 0, defaultHeaders: { 'x-client-request-id': id } });
const anthropic = (id, key = KEYS.alice) =>
  new Anthropic({ apiKey: key, baseURL: rig.gw.url, maxRetries: 0, defaultHeaders: { 'x-client-request-id': id } });
const genai = (id, key = KEYS.alice) =>
  new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: rig.gw.url, headers: { 'x-client-request-id': id } } });

const nameOf = (provider) => `${provider}/${PROVIDERS[provider].model}`;
const lastRequest = (mark) => rig.up.seen(mark).at(-1);

// ---- tokens -------------------------------------------------------------------

const SCHEMA = { type: 'object', properties: { city: { type: 'string' } } };

const COUNTERS = {
  openai_responses: async (id, model, text, key) => {
    const answer = await openai(id, key).responses.inputTokens.count({
      model,
      instructions: 'Be brief.',
      input: text,
      tools: [{ type: 'function', name: 'weather', description: 'Weather', parameters: SCHEMA, strict: false }],
    });
    assert.equal(answer.object, 'response.input_tokens');
    return answer.input_tokens;
  },
  anthropic: async (id, model, text, key) => {
    const answer = await anthropic(id, key).messages.countTokens({
      model,
      system: 'Be brief.',
      messages: [{ role: 'user', content: text }],
      tools: [{ name: 'weather', description: 'Weather', input_schema: SCHEMA }],
    });
    return answer.input_tokens;
  },
  gemini: async (id, model, text, key) => {
    const { totalTokens } = await genai(id, key).models.countTokens({ model, contents: text });
    return totalTokens;
  },
};

// What a vendor's counter takes, and nothing else.
const TAKEN = {
  openai_responses: ['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning', 'truncation'],
  anthropic: ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config', 'cache_control'],
  gemini: ['generateContentRequest'],
};

const PATHS = {
  openai_responses: /\/v1\/responses\/input_tokens$/,
  anthropic: /\/v1\/messages\/count_tokens$/,
  gemini: /:countTokens$/,
};

function assertCounted(row, provider, client) {
  assert.equal(row.operation, 'count_tokens');
  assert.equal(row.outcome, 'ok');
  assert.equal(row.dialect, client);
  assert.equal(row.provider, provider);
  assert.equal(row.input_tokens ?? 0, 0, 'counting uses no tokens');
}

for (const [client, count] of Object.entries(COUNTERS)) {
  describe(`count_tokens, ${client}`, () => {
    for (const provider of ['openai', 'anthropic', 'gemini'].filter((p) => PROVIDERS[p].dialect !== client))
      test(`by ${provider}`, async () => {
        const id = newId('case-count');
        assert.equal(await count(id, nameOf(provider), `Hello ${id}`), 42);
        const { dialect } = PROVIDERS[provider];
        const request = lastRequest(id);
        assert.match(request.path, PATHS[dialect]);
        assert.ok(Object.keys(request.json).length > 0);
        for (const field of Object.keys(request.json)) assert.ok(TAKEN[dialect].includes(field), `${field} is nothing that ${provider} counts`);
        const row = await rig.gw.row(id);
        assertCounted(row, provider, client);
        assert.equal(row.upstream_dialect, dialect);
      });

    test('here, where upstream has no counter', async () => {
      const id = newId('case-local');
      const tokens = await count(id, nameOf('chat'), `The quick brown fox jumps over the lazy dog. ${id}`);
      assert.ok(tokens > 10 && tokens < 100, `${tokens} tokens`);
      assert.equal(rig.up.seen(id).length, 0, 'nobody was asked');
      const row = await rig.gw.row(id);
      assertCounted(row, 'chat', client);
      assert.equal(row.usage_source, 'local');
      assert.equal(Number(row.cost_usd ?? row.cost ?? 0), 0, JSON.stringify(row));
    });

    for (const [status, message] of [[404, 'no such path'], [405, 'Method Not Allowed'], [501, 'not implemented'], [400, 'counting is not supported']])
      test(`here, where upstream's counter says ${status}`, async () => {
        const id = newId('case-missing');
        rig.up.script(id, (req, res) => res.json(status, { error: { message, type: 'invalid_request_error' } }));
        const tokens = await count(id, nameOf('compatible'), `The quick brown fox. ${id}`);
        assert.ok(tokens > 5 && tokens < 100, `${tokens} tokens`);
        const row = await rig.gw.row(id);
        assertCounted(row, 'compatible', client);
        assert.equal(row.usage_source, 'local');
        assert.equal(rig.up.seen(id).length, 1, 'asked once');
      });

    test('an upstream that fails is no reason to count here', async () => {
      const id = newId('case-fails');
      rig.up.script(id, (req, res) => res.json(500, { error: { message: 'No luck today.', type: 'server_error' } }));
      await assert.rejects(count(id, nameOf('compatible'), `Hello ${id}`), (e) => e.status >= 500 && /No luck today|failed/.test(e.message));
      assert.notEqual((await rig.gw.row(id)).outcome, 'ok');
    });

    test('needs permission, here too', async () => {
      const id = newId('case-forbidden');
      await assert.rejects(count(id, nameOf('chat'), `Hello ${id}`, KEYS.limited), (e) => e.status === 403);
    });
  });
}

// ---- vectors ------------------------------------------------------------------

const VECTOR = [0.25, -0.5, 1, 0.0078125]; // as the scripted upstreams answer

function assertEmbedded(row, provider, client, upstream) {
  assert.equal(row.operation, 'embed');
  assert.equal(row.outcome, 'ok');
  assert.equal(row.provider, provider);
  assert.equal(row.dialect, client);
  assert.equal(row.upstream_dialect, upstream);
  assert.ok(row.input_tokens > 0, JSON.stringify(row));
  assert.ok(Number(row.cost_usd) > 0);
}

describe('embed, openai by gemini', () => {
  for (const encoding_format of [undefined, 'float', 'base64'])
    test(`as ${encoding_format ?? 'the SDK asks by default'}`, async () => {
      const id = newId('case-embed');
      const model = nameOf('gemini');
      const answer = await openai(id).embeddings.create({ model, input: ['one', id], dimensions: 4, encoding_format });
      assert.equal(answer.object, 'list');
      assert.equal(answer.model, model);
      assert.equal(answer.data.length, 2);
      assert.ok(answer.usage.total_tokens > 0);
      for (const [i, item] of answer.data.entries()) {
        assert.equal(item.index, i);
        const got = encoding_format === 'base64' ? [...new Float32Array(Uint8Array.from(Buffer.from(item.embedding, 'base64')).buffer)] : item.embedding;
        assert.deepEqual([...got], VECTOR);
      }
      const { path, json } = lastRequest(id);
      assert.match(path, /:batchEmbedContents$/);
      assert.deepEqual(json.requests[0], {
        model: `models/${PROVIDERS.gemini.model}`,
        content: { parts: [{ text: 'one' }] },
        outputDimensionality: 4,
      });
      const row = await rig.gw.row(id);
      assertEmbedded(row, 'gemini', 'openai', 'gemini');
      assert.equal(row.usage_source, 'estimated');
    });

  test('tokens instead of text are refused', async () => {
    await assert.rejects(openai(newId()).embeddings.create({ model: nameOf('gemini'), input: [[1, 2]] }), (e) => {
      assert.ok(e instanceof OpenAI.BadRequestError, e);
      assert.match(e.message, /input/);
      return true;
    });
  });

  test('not as many vectors as texts', async () => {
    const id = newId('case-short');
    rig.up.script(id, (req, res) => res.json(200, { embeddings: [] }));
    await assert.rejects(openai(id).embeddings.create({ model: nameOf('gemini'), input: [id] }), (e) => e.status === 502);
    assert.equal((await rig.gw.row(id)).outcome, 'upstream_error');
  });

  test('what upstream refuses, in the words of OpenAI', async () => {
    const id = newId('case-refused');
    rig.up.script(id, (req, res) => res.json(400, { error: { code: 400, message: 'The vector is too long.', status: 'INVALID_ARGUMENT' } }));
    await assert.rejects(openai(id).embeddings.create({ model: nameOf('gemini'), input: id }), (e) => {
      assert.ok(e instanceof OpenAI.BadRequestError, e);
      assert.match(e.message, /The vector is too long/);
      assert.equal(e.type, 'invalid_request_error');
      return true;
    });
  });

  test('an error inside 200', async () => {
    const id = newId('case-inside');
    rig.up.script(id, (req, res) => res.json(200, { error: { code: 503, message: 'Come back later.', status: 'UNAVAILABLE' } }));
    await assert.rejects(openai(id).embeddings.create({ model: nameOf('gemini'), input: id }), (e) => {
      assert.ok(e.status >= 500, e);
      assert.match(e.message, /Come back later/);
      return true;
    });
    assert.equal((await rig.gw.row(id)).outcome, 'upstream_error');
  });
});

test('embed, gemini by openai', async () => {
  const id = newId('case-embed');
  const { embeddings } = await genai(id).models.embedContent({ model: nameOf('openai'), contents: ['one', id], config: { outputDimensionality: 4 } });
  assert.deepEqual(embeddings.map((e) => [...e.values]), [VECTOR, VECTOR]);
  const { path, json } = lastRequest(id);
  assert.match(path, /\/v1\/embeddings$/);
  assert.equal(json.model, PROVIDERS.openai.model);
  assert.deepEqual(json.input, ['one', id]);
  assert.equal(json.dimensions, 4);
  const row = await rig.gw.row(id);
  assertEmbedded(row, 'openai', 'gemini', 'openai');
  assert.equal(row.usage_source, 'upstream');
  assert.equal(row.input_tokens, 6);
});

test('embed, openai by anthropic: there is no such thing', async () => {
  await assert.rejects(openai(newId()).embeddings.create({ model: nameOf('anthropic'), input: 'one' }), (e) => e.status === 501);
});

// ---- pictures -----------------------------------------------------------------

const painted = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'Here.' }, { inlineData: { mimeType: 'image/png', data: PICTURE } }] }, finishReason: 'STOP', index: 0 }],
  usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 1290, totalTokenCount: 1297, candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }] },
  modelVersion: 'gemini-2.5-flash',
};

describe('image', () => {
  test('by its own kind', async () => {
    const id = newId('case-image');
    const picture = await openai(id).images.generate({ model: nameOf('openai'), prompt: `A cat ${id}`, size: '1536x1024', n: 2 });
    assert.equal(picture.data[0].b64_json, PICTURE);
    const { path, json } = lastRequest(id);
    assert.match(path, /\/v1\/images\/generations$/);
    assert.deepEqual(json, { model: PROVIDERS.openai.model, prompt: `A cat ${id}`, size: '1536x1024', n: 2 });
    const row = await rig.gw.row(id);
    assert.equal(row.operation, 'image');
    assert.equal(row.image_in_tokens, 4);
    assert.equal(row.image_out_tokens, 272);
  });

  test('streamed by its own kind', async () => {
    const id = newId('case-image');
    const events = [
      { type: 'image_generation.partial_image', b64_json: 'AAAA', partial_image_index: 0 },
      { type: 'image_generation.completed', b64_json: PICTURE, usage: { input_tokens: 9, output_tokens: 272, total_tokens: 281 } },
    ];
    rig.up.script(id, async (req, res) => {
      await res.stream();
      for (const e of events) await res.chunk(`event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`);
      await res.finish();
    });
    const got = [];
    for await (const e of await openai(id).images.generate({ model: nameOf('openai'), prompt: id, stream: true, partial_images: 1 })) got.push(e);
    assert.deepEqual(got, events);
    const row = await rig.gw.row(id);
    assert.equal(row.outcome, 'ok');
    assert.equal(row.image_out_tokens, 272);
  });

  test('by gemini', async () => {
    const id = newId('case-image');
    rig.up.script(id, (req, res) => res.json(200, painted));
    const { data, response } = await openai(id).images.generate({ model: nameOf('gemini'), prompt: `A cat ${id}`, size: '1536x1024', quality: 'high' }).withResponse();
    assert.deepEqual(data.data, [{ b64_json: PICTURE }]);
    assert.equal(data.output_format, 'png');
    assert.deepEqual(data.usage, {
      input_tokens: 7,
      input_tokens_details: { text_tokens: 7, image_tokens: 0 },
      output_tokens: 1290,
      output_tokens_details: { text_tokens: 0, image_tokens: 1290 },
      total_tokens: 1297,
    });
    assert.equal(response.headers.get('x-gproxy-dropped'), 'quality');
    const { path, json } = lastRequest(id);
    assert.match(path, /gemini-2\.5-flash:generateContent$/);
    assert.deepEqual(json.generationConfig, { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { aspectRatio: '3:2' } });
    const row = await rig.gw.row(id);
    assert.equal(row.operation, 'image');
    assert.equal(row.upstream_dialect, 'gemini');
    assert.equal(row.image_out_tokens, 1290);
    assert.ok(Number(row.cost_usd) > 0);
  });

  test('by responses', async () => {
    const id = newId('case-image');
    const call = { id: 'ig_1', type: 'image_generation_call', status: 'completed', result: PICTURE, revised_prompt: 'A fat cat', output_format: 'webp', size: '1024x1024' };
    rig.up.script(id, (req, res) =>
      res.json(200, {
        id: 'resp_1',
        object: 'response',
        status: 'completed',
        model: req.model,
        output: [call],
        usage: { input_tokens: 20, output_tokens: 3, total_tokens: 23 },
        tool_usage: { image_gen: { input_tokens: 9, output_tokens: 272, total_tokens: 281 } },
      }),
    );
    const picture = await openai(id).images.generate({ model: nameOf('compatible'), prompt: id, background: 'opaque' });
    assert.deepEqual(picture.data, [{ b64_json: PICTURE, revised_prompt: 'A fat cat' }]);
    assert.equal(picture.size, '1024x1024');
    assert.equal(picture.usage.output_tokens_details.image_tokens, 272);
    const { path, json } = lastRequest(id);
    assert.match(path, /\/v1\/responses$/);
    assert.deepEqual(json.tools, [{ type: 'image_generation', background: 'opaque' }]);
    const row = await rig.gw.row(id);
    assert.equal(row.input_tokens, 29);
    assert.equal(row.output_tokens, 3);
    assert.equal(row.image_out_tokens, 272);
  });

  for (const [what, params, status, message] of [
    ['several', { n: 2 }, 400, /^400 n: /],
    ['a stream', { stream: true }, 400, /^400 stream: /],
    ['a URL', { response_format: 'url' }, 400, /^400 response_format: /],
  ])
    test(`by gemini: ${what}`, async () => {
      await assert.rejects(openai(newId()).images.generate({ model: nameOf('gemini'), prompt: 'A cat', ...params }), (e) => {
        assert.equal(e.status, status, e);
        assert.match(e.message, message);
        return true;
      });
    });

  test('by gemini, which will not', async () => {
    const id = newId('case-image');
    rig.up.script(id, (req, res) => res.json(200, { candidates: [{ content: { parts: [{ text: 'I draw no cats.' }] }, finishReason: 'STOP' }], usageMetadata: { promptTokenCount: 7, totalTokenCount: 7 } }));
    await assert.rejects(openai(id).images.generate({ model: nameOf('gemini'), prompt: id }), (e) => {
      assert.ok(e instanceof OpenAI.BadRequestError, e);
      assert.match(e.message, /I draw no cats/);
      return true;
    });
    assert.equal((await rig.gw.row(id)).outcome, 'upstream_error');
  });

  test('by anthropic: there is no such thing', async () => {
    await assert.rejects(openai(newId()).images.generate({ model: nameOf('anthropic'), prompt: 'A cat' }), (e) => e.status === 501);
  });
});

// ---- conversations made short --------------------------------------------------

const SUMMARY = 'The user lives in Paris.\n"Weather" was looked up once.';

const talk = (id) => [
  { role: 'user', content: `Weather in Paris? ${id}` },
  { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Paris"}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'Rain.' },
  { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'It rains.', annotations: [] }] },
];

// A conversation that `provider` has summed up.
async function compacted(id, provider) {
  rig.up.script(id, scripted(answer([text(SUMMARY)])));
  return openai(id).responses.compact({ model: nameOf(provider), instructions: 'Be brief.', input: talk(id) });
}

describe('compact', () => {
  test('by its own kind', async () => {
    const id = newId('case-compact');
    const got = await openai(id).responses.compact({ model: nameOf('openai'), input: talk(id) });
    assert.equal(got.output[0].encrypted_content, 'gAAAAAB');
    assert.match(lastRequest(id).path, /\/v1\/responses\/compact$/);
    const row = await rig.gw.row(id);
    assert.equal(row.operation, 'compact');
    assert.equal(row.input_tokens, 9);
    assert.equal(row.output_tokens, 4);
  });

  for (const provider of ['chat', 'anthropic', 'gemini'])
    test(`by ${provider}`, async () => {
      const id = newId('case-compact');
      const got = await compacted(id, provider);
      assert.equal(got.object, 'response.compaction');
      assert.match(got.id, /^resp_/);
      assert.ok(got.usage.total_tokens > 0);
      assert.deepEqual(got.output[0], { type: 'message', role: 'user', content: [{ type: 'input_text', text: talk(id)[0].content }] });
      assert.equal(got.output.length, 2);
      assert.match(got.output[1].encrypted_content, /^pxc1\./);
      const asked = lastRequest(id);
      assert.match(asked.text, /sum up this conversation/);
      assert.match(asked.text, /It rains/);
      assert.match(asked.text, /Be brief/);
      const row = await rig.gw.row(id);
      assert.equal(row.operation, 'compact');
      assert.equal(row.outcome, 'ok');
      assert.ok(row.input_tokens > 0 && row.output_tokens > 0);

      // It goes on from there, with whomever.
      for (const next of ['chat', 'anthropic', 'gemini', 'openai']) {
        const said = await openai(newId()).responses.create({ model: nameOf(next), input: [...got.output, { role: 'user', content: 'And tomorrow?' }] });
        assert.ok(said.output_text.length > 0);
        const { text: body } = lastRequest(id);
        assert.match(body, /And tomorrow/);
        assert.match(body, /Summary of the conversation so far/);
        assert.match(body, /lives in Paris/);
        assert.doesNotMatch(body, /pxc1\./);
      }
    });

  test('nobody else goes on with it', async () => {
    const got = await compacted(newId('case-compact'), 'chat');
    const item = got.output.at(-1);
    const forged = { ...item, encrypted_content: item.encrypted_content.replace(/.$/, (c) => (c === '0' ? '1' : '0')) };
    await assert.rejects(openai(newId()).responses.create({ model: nameOf('chat'), input: [forged, { role: 'user', content: 'Hi' }] }), (e) => {
      assert.ok(e instanceof OpenAI.BadRequestError, e);
      assert.match(e.message, /input\[0\]\.encrypted_content/);
      return true;
    });
  });

  test('what upstream refuses', async () => {
    const id = newId('case-compact');
    rig.up.script(id, (req, res) => res.json(429, { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down.' } }));
    await assert.rejects(openai(id).responses.compact({ model: nameOf('anthropic'), input: talk(id) }), (e) => {
      assert.ok(e instanceof OpenAI.RateLimitError, e);
      assert.match(e.message, /Slow down/);
      return true;
    });
  });
});
