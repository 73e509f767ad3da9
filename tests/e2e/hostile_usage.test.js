// Upstreams that lie about usage, or say nothing: one row, nothing negative or endless in it, a cost that
// is what its tokens cost, and where the figures are from.  Each client with each upstream.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tokensOf } from './lib/dialects.js';
import { eventually } from './lib/client.js';
import { SLOW } from './lib/gateway.js';
import { PAIRS, Trial, config, nusd } from './lib/bad-days.js';
import { useRig } from './lib/rig.js';

const rig = useRig({ config: (up) => config(up) });

const MOST = 2 ** 53 - 1; // of any kind of tokens

// Every figure of an answer, as the text of JSON.
const FIGURE = /("(?:\w+_tokens|\w+TokenCount)":)\s*\d+/g;
const USAGE = /"(usage|usageMetadata)":\{/g;
const figures = (value) => (text) => text.replace(FIGURE, `$1${value}`);

const LIES = {
  'negative': figures('-7'),
  'endless': figures('1e300'),
  'past 64 bits': figures('18446744073709551617'),
  'fractions': figures('2.75'),
  'strings': figures('"12"'),
  'strings of nonsense': figures('"-1e9999"'),
  'null': figures('null'),
  'objects': figures('{"a":[1]}'),
  'lists': figures('[1,2]'),
  'twice': (text) => text.replace(FIGURE, (all, key) => `${all},${key}1`),
  'the usage twice': (text) => text.replace(USAGE, '"$1":{"prompt_tokens":-1,"input_tokens":1e300,"promptTokenCount":-1},"$1":{'),
  'no object': (text) => text.replace(USAGE, '"$1":7,"not_$1":{'),
  'more parts than there are in all': (text) =>
    text.replace(/("(?:cached_tokens|reasoning_tokens|cachedContentTokenCount|thinking_tokens)":)\s*\d+/g, '$19007199254740993'),
};

const lying = (lie) => async (req, res) => {
  const o = { model: req.model, includeUsage: true };
  if (!req.streams) return res.body(200, lie(JSON.stringify(req.dialect.answer(o))));
  await res.stream();
  const frames = req.dialect.frames(o).map((f) => (f.includes('"') ? f.replace(/^data: (.*)$/m, (_, json) => `data: ${lie(json)}`) : f));
  for (const [i, f] of frames.entries()) {
    if (i === frames.length - 1) req.answered = true;
    await res.chunk(f);
  }
  return res.finish();
};

function checkSane(what, row) {
  const told = `${what}: ${JSON.stringify(row)}`;
  const t = tokensOf(row);
  for (const [kind, count] of Object.entries(t))
    assert.ok(Number.isInteger(count) && count >= 0 && count <= MOST, `${kind}: ${told}`);
  assert.ok((t.reasoning_tokens ?? 0) <= t.output_tokens, told);
  assert.ok(['upstream', 'partial', 'estimated'].includes(row.usage_source), told);
  assert.equal(row.outcome, 'ok', told);
  assert.equal(row.priced, true, told);
}

// At a dollar, half of one and two for a million: as many billionths as 64 bits can hold.
function checkCost(what, row) {
  const t = tokensOf(row);
  const cost = Math.min(t.input_tokens * 1000 + (t.cache_read_tokens ?? 0) * 500 + t.output_tokens * 2000, 2 ** 63);
  assert.ok(Math.abs(nusd(row) - cost) <= cost * 1e-9, `cost ${nusd(row)}, wanted ${cost} with ${what}: ${JSON.stringify(row)}`);
}

// What Anthropic and Responses write into the cache has no price of its own here.
const WRITTEN = /^cache_write/;

// All rows of some trials in one look, each trial's only one beside it.
async function rowsOf(trials) {
  const all = await eventually(
    () => {
      const rows = trials.map((t) => rig.gw.usageRows().filter((r) => r.client_request_id === t.id));
      return rows.every((r) => r.length) && rows;
    },
    { timeout: 8000 * SLOW, every: 100, what: 'a row of each' },
  );
  return all.map((rows, i) => {
    assert.equal(rows.length, 1, `rows of ${trials[i].id}`);
    return [trials[i], rows[0]];
  });
}

for (const pair of PAIRS)
  for (const stream of [false, true])
    test(`figures that lie: ${pair.name}, ${stream ? 'streamed' : 'buffered'}`, async () => {
      const trials = Object.entries(LIES).map(([what, lie]) => Object.assign(new Trial(rig, pair, { stream, script: lying(lie) }), { what }));
      for (const [t, a] of await Promise.all(trials.map(async (t) => [t, await t.call()]))) {
        assert.equal(a.status, 200, `${t.what}: ${a.text}`);
        assert.ok(a.complete, t.what);
      }
      for (const [t, row] of await rowsOf(trials)) {
        checkSane(t.what, row);
        if (!Object.entries(tokensOf(row)).some(([kind, count]) => WRITTEN.test(kind) && count)) checkCost(t.what, row);
      }
    });

// ---- no figures at all: counted by what was seen ----------------------------------

const TEXTS = {
  English: 'The quick brown fox jumps over the lazy dog, again and again. ',
  Russian: 'Съешь же ещё этих мягких французских булок, да выпей чаю. ',
  Chinese: '天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。',
  code: 'for (let i = 0; i < items.length; i++) { total += items[i].price; }\n',
};

const silent = (words) => async (req, res) => {
  const o = { model: req.model, usage: null, words };
  if (!req.streams) return res.json(200, req.dialect.answer(o));
  await res.stream();
  const frames = req.dialect.frames({ ...o, includeUsage: false });
  for (const [i, f] of frames.entries()) {
    if (i === frames.length - 1) req.answered = true;
    await res.chunk(f);
  }
  return res.finish();
};

// The same words are as many tokens whichever way they came; of a longer text a sample is counted, and it is
// not cut at the same place everywhere.
describe('no figures', { concurrency: 2 }, () => {
  for (const [language, sentence] of Object.entries(TEXTS))
    for (const repeat of [3, 60])
      test(`${language}, ${repeat} times`, async () => {
        const trials = PAIRS.flatMap((pair) =>
          [false, true].map((stream) => new Trial(rig, pair, { stream, script: silent(Array(repeat).fill(sentence)) })),
        );
        for (const a of await Promise.all(trials.map((t) => t.call()))) assert.equal(a.status, 200, a.text);
        const seen = (await rowsOf(trials)).map(([t, row]) => {
          const who = `${t.d.name} → ${t.u.name}, ${t.stream ? 'streamed' : 'buffered'}`;
          assert.equal(row.usage_source, 'estimated', who);
          assert.ok(row.input_tokens >= 8 && row.input_tokens <= 60, `${who}: ${row.input_tokens} of input`);
          return [who, row.output_tokens];
        });
        const bytes = Buffer.byteLength(sentence) * repeat;
        for (const [who, tokens] of seen) {
          assert.ok(tokens >= bytes / 12 && tokens <= bytes / 1.5, `${who}: ${tokens} for ${bytes} bytes`);
          assert.ok(Math.abs(tokens - seen[0][1]) <= Math.max(1, tokens / 200), `${who}: ${tokens}, but ${seen[0][1]} of ${seen[0][0]}`);
        }
      });
});

// ---- how it was served -------------------------------------------------------------

const TIERS = {
  openai_chat: [(text) => text.replace(/^\{/, '{"service_tier":"flex",'), 'flex'],
  openai_responses: [(text) => text.replace(/"service_tier":"default"/g, '"service_tier":"priority"'), 'priority'],
  anthropic: [(text) => text.replace(/"usage":\{/g, '"usage":{"speed":"fast",'), 'fast'],
  gemini: [(text) => text.replace(/"usageMetadata":\{/g, '"usageMetadata":{"trafficType":"ON_DEMAND_PRIORITY",'), 'priority'],
};

test('the tier that upstream reports', async () => {
  const trials = PAIRS.flatMap((pair) =>
    [false, true].map((stream) => new Trial(rig, pair, { stream, script: lying(TIERS[pair.u.dialect.name][0]) })),
  );
  for (const a of await Promise.all(trials.map((t) => t.call()))) assert.equal(a.status, 200, a.text);
  for (const [t, row] of await rowsOf(trials)) assert.equal(row.tier, TIERS[t.u.dialect.name][1], `${t.d.name} → ${t.u.name}, ${t.stream}`);
});
