// rig.js - one upstream and one gateway with everything that most tests need in its configuration.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before } from 'node:test';
import { Gateway } from './gateway.js';
import { Upstream, UPSTREAM_KEYS } from './upstream.js';
import { call } from './client.js';

export const KEYS = {
  alice: 'sk-client-alice-000000000001',
  limited: 'sk-client-limited-00000000002',
  narrowed: 'sk-client-narrowed-0000000003',
  expired: 'sk-client-expired-00000000004',
  disabled: 'sk-client-disabled-0000000005',
  leaver: 'sk-client-leaver-000000000006',
  nothing: 'sk-client-nothing-00000000007',
};

export const UNKNOWN_KEY = 'sk-client-unknown-0000000099';

const secret = (kind) => [{ label: 'main', secret: { api_key: UPSTREAM_KEYS[kind] } }];

// Short deadlines, so that a fault costs a second and not minutes.
export const TIMEOUTS = { connect_ms: 1000, first_byte_ms: 1500, idle_ms: 1500, request_ms: 6000 };

export function standardConfig(upstream, { timeouts, extra = {} } = {}) {
  const provider = (name, channel, kind, models, base_url = upstream.url) => ({
    name,
    channel,
    settings: { base_url },
    ...(timeouts ? { timeouts } : {}),
    credentials: secret(kind),
    models,
  });
  const price = { input: '1', output: '2', cache_read: '0.5' };
  const config = {
    config: { mode: 'managed' },
    providers: [
      provider('openai', 'openai', 'openai', [{ id: 'gpt-test', price }, { id: 'emb-test' }, { id: 'dup-test' }]),
      provider('openai2', 'openai', 'openai', [{ id: 'dup-test' }, { id: 'gpt-other' }], `${upstream.url}/v1/`),
      provider('anthropic', 'anthropic', 'anthropic', [{ id: 'claude-test', price }]),
      provider('aistudio', 'aistudio', 'gemini', [{ id: 'gemini-test', price }, { id: 'gemini-emb' }]),
      provider('mix', 'custom', 'openai', [{ id: 'org/mixed:free' }], `${upstream.url}/deep/path/`),
    ],
    aliases: [
      { name: 'fast', targets: [{ provider: 'openai', model: 'gpt-test' }] },
      { name: 'sage', targets: [{ provider: 'anthropic', model: 'claude-test' }] },
      { name: 'flash', targets: [{ provider: 'aistudio', model: 'gemini-test' }] },
      { name: 'vectors', targets: [{ provider: 'openai', model: 'emb-test' }] },
      { name: 'gvectors', targets: [{ provider: 'aistudio', model: 'gemini-emb' }] },
    ],
    users: [
      {
        name: 'alice',
        keys: [
          { label: 'laptop', key: KEYS.alice },
          { label: 'old', key: KEYS.expired, expires_at: '2020-01-01T00:00:00Z' },
          { label: 'off', key: KEYS.disabled, enabled: false },
          { label: 'narrow', key: KEYS.narrowed, permissions: [{ models: 'fast' }] },
        ],
        permissions: [{ models: '*' }],
      },
      { name: 'lim', keys: [{ label: 'k', key: KEYS.limited }], permissions: [{ models: 'gpt-t*' }, { provider: 'anthropic', models: '*' }] },
      { name: 'leaver', enabled: false, keys: [{ label: 'k', key: KEYS.leaver }], permissions: [{ models: '*' }] },
      { name: 'nobody', keys: [{ label: 'k', key: KEYS.nothing }] },
    ],
    ...extra,
  };
  return config;
}

/*
 * For the top of a test file: before all its tests an upstream and a gateway are
 * started, after them both are stopped and the upstream's complaints are read.
 */
export function useRig(options = {}) {
  const rig = { KEYS };
  before(async () => {
    rig.up = await Upstream.start(options.upstream);
    rig.up.forbid(...Object.values(KEYS), UNKNOWN_KEY);
    const config = options.config ? await options.config(rig.up, rig) : standardConfig(rig.up, options);
    rig.gw = await Gateway.start({ config, env: options.env, args: options.args });
  });
  after(async () => {
    try {
      await rig.gw?.end();
      assert.deepEqual([...new Set(rig.up.problems)], [], 'what the upstream had to complain about');
      for (const key of Object.values(KEYS)) assert.ok(!rig.gw?.output.includes(key), 'a key stands in the log');
      for (const key of Object.values(UPSTREAM_KEYS)) assert.ok(!rig.gw?.output.includes(key), 'a provider key stands in the log');
    } finally {
      await rig.up?.stop();
    }
  });
  return rig;
}

let serial = 0;

// A client request id that no other request of this run has.
export const newId = (what = 'req') => `${what}-${process.pid}-${++serial}-${randomBytes(4).toString('hex')}`;

// A model id of its own, for a script of its own.
export const newModel = (what = 'm') => `${what}-${++serial}-${randomBytes(3).toString('hex')}`;

// One request in dialect `d`; model defaults to a healthy one of its provider.
export function ask(rig, d, { model = `${d.provider}/${d.model}`, stream = false, key = KEYS.alice, id, headers = {}, scope, ...body } = {}, options = {}) {
  const prefix = scope ? `/${scope}` : '';
  return call(
    rig.gw,
    {
      path: prefix + d.path(model, stream),
      headers: { ...d.auth(key), ...(id ? { 'x-client-request-id': id } : {}), ...headers },
      body: d.body(model, { stream, ...body }),
    },
    options,
  );
}

// Something healthy still works: after every kind of trouble.
export async function assertHealthy(rig, d) {
  const a = await ask(rig, d);
  assert.equal(a.status, 200, a.text);
  assert.equal(d.text(a.json), 'Hello wörld 👋');
}

// An error answer in the client's dialect.
export function assertError(d, answer, status) {
  assert.ok(answer.complete, 'the answer is whole');
  const wanted = [status].flat();
  assert.ok(wanted.includes(answer.status), `status ${answer.status}, wanted ${wanted}: ${answer.text.slice(0, 300)}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  assert.ok(answer.requestId, 'x-gproxy-request-id');
  return d.checkError(answer.status, answer.json);
}
