// bad-days.js - every client with every upstream, priced, and what each way to end must leave in the ledger.
import assert from 'node:assert/strict';
import { chat, responses, anthropic, gemini, rowTokens, tokensOf } from './dialects.js';
import { Conn, call } from './client.js';
import { KEYS, newId } from './rig.js';
import { UPSTREAM_KEYS } from './upstream.js';

export const CLIENTS = [chat, responses, anthropic, gemini];

// Of each dialect one provider; `mid`: where figures are from when an answer is cut in its middle.
export const UPSTREAMS = [
  { name: 'chat', channel: 'custom', settings: { dialect: 'openai_chat' }, dialect: chat, key: 'openai', mid: 'estimated' },
  { name: 'responses', channel: 'custom', settings: { dialect: 'openai_responses' }, dialect: responses, key: 'openai', mid: 'estimated' },
  { name: 'anthropic', channel: 'anthropic', settings: {}, dialect: anthropic, key: 'anthropic', mid: 'partial' },
  { name: 'gemini', channel: 'aistudio', settings: {}, dialect: gemini, key: 'gemini', mid: 'partial' },
];

export const PAIRS = CLIENTS.flatMap((d) => UPSTREAMS.map((u) => ({ d, u, name: `${d.name} → ${u.name}` })));
export const native = ({ d, u }) => d === u.dialect;

const PRICE = { input: '1', output: '2', cache_read: '0.5' };

export function config(up, { timeouts, server = {}, settings = {}, users = [], limits = {}, model = 'm' } = {}) {
  const provider = (u, name, base_url) => ({
    name, channel: u.channel, timeouts,
    settings: { base_url, ...u.settings },
    credentials: [{ label: 'main', secret: { api_key: UPSTREAM_KEYS[u.key] } }],
    models: [...new Set(['m', model])].map((id) => ({ id, price: PRICE })),
  });
  return {
    config: { mode: 'managed' },
    server, settings,
    providers: [
      ...UPSTREAMS.flatMap((u) => [provider(u, u.name, `${up.url}/`), provider(u, `${u.name}-2`, `${up.url}/second/`)]),
      { name: 'echo', channel: 'echo' },
    ],
    aliases: UPSTREAMS.map((u) => ({ name: `both-${u.name}`, targets: [{ provider: u.name, model: 'm' }, { provider: `${u.name}-2`, model: 'm' }] })),
    users: [{ name: 'alice', keys: [{ label: 'k', key: KEYS.alice }], permissions: [{ models: '*' }], ...limits }, ...users],
  };
}

// Whether it was the second of two providers that was asked.
export const isSecond = (req) => req.path.startsWith('/second/');

// One request of a pair; its mark is its client request id and tells the upstream what to do.
export class Trial {
  constructor(rig, { d, u }, { stream = true, both = false, key = KEYS.alice, model = 'm', id = newId('case'), extra = {}, script } = {}) {
    this.id = id;
    Object.assign(this, { rig, d, u, stream, extra });
    const name = both ? `both-${u.name}` : `${u.name}/${model}`;
    if (script) rig.up.script(this.id, script);
    this.request = { headers: { ...d.auth(key), 'x-client-request-id': this.id } };
    this.rename(name);
  }

  // Asks for that model.
  rename(name) {
    const { d, stream, extra, id } = this;
    Object.assign(this.request, { path: d.path(name, stream), body: d.body(name, { stream, text: `Say it, please. (${id})`, includeUsage: true, ...extra }) });
  }

  get asked() {
    return this.rig.up.seen(this.id);
  }

  call(options = {}) {
    return call(this.rig.gw, this.request, options);
  }

  // The request is sent; the connection is the caller's to keep or to leave.
  async open() {
    const conn = await Conn.open(this.rig.gw);
    await conn.send(this.request);
    return conn;
  }

  // The same, until `words` words of the answer are here.
  async begun(words = 8) {
    const conn = await this.open();
    const answer = await conn.answer({ until: (a) => wordsIn(a.text) >= words });
    assert.ok(wordsIn(answer.text) >= words, `${answer.status}: ${answer.text.slice(0, 300)}`);
    return { conn, answer };
  }

  row() {
    return this.rig.gw.row(this.id);
  }
}

export const wordsIn = (text) => (text.match(/word /g) ?? []).length;

// Many words with a pause between them; before word `at`, what `then` does instead.
export const wordy = (then, { at = 10, count = 100, pause = 10 } = {}) => async (req, res) => {
  const frames = req.dialect.frames({ model: req.model, words: Array(count).fill('word ') });
  const lead = frames.findIndex((f) => f.includes('word '));
  await res.stream();
  for (const [i, f] of frames.entries()) {
    if (res.gone) return undefined;
    if (then && i === lead + at) return then(res, req);
    if (i === frames.length - 1) req.answered = true;
    await res.chunk(f);
    await (pause && new Promise((resolve) => setTimeout(resolve, pause)));
  }
  return res.finish();
};

// What tokens cost at the price above, to the billionth of a dollar; written ones as input.
const costOf = (row) => {
  const t = tokensOf(row);
  return (t.input_tokens + t.cache_write) * 1000 + t.cache_read_tokens * 500 + t.output_tokens * 2000;
};

export const nusd = (row) => Math.round(Number(row.cost_usd) * 1e9);

/*
 * What the row of a request must say.  usage: the upstream's own figures, exactly; else by `source`:
 * none has no tokens, an estimate or a partial figure has some and no more than `words` can be.
 */
export function checkRow(row, { outcome, source, usage, dialect, words = 100, attempts = 1 }) {
  const told = JSON.stringify(row);
  assert.ok([outcome].flat().includes(row.outcome), `outcome, wanted ${outcome}: ${told}`);
  assert.ok([source].flat().includes(row.usage_source), `source, wanted ${source}: ${told}`);
  assert.equal(row.attempts, attempts, told);
  if (usage) assert.deepEqual(tokensOf(row), rowTokens(dialect, usage), told);
  if (row.usage_source === 'none') assert.deepEqual(Object.values(tokensOf(row)).filter(Boolean), [], told);
  if (row.usage_source === 'estimated' || row.usage_source === 'partial') {
    assert.ok(row.input_tokens + (row.cache_read_tokens ?? 0) > 0, `input: ${told}`);
    assert.ok(row.output_tokens > 0 && row.output_tokens <= 3 * words, `output: ${told}`);
  }
  assert.equal(row.priced, true, told);
  assert.equal(nusd(row), row.outcome === 'upstream_error' ? 0 : costOf(row), `cost: ${told}`);
  if (row.outcome === 'ok') assert.equal(row.err, null, told);
  else assert.ok(row.err, told);
}

// A stream that was cut says so in its own words, and never that it is complete.
export function checkCutStream(d, a) {
  assert.equal(a.status, 200, a.text);
  assert.ok(wordsIn(a.text) > 0, a.text);
  assert.ok(d.streamError(a.text), `no error in ${a.text.slice(-300)}`);
  assert.ok(!d.ended(a.text), `an end in ${a.text.slice(-300)}`);
}
