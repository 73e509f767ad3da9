// Rules (spec.md 9) on their way: inbound before the alias, outbound in upstream's words;
// what no rule touches keeps its bytes.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, assertError } from './lib/rig.js';
import { chat, anthropic, gemini } from './lib/dialects.js';
import { newUser, meteredConfig } from './lib/metered.js';
import { call } from './lib/client.js';

const user = newUser();
const other = newUser();
const narrow = newUser({ permissions: [{ models: 'old-*' }] });
const plain = newUser({ permissions: [{ models: 'gpt-*' }] });
const MAGIC = 'GPROXY_MAGIC_STRING_TRIGGER_CACHING_CREATE_49VA1S5V19GR4G89W2V695G9W9GV52W95V198WV5W2FC9DF';
const rig = useRig({
  config: (up) => {
    const config = meteredConfig(up, [user, other, narrow, plain]);
    config.providers[1].settings.magic_strings = true;
    config.aliases.push({
      name: 'gpt-thinking-high',
      targets: [{ provider: 'openai', model: 'gpt-other' }],
      rules: [{ phase: 'outbound', action: 'set', path: 'reasoning_effort', value: 'high', filter: { upstream_dialects: 'openai_chat' } }],
    });
    config.rules = [
      { phase: 'inbound', action: 'set', path: 'model', value: 'gpt-other', filter: { models: 'old-name' } },
      { phase: 'inbound', action: 'set', path: 'temperature', value: 0.5, filter: { models: 'warm-*', dialects: 'openai_chat' } },
      { phase: 'inbound', action: 'set', path: 'model', value: 'gpt-test', filter: { models: 'warm-*' }, order: 5 },
      { scope: 'provider/openai', phase: 'outbound', action: 'set', path: 'stream_options.include_usage', value: true, filter: { upstream_dialects: 'openai_chat', operations: 'generate', models: 'usage-*' } },
      { scope: 'provider/openai', phase: 'outbound', action: 'default', path: 'metadata.team', value: 'blue', filter: { users: other.name } },
      { scope: 'provider/openai', phase: 'outbound', action: 'remove', path: 'user', filter: { users: other.name } },
      { scope: 'provider/openai', phase: 'outbound', action: 'header', name: 'openai-beta', value: 'things=v1', filter: { users: other.name } },
      { scope: 'provider/openai', phase: 'outbound', action: 'replace', pattern: 'secret-(\\d+)', replacement: 'hidden-$1', filter: { users: other.name } },
      { scope: 'provider/anthropic', phase: 'outbound', action: 'system', place: 'prepend', value: 'Be brief.', filter: { users: other.name } },
      { scope: 'provider/anthropic', phase: 'outbound', action: 'cache_breakpoint', target: 'system', position: 'last_nth', index: 1, ttl: '1h', filter: { users: other.name } },
    ];
    return config;
  },
});

const send = (who, d, more) => ask(rig, d, { key: who.key, ...more });
const last = () => rig.up.requests.at(-1);

test('inbound: a rule may name another model, and the reply names the one asked for', async () => {
  const a = await send(user, chat, { model: 'old-name' });
  assert.equal(a.status, 200, a.text);
  assert.equal(last().model, 'gpt-other');
  assert.equal(a.json.model, 'old-name');
});

test('inbound: rules are filtered by the name that was sent, in order', async () => {
  const a = await send(user, chat, { model: 'warm-one' });
  assert.equal(a.status, 200, a.text);
  assert.equal(last().model, 'gpt-test');
  assert.equal(last().json.temperature, 0.5);
});

test('inbound: Gemini names its model in the path, and a rule changes that', async () => {
  const a = await send(user, gemini, { model: 'old-name' });
  assert.equal(a.status, 200, a.text);
  assert.equal(last().model, 'gpt-other');
  assert.equal(a.json.modelVersion, 'old-name');
});

test('outbound: what is not touched keeps its bytes', async () => {
  const body = `{ "model" : "openai/gpt-test",\n  "odd":  [1 , 2.50, "\\u00e9"], "user":"u1", "messages":[{"role":"user","content":"a secret-42"}] }`;
  const a = await call(rig.gw, { path: '/v1/chat/completions', headers: chat.auth(other.key), body });
  assert.equal(a.status, 200, a.text);
  const got = last();
  assert.ok(got.text.includes('"odd":  [1 , 2.50, "\\u00e9"]'), got.text);
  assert.equal(got.json.user, undefined);
  assert.equal(got.json.metadata.team, 'blue');
  assert.equal(got.json.messages[0].content, 'a hidden-42');
  assert.equal(got.json.model, 'gpt-test');
  assert.deepEqual(got.all('openai-beta'), ['things=v1']);
});

test('outbound: another user is not meant', async () => {
  await send(user, chat, { model: 'gpt-test', user: 'u1', text: 'secret-1' });
  assert.equal(last().json.user, 'u1');
  assert.equal(last().json.metadata, undefined);
  assert.equal(last().header('openai-beta'), undefined);
  assert.match(last().text, /secret-1/);
});

test("outbound: after translation, in upstream's words", async () => {
  const a = await send(other, chat, { model: 'claude-test' });
  assert.equal(a.status, 200, a.text);
  const system = last().json.system;
  assert.equal(system[0].text, 'Be brief.');
  assert.deepEqual(system.at(-1).cache_control, { type: 'ephemeral', ttl: '1h' });
});

for (const stream of [false, true]) {
  test(`an alias carries rules: a variant${stream ? ', streamed' : ''}`, async () => {
    const a = await send(user, chat, { model: 'gpt-thinking-high', stream });
    assert.equal(a.status, 200, a.text);
    assert.equal(last().json.reasoning_effort, 'high');
    assert.equal(last().model, 'gpt-other');
    await send(user, chat, { model: 'gpt-other' });
    assert.equal(last().json.reasoning_effort, undefined);
  });
}

test('magic strings become breakpoints at Anthropic, and are gone', async () => {
  const a = await send(user, anthropic, { model: 'claude-test', text: `long prompt ${MAGIC}` });
  assert.equal(a.status, 200, a.text);
  const block = last().json.messages[0].content.at(-1);
  assert.equal(block.text.trim(), 'long prompt');
  assert.deepEqual(block.cache_control, { type: 'ephemeral', ttl: '5m' });
  assert.ok(!last().text.includes('GPROXY_MAGIC'));
});

test('permission is asked for the name that was sent, not for what a rule makes of it', async () => {
  const old = await send(narrow, chat, { model: 'old-name' });
  assert.equal(old.status, 200, old.text);
  assert.equal(last().model, 'gpt-other');
  assertError(chat, await send(narrow, chat, { model: 'gpt-other' }), 403);
  assertError(chat, await send(plain, chat, { model: 'old-name' }), 403);
  assert.equal((await send(plain, chat, { model: 'gpt-other' })).status, 200);
});
