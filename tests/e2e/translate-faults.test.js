// Bad days in the middle of a translated stream, for every client and every upstream of another dialect.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, assertHealthy, newId, newModel, KEYS, TIMEOUTS } from './lib/rig.js';
import { chat, responses, anthropic, gemini } from './lib/dialects.js';
import { Conn, eventually, sleep, call } from './lib/client.js';
import { SLOW } from './lib/gateway.js';

const rig = useRig({ timeouts: { ...TIMEOUTS, idle_ms: 1500 * SLOW, first_byte_ms: 5000 * SLOW } });
const ENDS = { openai_chat: /\[DONE\]/, openai_responses: /response\.completed/, anthropic: /message_stop/, gemini: /finishReason/ };
const CLIENTS = { openai_chat: chat, openai_responses: responses, anthropic, gemini };
const UPSTREAMS = { openai: ['openai_chat', 'openai_responses'], anthropic: ['anthropic'], aistudio: ['gemini'] };

// Some words come, then what `then` does.
function wordy(then) {
  return rig.up.script(newModel('bad'), async (req, res) => {
    await res.stream();
    const frames = req.dialect.frames({ model: req.model, words: Array(200).fill('word ') });
    for (const [i, f] of frames.entries()) {
      if (res.gone) return;
      if (i === 20 && then) return then(res);
      await res.chunk(f);
      await sleep(20);
    }
  });
}

for (const [name, d] of Object.entries(CLIENTS))
  for (const [provider, native] of Object.entries(UPSTREAMS)) {
    if (native.includes(name)) continue;
    describe(`${name} → ${provider}`, () => {
      const request = (model, id) => ({
        path: d.path(`${provider}/${model}`, true),
        headers: { ...d.auth(KEYS.alice), 'x-client-request-id': id },
        body: d.body(`${provider}/${model}`, { stream: true }),
      });

      test('a client that leaves: upstream is let go, what was seen is billed once', async () => {
        const model = wordy();
        const id = newId('leaves');
        const conn = await Conn.open(rig.gw);
        await conn.send(request(model, id));
        await conn.answer({ until: (a) => (a.text.match(/word /g) ?? []).length >= 8 });
        conn.close();
        const req = rig.up.seen(model)[0];
        await eventually(() => req.closedAt, { timeout: 3000 * SLOW, what: 'the upstream connection is closed' });
        const row = await rig.gw.row(id);
        assert.equal(row.outcome, 'client_abort');
        assert.ok(row.output_tokens >= 5, `${row.output_tokens} tokens for what was seen`);
        assert.notEqual(row.usage_source, 'upstream');
      });

      test('an upstream that stalls: an error in the stream, no end, one row', async () => {
        const model = wordy((res) => res.hang(20000));
        const id = newId('stalls');
        const a = await call(rig.gw, request(model, id), { timeout: 20000 * SLOW });
        assert.equal(a.status, 200);
        assert.match(a.text, /word /);
        assert.match(a.text, /error/);
        assert.doesNotMatch(a.text, ENDS[name]);
        const row = await rig.gw.row(id);
        assert.equal(row.outcome, 'timeout');
        assert.ok(row.output_tokens >= 5, `${row.output_tokens} tokens for what was seen`);
      });
    });
  }

test('and then all is well', async () => {
  for (const d of Object.values(CLIENTS)) await assertHealthy(rig, d);
});
