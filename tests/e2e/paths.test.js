// Tolerant prefixes, scoped base URLs, ambiguous paths, model ids with slashes and colons.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, assertError, KEYS } from './lib/rig.js';
import { chat, responses, anthropic, gemini } from './lib/dialects.js';
import { call } from './lib/client.js';

const rig = useRig();

const post = (d, path, model, extra = {}) =>
  call(rig.gw, { path, headers: { ...d.auth(KEYS.alice), ...extra }, body: d.body(model) });

const get = (path, headers) => call(rig.gw, { method: 'GET', path, headers });
const bearer = { authorization: `Bearer ${KEYS.alice}` };

describe('prefixes are tolerated where SDKs differ', () => {
  const CASES = [
    [chat, '/v1/chat/completions', 'gpt-test', '/v1/chat/completions'],
    [chat, '/chat/completions', 'gpt-test', '/v1/chat/completions'],
    [chat, '/v1/v1/chat/completions', 'gpt-test', '/v1/chat/completions'],
    [chat, '/openai/v1/chat/completions', 'gpt-test', '/v1/chat/completions'],
    [chat, '/openai/chat/completions', 'gpt-test', '/v1/chat/completions'],
    [chat, '/openai/v1/v1/chat/completions', 'gpt-test', '/v1/chat/completions'],
    [chat, '/openai2/v1/chat/completions', 'gpt-other', '/v1/chat/completions'],
    [chat, '/mix/v1/chat/completions', 'org/mixed:free', '/deep/path/v1/chat/completions'],
    [responses, '/responses', 'gpt-test', '/v1/responses'],
    [responses, '/v1/v1/responses', 'gpt-test', '/v1/responses'],
    [responses, '/openai/responses', 'gpt-test', '/v1/responses'],
    [anthropic, '/messages', 'claude-test', '/v1/messages'],
    [anthropic, '/v1/v1/messages', 'claude-test', '/v1/messages'],
    [anthropic, '/anthropic/v1/messages', 'claude-test', '/v1/messages'],
    [anthropic, '/anthropic/v1/v1/messages', 'claude-test', '/v1/messages'],
    [anthropic, '/v1/messages?beta=true', 'claude-test', '/v1/messages'],
    [gemini, '/v1beta/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/v1/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/v1beta1/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/v1beta/v1beta/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/aistudio/v1beta/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/aistudio/v1/models/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/v1beta/models/aistudio/gemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/v1beta/models/aistudio%2Fgemini-test:generateContent', '', '/v1beta/models/gemini-test:generateContent'],
    [gemini, '/v1beta/models/gemini-test%3AgenerateContent', '', '/v1beta/models/gemini-test:generateContent'],
  ];
  for (const [d, path, model, upstream] of CASES)
    test(`POST ${path}`, async () => {
      const a = await post(d, path, model);
      assert.equal(a.status, 200, a.text);
      assert.equal(d.text(a.json), 'Hello wörld 👋');
      const req = rig.up.requests.at(-1);
      // AI Studio serves v1 too: a client's own version may be kept.
      const accepted = d === gemini ? [upstream, upstream.replace('/v1beta/', '/v1/')] : [upstream];
      assert.ok(accepted.includes(req.path), `upstream path ${req.path}`);
    });

  // A base URL that ends in a slash gives these: as harmless as a second version.
  test('a slash at the end and doubled slashes in front of the resource are one path', async () => {
    for (const path of ['/v1//chat/completions', '/v1/chat/completions/'])
      assert.equal((await post(chat, path, 'gpt-test')).status, 200, path);
  });
});

describe('model ids with / and :', () => {
  const NAMES = ['org/mixed:free', 'mix/org/mixed:free', 'mix/any/thing:at:all', 'mix/a:b/c'];
  for (const name of NAMES)
    test(`chat ${name}`, async () => {
      const a = await post(chat, '/v1/chat/completions', name);
      assert.equal(a.status, 200, a.text);
      assert.equal(a.json.model, name);
      assert.equal(rig.up.requests.at(-1).json.model, name.replace(/^mix\//, ''));
    });

  test('gemini: the action is split at the last colon', async () => {
    for (const [asked, path] of [
      ['aistudio/tuned:v2', /^\/v1beta\/models\/tuned(:|%3A)v2:generateContent$/i],
      ['aistudio/a/b', /^\/v1beta\/models\/a\/b:generateContent$/],
      ['aistudio/x%20y', /^\/v1beta\/models\/x%20y:generateContent$/],
    ]) {
      const a = await post(gemini, `/v1beta/models/${asked}:generateContent`, '');
      // The scripted upstream knows no model with a second colon: its 404 is fine, the path is what counts.
      assert.ok([200, 404].includes(a.status), a.text);
      assert.match(rig.up.requests.at(-1).path, path);
    }
  });

  test('an id cannot climb out of its path', async () => {
    for (const id of ['aistudio/../../admin', 'aistudio/%2e%2e/x', 'aistudio/a/./b', 'aistudio/a//b', 'aistudio/a%00b', 'aistudio/a%0d%0ab']) {
      const before = rig.up.requests.length;
      const a = await post(gemini, `/v1beta/models/${id}:generateContent`, '');
      assert.ok(a.status === 400 || a.status === 404, `${id}: ${a.status}`);
      assert.equal(rig.up.requests.length, before, id);
    }
  });
});

describe('ambiguous paths take the dialect from the headers', () => {
  const SHAPES = {
    openai: (j) => assert.ok(j.object === 'list' && Array.isArray(j.data) && j.data[0].object === 'model'),
    anthropic: (j) => assert.ok(Array.isArray(j.data) && 'has_more' in j && j.data[0].type === 'model'),
    gemini: (j) => assert.ok(Array.isArray(j.models) && j.models[0].name.startsWith('models/')),
  };
  const CASES = [
    ['/v1/models', bearer, 'openai'],
    ['/models', bearer, 'openai'],
    ['/v1/v1/models', bearer, 'openai'],
    ['/openai/v1/models', bearer, 'openai'],
    [`/v1/models?key=${KEYS.alice}`, {}, 'openai'],
    ['/v1/models', { 'x-api-key': KEYS.alice }, 'anthropic'],
    ['/v1/models', { ...bearer, 'anthropic-version': '2026-10-21' }, 'anthropic'],
    ['/anthropic/v1/models', { ...bearer, 'anthropic-version': '2026-10-21' }, 'anthropic'],
    ['/v1/models', { 'x-goog-api-key': KEYS.alice }, 'gemini'],
    ['/v1/models', { 'x-goog-api-key': KEYS.alice, 'anthropic-version': '2026-10-21' }, 'gemini'],
    ['/v1beta/models', bearer, 'gemini'],
    [`/v1beta/models?key=${KEYS.alice}`, {}, 'gemini'],
    ['/v1beta/models', { 'x-api-key': KEYS.alice }, 'gemini'],
    ['/aistudio/v1beta/models', { 'x-goog-api-key': KEYS.alice }, 'gemini'],
  ];
  for (const [path, headers, shape] of CASES)
    test(`GET ${path.replace(/key=.*/, 'key=…')} with ${Object.keys(headers).join(', ') || 'nothing'}: ${shape}`, async () => {
      const a = await get(path, headers);
      assert.equal(a.status, 200, a.text);
      SHAPES[shape](a.json);
    });

  test('errors follow the same rule', async () => {
    assertError(chat, await get('/v1/models', {}), 401);
    assertError(anthropic, await get('/v1/models', { 'x-api-key': 'sk-no' }), 401);
    assertError(gemini, await get('/v1/models', { 'x-goog-api-key': 'no' }), 401);
    assertError(gemini, await get('/v1beta/models/nope', { 'x-goog-api-key': KEYS.alice }), 404);
    assertError(anthropic, await get('/v1/models/nope', { 'x-api-key': KEYS.alice }), 404);
    assertError(chat, await get('/v1/models/nope', bearer), 404);
  });

  test('one model, in each dialect, its id escaped or not', async () => {
    for (const id of ['openai/gpt-test', 'openai%2Fgpt-test']) {
      assert.equal((await get(`/v1/models/${id}`, bearer)).json.id, 'openai/gpt-test');
      assert.equal((await get(`/v1/models/${id}`, { 'x-api-key': KEYS.alice })).json.id, 'openai/gpt-test');
      assert.equal((await get(`/v1beta/models/${id}`, { 'x-goog-api-key': KEYS.alice })).json.name, 'models/openai/gpt-test');
    }
    assert.equal((await get('/v1/models/mix/org/mixed:free', bearer)).json.id, 'mix/org/mixed:free');
  });
});

describe('scopes', () => {
  test('the provider of the path is fixed: an alias or another provider is no model of it', async () => {
    const a = await post(chat, '/openai/v1/chat/completions', 'openai2/gpt-other');
    assert.equal(rig.up.requests.at(-1).json.model, 'openai2/gpt-other', "the upstream's own id, whatever it looks like");
    assert.equal(a.status, 200);
  });

  test('the bare id that is ambiguous aggregated is fine scoped', async () => {
    assert.equal((await post(chat, '/openai2/v1/chat/completions', 'dup-test')).status, 200);
  });

  test('a provider that is not there is a path that is not there', async () => {
    assertError(chat, await post(chat, '/nobody/v1/chat/completions', 'gpt-test'), 404);
  });

  test('what the provider cannot do at all: 501 in the client\'s dialect, nothing sent', async () => {
    const before = rig.up.requests.length;
    const answer = await call(rig.gw, {
      path: '/anthropic/v1/embeddings',
      headers: chat.auth(KEYS.alice),
      body: { model: 'claude-test', input: 'x' },
    });
    assertError(chat, answer, 501);
    assert.equal(rig.up.requests.length, before);
  });
});
