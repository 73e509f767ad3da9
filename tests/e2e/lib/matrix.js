// matrix.js - every client (drivers.js) with every upstream, buffered and streamed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from './client.js';
import { Gateway, SLOW } from './gateway.js';
import { DRIVERS } from './drivers.js';
import { KEYS, newId } from './rig.js';
import { scripted } from './scripts.js';
import { Upstream, UPSTREAM_KEYS } from './upstream.js';
import { anthropic, chat, gemini, responses } from './dialects.js';

/*
 * Where requests go.  model, thinker and elder (which thinks by the token) are names that the
 * vendors use: what a request may hold hangs on them.  Of OpenAI there are two kinds: its own channel serves Chat and Responses to
 * clients of each, and one of them to all others (`from`); a custom host speaks only one.
 */
const TARGETS = [
  { name: 'openai, chat only', channel: 'openai', settings: { prefer_chat: true }, dialect: chat, from: [anthropic, gemini], model: 'gpt-4.1', thinker: 'gpt-5.2' },
  { name: 'custom chat', channel: 'custom', settings: { dialect: 'openai_chat' }, dialect: chat, model: 'llama-4-maverick', thinker: 'glm-5' },
  { name: 'openai', channel: 'openai', settings: {}, dialect: responses, from: [anthropic, gemini], model: 'gpt-4.1', thinker: 'gpt-5.2' },
  { name: 'custom responses', channel: 'custom', settings: { dialect: 'openai_responses' }, dialect: responses, model: 'gpt-4.1', thinker: 'gpt-5.2' },
  { name: 'anthropic', channel: 'anthropic', settings: {}, dialect: anthropic, model: 'claude-sonnet-4-6', elder: 'claude-haiku-4-5', thinker: 'claude-opus-4-7' },
  { name: 'gemini', channel: 'aistudio', settings: {}, dialect: gemini, model: 'gemini-2.5-flash', elder: 'gemini-2.5-pro', thinker: 'gemini-3.1-pro-preview' },
];

// The control: no gateway.  What fails here is the test's or the SDK's own doing.
const DIRECT = { name: 'no gateway', direct: true };

const provider = (t, strict) => t.name.replace(/\W+/g, '-') + (strict ? '-strict' : '');
const alias = (t, of, strict) => `${provider(t, strict)}-${of}`;
const OF = ['model', 'thinker', 'elder'];

export function targetsOf(driver) {
  const { dialect } = driver;
  const own = TARGETS.find((t) => t.dialect === dialect && t.channel !== 'custom');
  return [{ ...own, ...DIRECT, from: undefined }, ...TARGETS.filter((t) => !t.from || (t.from.includes(dialect) && !/^ai /.test(driver.name)))];
}

function config(up) {
  const secret = (kind) => [{ label: 'main', secret: { api_key: UPSTREAM_KEYS[kind] } }];
  const vendor = { anthropic: 'anthropic', aistudio: 'gemini' };
  const each = (make) => TARGETS.flatMap((t) => [make(t, false), make(t, true)]);
  const models = (t) => OF.filter((of) => t[of]);
  return {
    config: { mode: 'managed' },
    providers: each((t, strict) => ({
      name: provider(t, strict),
      channel: t.channel,
      settings: { base_url: up.url, ...t.settings, ...(strict ? { strict_translation: true } : {}) },
      credentials: secret(vendor[t.channel] ?? 'openai'),
      models: models(t).map((of) => ({ id: t[of] })),
    })),
    aliases: each((t, strict) => models(t).map((of) => ({ name: alias(t, of, strict), targets: [{ provider: provider(t, strict), model: t[of] }] }))).flat(),
    users: [{ name: 'alice', keys: [{ label: 'laptop', key: KEYS.alice }], permissions: [{ models: '*' }] }],
  };
}

// What SDKs send although the vendor's documents forbid it; the gateway does not change it on its way
// to that vendor, and must not let it through to another.
const HABITS = /\$schema: unknown field|parts\[\d+\]: empty text|^max_completion_tokens: OpenAI’s alone/;

// One client, one upstream, one way of answering: what a case is run with.
class Trial {
  constructor(rig, driver, target, stream) {
    Object.assign(this, { rig, driver, target, stream, dialect: target.direct ? driver.dialect : target.dialect });
    this.mark = newId('case');
    this.native = this.dialect === driver.dialect;
  }

  // What the upstream answers, request by request.
  script(...answers) {
    this.rig.up.script(this.mark, scripted(...answers));
  }

  // A conversation of the client's; `of` says with which of the target's models, `strict` with the strict provider.
  open({ of = 'model', strict = false, ...options } = {}) {
    return this.driver.open({ ...this.place(of, strict), stream: this.stream, id: this.mark, ...options });
  }

  // The same for who speaks to an SDK directly: where, with what key and model, and words with our mark.
  place(of, strict = false) {
    const { rig, target } = this;
    this.model = this.nameOf(of, strict);
    const [root, key] = target.direct ? [rig.up.url, 'sk-direct'] : [rig.gw.url, KEYS.alice];
    return { root, key, model: this.model, words: this.say('Weather?') };
  }

  // What the client calls that model of the target.
  nameOf(of, strict = false) {
    const { target } = this;
    return target.direct ? target[of] : alias(target, of, strict);
  }

  // The same by its provider's name and its own, which needs no alias.
  scopedName() {
    return `${provider(this.target)}/${this.target.model}`;
  }

  // The same client with another upstream.
  at(target) {
    return new Trial(this.rig, this.driver, target, this.stream);
  }

  say(words) {
    return `${words} (${this.mark})`;
  }

  get requests() {
    return this.rig.up.seen(this.mark);
  }

  shows(what) {
    return !this.driver.hides?.includes(what);
  }

  // Every request was in the upstream's dialect, was one that it takes, and was streamed if ours was.
  check() {
    for (const r of this.requests) {
      assert.equal(r.dialect?.name, this.dialect.name, 'the upstream is asked in its own dialect');
      const complaints = r.complaints.filter((c) => !this.native || !HABITS.test(c));
      assert.deepEqual(complaints, [], `what ${this.dialect.name} would refuse in ${r.text}`);
      assert.equal(r.streams, this.stream);
    }
  }
}

/*
 * For the top of a test file: an upstream that judges bodies and a gateway in front of it.
 * E2E_DIRECT=1 leaves the gateway out and runs the controls alone.
 */
export function useMatrix() {
  const rig = {};
  const alone = process.env.E2E_DIRECT === '1';
  before(async () => {
    rig.up = await Upstream.start({ check: false, strict: true });
    if (!alone) rig.gw = await Gateway.start({ config: config(rig.up) });
  });
  after(async () => {
    try {
      await rig.gw?.end();
    } finally {
      await rig.up?.stop();
    }
  });

  // A case for every client and upstream that `fits`.
  rig.each = (name, run, { fits = () => true, streams = [false, true], checks = true } = {}) => {
    describe(name, () => {
      for (const driver of DRIVERS)
        for (const target of targetsOf(driver).filter((t) => !alone || t.direct))
          for (const stream of streams) {
            const trial = new Trial(rig, driver, target, stream);
            if (!fits(trial)) continue;
            test(`${driver.name} → ${target.name}, ${stream ? 'streamed' : 'buffered'}: ${name}`, async () => {
              await run(trial);
              if (checks) trial.check();
            });
          }
    });
  };

  // The only usage row of each client request: [mark, row].
  rig.rowsOf = (marks) =>
    eventually(
      () => {
        const all = Map.groupBy(rig.gw.usageRows(), (r) => r.client_request_id);
        const rows = marks.map((m) => [m, all.get(m) ?? []]);
        if (rows.some(([, r]) => r.length === 0)) return null;
        for (const [mark, r] of rows) assert.equal(r.length, 1, `rows of ${mark}`);
        return rows.map(([mark, [row]]) => [mark, row]);
      },
      { timeout: 8000 * SLOW, every: 200, what: `usage rows of ${marks.length} requests` },
    );
  return rig;
}

// What the upstream's figures become in an answer to `driver`: Gemini has no place for written tokens.
export function figuresOf(trial, u) {
  const blind = trial.dialect === gemini || trial.driver.dialect === gemini;
  return { ...u, input: u.input + (blind ? u.cacheWrite : 0), cacheWrite: blind ? 0 : u.cacheWrite };
}
