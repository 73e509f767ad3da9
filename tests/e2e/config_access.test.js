// Limits, quotas, prices and rules in the configuration file: checked, imported, exported, reconciled.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Gateway, gproxy, SLOW, tempDir } from './lib/gateway.js';
import { Upstream } from './lib/upstream.js';
import { chat } from './lib/dialects.js';
import { newId, standardConfig } from './lib/rig.js';
import { call, eventually } from './lib/client.js';

const dir = tempDir();
test.after(() => rmSync(dir, { recursive: true, force: true }));

const SECRET_KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
const ENV = {
  OPENAI_API_KEY: 'sk-openai-1',
  GROQ_API_KEY: 'gsk-1',
  ALICE_PASSWORD: 'a long password',
  ALICE_KEY: 'sk-alice-000000000001',
  GPROXY_SECRET_KEY: SECRET_KEY,
};

// The example that the product is specified by, to the letter.
const EXAMPLE = `config: { mode: managed }
server: { host: 0.0.0.0, port: 8787 }
providers:
  - name: openai
    channel: openai
    settings: { base_url: "https://api.openai.com" }      # optional: the channel has a default
    credentials:
      - { label: main, secret: { api_key: "\${OPENAI_API_KEY}" }, weight: 100 }
    models:
      - { id: gpt-5.4-mini, price: { input: "0.75", output: "4.50", cache_read: "0.075" } }   # USD per million tokens
  - { name: groq, channel: groq, credentials: [ { secret: { api_key: "\${GROQ_API_KEY}" } } ], models: [ { id: llama-4 } ] }
aliases:
  - name: fast
    strategy: failover
    targets: [ { provider: openai, model: gpt-5.4-mini, tier: 0 }, { provider: groq, model: llama-4, tier: 1 } ]
users:
  - name: alice
    admin: true
    password: "\${ALICE_PASSWORD}"                          # plain (hashed on import) or an Argon2 PHC string
    keys:
      - { label: laptop, key: "\${ALICE_KEY}", expires_at: "2027-01-01T00:00:00Z" }   # without \`key\`: generated, shown once
    permissions: [ { models: "*" }, { provider: groq, models: "llama-*" } ]
    rate_limits: [ { models: "gpt-*", rpm: 60, tpm: 200000, max_concurrent: 8 } ]
    quota: { usd: "25.00", period: month }
rules:
  - { scope: provider/openai, phase: outbound, action: set, path: "stream_options.include_usage", value: true }
settings: { request_log: { downstream: metadata }, retention: { days: 30 } }
`;

// And one of each thing that it does not have.
const MORE = `prices:
  - { models: "llama-*", provider: groq, price: { input: "0.1", output: "0.2" } }
aliases:
  - name: thinker
    price: { input: "1", output: "2" }
    targets: [ { provider: openai, model: gpt-5.4-mini } ]
    rules:
      - { phase: outbound, action: set, path: reasoning_effort, value: high, label: "a variant" }
      - { phase: outbound, action: default, path: temperature, value: 0.5, order: -1 }
users:
  - name: bob
    keys:
      - { label: b, key: sk-bob-00000000000001, rate_limits: [ { rpm: 1 } ], quota: [ { usd: 1 }, { usd: "0.25", period: day } ] }
    permissions: [ { models: "*" } ]
    file_permissions: [ { provider: openai } ]
rules:
  - { phase: inbound, action: replace, pattern: "(?i)\\\\bsecret\\\\b", replacement: "[gone]", filter: { users: bob, models: [ "gpt-*", fast ] } }
  - { phase: outbound, action: header, name: x-team, value: blue }
  - { scope: alias/fast, phase: inbound, action: system, value: "Be brief.", place: prepend }
  - { scope: alias/fast, phase: outbound, action: cache_breakpoint, target: messages, position: last_nth, index: 2, ttl: 1h }
`;

function file(name, text) {
  const at = path.join(dir, name);
  writeFileSync(at, text);
  return at;
}

function good(args, input) {
  const r = gproxy(args, { env: ENV, cwd: dir, input });
  assert.equal(r.code, 0, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
  return r;
}

describe('the example', () => {
  test('is good, whole and unchanged', () => {
    const r = good(['check', '--config', file('example.yaml', EXAMPLE)]);
    assert.match(r.stdout, /example\.yaml is good/);
    assert.doesNotMatch(r.stderr, /error/);
    assert.ok(!r.stderr.includes(ENV.OPENAI_API_KEY) && !r.stderr.includes(ENV.ALICE_PASSWORD));
  });

  test('can be imported, exported, and imported from there', () => {
    const data = path.join(dir, 'first');
    const other = path.join(dir, 'second');
    good(['import', file('example.yaml', EXAMPLE), '--data-dir', data]);
    good(['import', file('more.yaml', MORE), '--data-dir', data]);
    const text = good(['export', '--include-secrets', '--data-dir', data]).stdout;
    for (const word of ['gpt-*', 'include_usage', 'reasoning_effort', 'period: month', '"0.25"', 'file_permissions', 'x-team', 'cache_breakpoint'])
      assert.ok(text.includes(word), `${word} is in\n${text}`);
    const out = file('export.yaml', text);
    assert.match(good(['check', out]).stdout, /is good/);
    assert.match(good(['import', '--replace', out, '--data-dir', data]).stdout, /^0 added, 0 changed, 0 deleted$/m);
    good(['import', '-', '--data-dir', other], text);
    assert.equal(good(['export', '--include-secrets', '--data-dir', other]).stdout, text);
  });

  test('user list shows what users may spend', () => {
    const data = path.join(dir, 'listed');
    good(['import', file('example.yaml', EXAMPLE), '--data-dir', data]);
    assert.match(good(['user', 'list', '--data-dir', data]).stdout, /^alice +enabled +yes +yes +1 +2 +1 .* 25\/month$/m);
  });
});

describe('a file that is not good', () => {
  const BAD = [
    ['a negative limit', 'users:\n  - name: x\n    rate_limits: [ { rpm: -1 } ]\n', 3, /rpm/],
    ['a limit beyond all numbers', 'users:\n  - name: x\n    rate_limits: [ { tpd: 99999999999999999999 } ]\n', 3, /tpd/],
    ['a limit in words', 'users:\n  - name: x\n    rate_limits: [ { max_concurrent: few } ]\n', 3, /max_concurrent/],
    ['a bad pattern', 'users:\n  - name: x\n    rate_limits: [ { models: "[a", rpm: 1 } ]\n', 3, /models/],
    ['the same pattern twice', 'users:\n  - name: x\n    rate_limits:\n      - { rpm: 1 }\n      - { models: "*", rpm: 2 }\n', 5, /twice/],
    ['an unknown period', 'users:\n  - name: x\n    quota: { usd: 1, period: year }\n', 3, /period/],
    ['two quotas of one period', 'users:\n  - name: x\n    quota:\n      - { usd: 1 }\n      - { usd: 2 }\n', 5, /twice/],
    ['a negative quota', 'users:\n  - name: x\n    quota: { usd: -0.01 }\n', 3, /usd/],
    ['files at nobody', 'users:\n  - name: x\n    file_permissions: [ { provider: nobody } ]\n', 3, /nobody/],
    ['a price in words', 'prices:\n  - { models: x, price: { input: cheap } }\n', 2, /price/],
    ['a price at nobody', 'prices:\n  - { models: x, provider: nobody, price: { input: 1 } }\n', 2, /nobody/],
    ['a rule of an alias that is not there', 'rules:\n  - { scope: alias/nobody, phase: inbound, action: remove, path: x }\n', 2, /nobody/],
    ['a rule of something else', 'rules:\n  - { scope: user/x, phase: inbound, action: remove, path: x }\n', 2, /scope/],
    ['a rule of an unknown action', 'rules:\n  - { phase: inbound, action: explode }\n', 2, /action/],
    ['a rule with a bad expression', 'rules:\n  - { phase: inbound, action: replace, pattern: "(", replacement: "" }\n', 2, /pattern/],
  ];
  for (const [what, text, line, about] of BAD)
    test(`${what}: its place, and nothing is applied`, () => {
      const name = `bad-${what.replaceAll(' ', '-')}.yaml`;
      const data = path.join(dir, `data-${what.replaceAll(' ', '-')}`);
      const r = gproxy(['import', file(name, `providers:\n  - { name: never, channel: echo }\n${text}`), '--data-dir', data], { env: ENV, cwd: dir });
      assert.equal(r.code, 2, r.stdout + r.stderr);
      const [, at, , reason] = /\.yaml:(\d+):(\d+): (.*)/.exec(r.stderr);
      assert.equal(Number(at), line + 2, r.stderr);
      assert.match(reason, about);
      assert.doesNotMatch(gproxy(['export', '--data-dir', data], { env: ENV, cwd: dir }).stdout, /never/);
    });
});

describe('managed, and running', () => {
  const KEY = 'sk-managed-0000000000001';
  const OTHER = 'sk-managed-0000000000002';
  let up;
  test.before(async () => (up = await Upstream.start()));
  test.after(() => up.stop());

  function configOf(rate_limits, rules) {
    const user = { name: 'ann', keys: [{ label: 'k', key: KEY }], permissions: [{ models: '*' }], rate_limits, quota: { usd: '1000', period: 'month' } };
    return standardConfig(up, { extra: { users: [user], rules } });
  }

  const ask = (gw, id, key = KEY) => call(gw, { path: '/v1/chat/completions', headers: { ...chat.auth(key), 'x-client-request-id': id }, body: chat.body('fast') });

  test('a limit and rules change, and no row of usage is lost', async (t) => {
    const header = (value) => ({ phase: 'outbound', action: 'header', name: 'x-team', value });
    const gw = await Gateway.start({ t, config: configOf([{ rpm: 1000 }], [header('blue')]) });
    const exported = () => gproxy(['export', '--data-dir', gw.dataDir]).stdout;
    const before = newId('cfg');
    const after = newId('cfg');
    assert.equal((await ask(gw, before)).status, 200);
    await gw.row(before);
    gw.writeConfig(configOf([{ models: 'fast', rpm: 900 }, { rpm: 1001 }], [header('red'), header('green')]));
    gw.signal('SIGHUP');
    await eventually(() => /rpm: 1001/.test(exported()), { timeout: 6000 * SLOW, what: 'the new limits are there' });
    let text = exported();
    assert.match(text, /rpm: 900/);
    assert.doesNotMatch(text, /rpm: 1000\b/);
    assert.ok(text.indexOf('red') < text.indexOf('green') && !text.includes('blue'));
    assert.equal((await ask(gw, after)).status, 200);
    await gw.row(after);
    await gw.row(before);

    // The row is the same one: what it has counted counts.  Whoever is new says when it is so.
    const lower = configOf([{ models: 'fast', rpm: 1 }, { rpm: 1001 }], [header('red'), header('green')]);
    lower.users.push({ name: 'eve', keys: [{ label: 'k', key: OTHER }], permissions: [{ models: '*' }] });
    gw.writeConfig(lower);
    gw.signal('SIGHUP');
    await eventually(async () => (await ask(gw, newId('cfg'), OTHER)).status === 200, { timeout: 6000 * SLOW, what: 'the new user is there' });
    assert.equal((await ask(gw, newId('cfg'))).status, 429);
    text = exported();

    // A mistake leaves all of it as it is.
    gw.writeConfig(configOf([{ rpm: -1 }], []));
    gw.signal('SIGHUP');
    await eventually(() => /gproxy\.yaml:\d+:\d+: rpm: /.test(gw.output), { what: 'the mistake is told' });
    assert.equal(exported(), text);
  });
});
