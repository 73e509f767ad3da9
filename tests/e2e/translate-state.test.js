// Responses that go on with an earlier one, and the routing table, at upstreams of other dialects.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { Gateway } from './lib/gateway.js';
import { useRig, KEYS, newModel, standardConfig } from './lib/rig.js';
import { anthropic, chat, responses, WORDS } from './lib/dialects.js';
import { answerWell } from './lib/upstream.js';
import { call } from './lib/client.js';

const OTHER = 'sk-client-somebody-else-0001';
const HELLO = WORDS.join('');
const somebody = { name: 'else', keys: [{ label: 'k', key: OTHER }], permissions: [{ models: '*' }] };

// Everybody's requests at the upstream, by the texts of their messages.
function hearing(rig, kind) {
  const heard = [];
  const model = rig.up.script(newModel('state'), (req, res) => {
    heard.push(req.json.messages.map((m) => [m.role, [m.content].flat().map((c) => c?.text ?? c).join('')]));
    return answerWell(req, res);
  });
  return { heard, model: `${kind}/${model}` };
}

describe('with a store', () => {
  const rig = useRig({
    config: (up) => {
      const config = standardConfig(up);
      return { ...config, users: [...config.users, somebody], settings: { response_ttl_ms: 60000 } };
    },
  });
  const sdk = (apiKey = KEYS.alice) => new OpenAI({ apiKey, baseURL: `${rig.gw.url}/v1`, maxRetries: 0 });

  for (const stream of [false, true]) {
    test(`previous_response_id goes on, three turns, ${stream ? 'streamed' : 'buffered'}`, async () => {
      const { heard, model } = hearing(rig, 'anthropic');
      const say = async (input, previous_response_id) => {
        const body = { model, input, previous_response_id, instructions: `be ${input}` };
        if (!stream) return sdk().responses.create(body);
        return sdk().responses.stream(body).finalResponse();
      };
      const one = await say('one');
      const two = await say([{ role: 'user', content: 'two' }], one.id);
      const three = await say('three', two.id);
      assert.equal(three.output_text, HELLO);
      assert.deepEqual(heard[1], [['user', 'one'], ['assistant', HELLO], ['user', 'two']]);
      assert.deepEqual(heard[2], [...heard[1], ['assistant', HELLO], ['user', 'three']]);
      // A branch: the first one is still there.
      await say('other', one.id);
      assert.deepEqual(heard[3], [['user', 'one'], ['assistant', HELLO], ['user', 'other']]);
    });
  }

  test('a conversation goes on by its name', async () => {
    const { heard, model } = hearing(rig, 'anthropic');
    const conversation = newModel('conv');
    for (const input of ['one', 'two']) await sdk().responses.create({ model, input, conversation });
    assert.deepEqual(heard[1], [['user', 'one'], ['assistant', HELLO], ['user', 'two']]);
  });

  // Without store: false that SDK sends what it has had an id for as nothing but the id.
  for (const stream of [false, true])
    test(`items come back by their ids from Vercel's SDK, ${stream ? 'streamed' : 'buffered'}`, async () => {
      const { heard, model } = hearing(rig, 'anthropic');
      const body = { model: createOpenAI({ apiKey: KEYS.alice, baseURL: `${rig.gw.url}/v1` }).responses(model), maxRetries: 0 };
      const messages = [{ role: 'user', content: 'one' }];
      const result = stream ? streamText({ ...body, messages }) : await generateText({ ...body, messages });
      messages.push(...(await result.response).messages, { role: 'user', content: 'two' });
      assert.equal((await generateText({ ...body, messages })).text, HELLO);
      assert.deepEqual(heard[1], [['user', 'one'], ['assistant', HELLO], ['user', 'two']]);
    });

  const refused = (promise, status, text) =>
    assert.rejects(promise, (e) => {
      assert.ok(e instanceof OpenAI.APIError, String(e));
      assert.equal(e.status, status);
      assert.match(e.message, text);
      return true;
    });

  test('store: false keeps it out; what is not there is said', async () => {
    const { heard, model } = hearing(rig, 'anthropic');
    const one = await sdk().responses.create({ model, input: 'one', store: false });
    await refused(sdk().responses.create({ model, input: 'two', previous_response_id: one.id }), 400, /previous_response_id/);
    await refused(sdk().responses.create({ model, input: 'x', previous_response_id: 'resp_never' }), 400, /resp_never/);
    await refused(sdk().responses.create({ model, input: 'x', previous_response_id: 'a', conversation: 'b' }), 400, /conversation/);
    await refused(sdk().responses.create({ model, input: [{ type: 'item_reference', id: one.output[0].id }] }), 400, /input\[0\]/);
    assert.equal(heard.length, 1, 'nothing of that went upstream');
  });

  test("nobody finds somebody else's", async () => {
    const { heard, model } = hearing(rig, 'anthropic');
    const one = await sdk().responses.create({ model, input: 'my secret' });
    await refused(sdk(OTHER).responses.create({ model, input: 'two', previous_response_id: one.id }), 400, /previous_response_id/);
    const conversation = newModel('conv');
    await sdk().responses.create({ model, input: 'my secret', conversation });
    await sdk(OTHER).responses.create({ model, input: 'two', conversation });
    assert.deepEqual(heard.at(-1), [['user', 'two']]);
  });
});

describe('without a store', () => {
  const rig = useRig();

  test('state is 400 that says so, and nothing goes upstream', async () => {
    const { heard, model } = hearing(rig, 'anthropic');
    const client = new OpenAI({ apiKey: KEYS.alice, baseURL: `${rig.gw.url}/v1`, maxRetries: 0 });
    for (const state of [{ previous_response_id: 'resp_1' }, { conversation: 'conv_1' }]) {
      await assert.rejects(client.responses.create({ model, input: 'x', ...state }), (e) => {
        assert.equal(e.status, 400);
        assert.match(e.message, new RegExp(Object.keys(state)[0]));
        return true;
      });
    }
    assert.equal(heard.length, 0);
  });
});

describe('the routing table', () => {
  const CELLS = [
    { why: 'by default', settings: {}, anthropic: '/v1/responses', chat: '/v1/chat/completions' },
    { why: 'prefer_chat', settings: { prefer_chat: true }, anthropic: '/v1/chat/completions', chat: '/v1/chat/completions' },
    { why: 'a cell', routing: { 'generate/anthropic': 'openai_chat', 'generate/openai_chat': 'openai_responses' }, anthropic: '/v1/chat/completions', chat: '/v1/responses' },
    { why: 'a template', routing: { template: 'responses-only' }, anthropic: '/v1/responses', chat: '/v1/responses' },
    { why: 'unsupported', routing: { 'generate/anthropic': 'unsupported' }, anthropic: null, chat: '/v1/chat/completions' },
  ];

  for (const { why, settings, routing, ...paths } of CELLS) {
    test(why, async (t) => {
      const { Upstream } = await import('./lib/upstream.js');
      const up = await Upstream.start();
      t.after(() => up.stop());
      const config = standardConfig(up);
      Object.assign(config.providers[0], { settings: { ...config.providers[0].settings, ...settings }, ...(routing ? { routing } : {}) });
      const gw = await Gateway.start({ config, t });
      for (const d of [anthropic, chat]) {
        const r = await call(gw, { path: d.path('openai/gpt-test', false), headers: d.auth(KEYS.alice), body: d.body('openai/gpt-test', {}) });
        const path = paths[d === chat ? 'chat' : 'anthropic'];
        assert.equal(r.status, path ? 200 : 501, r.text);
        if (path) assert.equal(up.requests.at(-1).path, path);
      }
    });
  }

  test('tools with reasoning go in by Responses where the model wants it', async (t) => {
    const { Upstream } = await import('./lib/upstream.js');
    const up = await Upstream.start();
    t.after(() => up.stop());
    const gw = await Gateway.start({ config: standardConfig(up), t });
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }];
    const ask = async (model, extra) => {
      const r = await call(gw, { path: '/openai/v1/chat/completions', headers: chat.auth(KEYS.alice), body: { model, messages: [{ role: 'user', content: 'x' }], ...extra } });
      assert.equal(r.status, 200, r.text);
      assert.equal(r.json.object, 'chat.completion');
      return up.requests.at(-1).path;
    };
    assert.equal(await ask('gpt-5.4', { tools, reasoning_effort: 'low' }), '/v1/responses');
    assert.equal(await ask('gpt-5.4', { tools, reasoning_effort: 'none' }), '/v1/chat/completions');
    assert.equal(await ask('gpt-5.4', {}), '/v1/chat/completions');
    assert.equal(await ask('gpt-5-pro', {}), '/v1/responses');
  });
});
