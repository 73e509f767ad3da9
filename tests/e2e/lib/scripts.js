// scripts.js - one description of an answer, told in each vendor's wire format, whole or as a stream.
//
//   { parts, finish, usage, sequence, explanation, fault }    an answer
//   { status, message, type, retryAfter }                     a refusal
//
// parts: { text: [pieces] }, { thought: [pieces], secret, id }, { call: { id, name, args } } with
// args as JSON text, { image: { mime, data } }, { block } of Anthropic's own tools.  A thought without
// pieces is a secret alone.
// finish: stop, tools, length, filter, sequence; pause (Anthropic, and with `token` Gemini): ask again.
// fault: { at, how }: the stream breaks off at `first` (before any frame), at `head` (accepted, no
// content yet) or after `some` content, by an `error` frame, by a `cut` connection, or it just `ends`.
import { CREATED, anthropicUsage, chatUsage, frame, geminiChunk, geminiUsage, message, named, responseObject, responsesUsage } from './dialects.js';
import { issued } from './vendors.js';

// No figure can be taken for another, and no sum of some for a sum of others.
export const FIGURES = { input: 1009, cacheRead: 2017, cacheWrite: 4099, output: 557, reasoning: 211 };

const joined = (pieces) => pieces.join('');
const calls = (a) => a.parts.filter((p) => p.call).map((p) => p.call);
const textOf = (a) => a.parts.filter((p) => p.text).map((p) => joined(p.text)).join('');

// JSON text in three pieces, as vendors cut it: anywhere, in the middle of a name.
function fragments(json) {
  if (json.length < 3) return [json];
  const third = Math.ceil(json.length / 3);
  return [json.slice(0, third), json.slice(third, 2 * third), json.slice(2 * third)].filter(Boolean);
}

// Frames carry what they are, so that a fault knows where to strike: head, some (content), tail.
const head = (f) => ({ kind: 'head', frame: f });
const some = (f) => ({ kind: 'some', frame: f });
const tail = (f) => ({ kind: 'tail', frame: f });

// ---- OpenAI Chat Completions --------------------------------------------

const CHAT_FINISH = { stop: 'stop', sequence: 'stop', tools: 'tool_calls', length: 'length', filter: 'content_filter' };
const chatCall = ({ id, name }, args) => ({ id, type: 'function', function: { name, arguments: args } });

// OpenAI's own models keep their thoughts to themselves here; others have a field for them.
const chatThought = (p, model) => (/^gpt/.test(model) ? [] : (p.thought ?? []));

const chatScript = {
  whole(a, { model }) {
    const thought = a.parts.map((p) => joined(chatThought(p, model))).join('');
    const tool_calls = calls(a).map((c) => chatCall(c, c.args));
    const content = textOf(a) || (tool_calls.length || a.explanation ? null : '');
    return JSON.stringify({
      id: 'chatcmpl-s1', object: 'chat.completion', created: CREATED, model,
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant', content, refusal: a.explanation ?? null,
            ...(thought ? { reasoning_content: thought } : {}),
            ...(tool_calls.length ? { tool_calls } : {}),
          },
          logprobs: null,
          finish_reason: CHAT_FINISH[a.finish],
        },
      ],
      usage: chatUsage(a.usage),
    });
  },

  *stream(a, { model, includeUsage }) {
    const envelope = { id: 'chatcmpl-s1', object: 'chat.completion.chunk', created: CREATED, model };
    const chunk = (delta, finish_reason = null) =>
      frame({ ...envelope, choices: [{ index: 0, delta, logprobs: null, finish_reason }], ...(includeUsage ? { usage: null } : {}) });
    const fragment = (index, text) => some(chunk({ tool_calls: [{ index, function: { arguments: text } }] }));
    yield head(chunk({ role: 'assistant', content: '', refusal: null }));
    for (const p of a.parts) {
      for (const piece of chatThought(p, model)) yield some(chunk({ reasoning_content: piece }));
      for (const piece of p.text ?? []) yield some(chunk({ content: piece }));
    }
    if (a.explanation) yield some(chunk({ refusal: a.explanation }));
    const open = (c, index) => some(chunk({ tool_calls: [{ index, ...chatCall(c, '') }] }));
    const cut = calls(a).map((c) => fragments(c.args));
    if (a.interleaved) {
      for (const [k, c] of calls(a).entries()) yield open(c, k);
      for (let i = 0; cut.some((f) => i < f.length); i++)
        for (const [k, f] of cut.entries()) if (i < f.length) yield fragment(k, f[i]);
    } else {
      for (const [k, c] of calls(a).entries()) {
        yield open(c, k);
        for (const text of cut[k]) yield fragment(k, text);
      }
    }
    yield tail(chunk({}, CHAT_FINISH[a.finish]));
    if (includeUsage) yield tail(frame({ ...envelope, choices: [], usage: chatUsage(a.usage) }));
    yield tail(frame('[DONE]'));
  },
};

// ---- OpenAI Responses -----------------------------------------------------

const INCOMPLETE = { length: 'max_output_tokens', filter: 'content_filter' };

function responseOf(a, model, output, last) {
  const reason = INCOMPLETE[a.finish];
  const status = last ? (reason ? 'incomplete' : 'completed') : 'in_progress';
  return {
    ...responseObject({ id: 'resp_s1', model, output, status, usage: last ? a.usage : null }),
    ...(last && reason ? { incomplete_details: { reason } } : {}),
  };
}

const outputText = (text) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
const summaryText = (text) => ({ type: 'summary_text', text });

// One part as an item of `output`, finished or just begun.
function responseItem(p, n, done) {
  const status = done ? 'completed' : 'in_progress';
  if (p.text) return { type: 'message', id: `msg_s${n}`, role: 'assistant', status, content: done ? [outputText(joined(p.text))] : [] };
  if (p.call)
    return { type: 'function_call', id: `fc_s${n}`, call_id: p.call.id, name: p.call.name, arguments: done ? p.call.args : '', status };
  if (p.image) return { type: 'image_generation_call', id: `ig_s${n}`, status, result: done ? p.image.data : null };
  const summary = done && p.thought.length ? [summaryText(joined(p.thought))] : [];
  return { type: 'reasoning', id: p.id ?? `rs_s${n}`, summary, encrypted_content: done ? p.secret : null };
}

const responsesScript = {
  whole: (a, { model }) => JSON.stringify(responseOf(a, model, a.parts.map((p, n) => responseItem(p, n, true)), true)),

  *stream(a, { model }) {
    let n = 0;
    const event = (type, fields) => named({ type, sequence_number: n++, ...fields });
    yield head(event('response.created', { response: responseOf(a, model, [], false) }));
    yield head(event('response.in_progress', { response: responseOf(a, model, [], false) }));
    for (const [i, p] of a.parts.entries()) {
      const item = responseItem(p, i, true);
      const at = { item_id: item.id, output_index: i };
      yield head(event('response.output_item.added', { output_index: i, item: responseItem(p, i, false) }));
      if (p.thought?.length) {
        const here = { ...at, summary_index: 0 };
        yield head(event('response.reasoning_summary_part.added', { ...here, part: summaryText('') }));
        for (const delta of p.thought) yield some(event('response.reasoning_summary_text.delta', { ...here, delta }));
        yield some(event('response.reasoning_summary_text.done', { ...here, text: joined(p.thought) }));
        yield some(event('response.reasoning_summary_part.done', { ...here, part: summaryText(joined(p.thought)) }));
      }
      if (p.text) {
        const here = { ...at, content_index: 0 };
        yield head(event('response.content_part.added', { ...here, part: outputText('') }));
        for (const delta of p.text) yield some(event('response.output_text.delta', { ...here, delta, logprobs: [] }));
        yield some(event('response.output_text.done', { ...here, text: joined(p.text), logprobs: [] }));
        yield some(event('response.content_part.done', { ...here, part: outputText(joined(p.text)) }));
      }
      if (p.call) {
        for (const delta of fragments(p.call.args)) yield some(event('response.function_call_arguments.delta', { ...at, delta }));
        yield some(event('response.function_call_arguments.done', { ...at, arguments: p.call.args }));
      }
      yield some(event('response.output_item.done', { output_index: i, item }));
    }
    const whole = responseOf(a, model, a.parts.map((p, i) => responseItem(p, i, true)), true);
    yield tail(event(`response.${whole.status}`, { response: whole }));
  },
};

// ---- Anthropic Messages -----------------------------------------------------

const ANTHROPIC_STOP = { stop: 'end_turn', sequence: 'stop_sequence', tools: 'tool_use', length: 'max_tokens', filter: 'refusal', pause: 'pause_turn' };

function anthropicBlock(p) {
  if (p.block) return p.block;
  if (p.text) return { type: 'text', text: joined(p.text), citations: null };
  if (p.call) return { type: 'tool_use', id: p.call.id, name: p.call.name, input: JSON.parse(p.call.args), caller: { type: 'direct' } };
  if (!p.thought.length) return { type: 'redacted_thinking', data: p.secret };
  return { type: 'thinking', thinking: joined(p.thought), signature: p.secret };
}

const stopDetails = (a) =>
  a.finish === 'filter' ? { type: 'refusal', category: null, explanation: a.explanation ?? null } : null;

const anthropicScript = {
  whole(a, { model }) {
    const blocks = a.parts.map(anthropicBlock);
    const whole = message('msg_s1', model, blocks, ANTHROPIC_STOP[a.finish], anthropicUsage(a.usage));
    return JSON.stringify({ ...whole, stop_sequence: a.sequence ?? null, stop_details: stopDetails(a) });
  },

  *stream(a, { model }) {
    const event = (type, fields = {}) => named({ type, ...fields });
    const usage = anthropicUsage(a.usage);
    yield head(event('message_start', { message: message('msg_s1', model, [], null, { ...usage, output_tokens: 1, output_tokens_details: null }) }));
    yield head(event('ping'));
    for (const [index, p] of a.parts.entries()) {
      const delta = (d) => some(event('content_block_delta', { index, delta: d }));
      const block = anthropicBlock(p);
      const empty = { tool_use: { input: {} }, server_tool_use: { input: {} }, text: { text: '' }, thinking: { thinking: '', signature: '' } }[block.type];
      yield head(event('content_block_start', { index, content_block: { ...block, ...empty } }));
      for (const thinking of p.thought ?? []) yield delta({ type: 'thinking_delta', thinking });
      if (p.thought?.length) yield delta({ type: 'signature_delta', signature: p.secret });
      for (const text of p.text ?? []) yield delta({ type: 'text_delta', text });
      if (p.call) yield delta({ type: 'input_json_delta', partial_json: '' });
      const input = p.call?.args ?? JSON.stringify(p.block?.input ?? {});
      if (input !== '{}')
        for (const partial_json of fragments(input)) yield delta({ type: 'input_json_delta', partial_json });
      yield some(event('content_block_stop', { index }));
    }
    const { output_tokens, output_tokens_details } = usage;
    yield tail(
      event('message_delta', {
        delta: { stop_reason: ANTHROPIC_STOP[a.finish], stop_sequence: a.sequence ?? null, stop_details: stopDetails(a), container: null },
        usage: { ...usage, output_tokens, output_tokens_details },
      }),
    );
    yield tail(event('message_stop'));
  },
};

// ---- Gemini generateContent -------------------------------------------------

const GEMINI_FINISH = { stop: 'STOP', sequence: 'STOP', tools: 'STOP', length: 'MAX_TOKENS', filter: 'SAFETY', pause: 'CONTINUATION' };

// Gemini signs the first call of a step, else the last part of the text.
function geminiParts(a, whole) {
  const secret = a.parts.find((p) => p.secret)?.secret;
  const out = [];
  let signed = !secret;
  for (const p of a.parts) {
    const pieces = (list) => (whole ? [joined(list)].filter(Boolean) : list);
    for (const text of pieces(p.thought ?? [])) out.push({ text, thought: true });
    for (const text of pieces(p.text ?? [])) out.push({ text });
    if (p.image) out.push({ inlineData: { mimeType: p.image.mime, data: p.image.data } });
    if (p.call) {
      const { id, name, args } = p.call;
      out.push({ functionCall: { id, name, ...(args === '{}' ? {} : { args: JSON.parse(args) }) }, ...(signed ? {} : { thoughtSignature: secret }) });
      signed = true;
    }
  }
  if (!signed && whole && 'text' in out.at(-1) && !out.at(-1).thought) out.at(-1).thoughtSignature = secret;
  else if (!signed) out.push({ text: '', thoughtSignature: secret });
  return out;
}

// The last chunk, or the whole answer.
function geminiEnd(a, model, parts) {
  const chunk = geminiChunk(parts, { model, usage: geminiUsage(a.usage), finishReason: GEMINI_FINISH[a.finish], id: 's1' });
  if (a.token) chunk.candidates[0].continuationToken = a.token;
  return chunk;
}

function geminiChunksOf(a, model) {
  const usage = geminiUsage(a.usage);
  const partial = { promptTokenCount: usage.promptTokenCount, totalTokenCount: usage.promptTokenCount };
  if (a.finish === 'filter' && !a.parts.length)
    return [tail({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: partial, modelVersion: model, responseId: 's1' })];
  const chunks = geminiParts(a, false).map((part) => some(geminiChunk([part], { model, usage: partial, id: 's1' })));
  return [...chunks, tail(geminiEnd(a, model, [{ text: '' }]))];
}

const geminiScript = {
  whole(a, { model }) {
    if (a.finish === 'filter' && !a.parts.length) return JSON.stringify(geminiChunksOf(a, model)[0].frame);
    return JSON.stringify(geminiEnd(a, model, geminiParts(a, true)));
  },

  *stream(a, { model }) {
    for (const { kind, frame: chunk } of geminiChunksOf(a, model)) yield { kind, frame: frame(chunk) };
  },
};

const SCRIPTS = { openai_chat: chatScript, openai_responses: responsesScript, anthropic: anthropicScript, gemini: geminiScript };

// ---- refusals ------------------------------------------------------------

const REFUSALS = {
  400: ['invalid_request_error', 'invalid_request_error', 'INVALID_ARGUMENT'],
  401: ['invalid_request_error', 'authentication_error', 'UNAUTHENTICATED'],
  403: ['permission_error', 'permission_error', 'PERMISSION_DENIED'],
  404: ['invalid_request_error', 'not_found_error', 'NOT_FOUND'],
  429: ['rate_limit_error', 'rate_limit_error', 'RESOURCE_EXHAUSTED'],
  500: ['server_error', 'api_error', 'INTERNAL'],
  503: ['server_error', 'api_error', 'UNAVAILABLE'],
  529: ['server_error', 'overloaded_error', 'UNAVAILABLE'],
};

function refuse(d, res, { status, message: text, retryAfter }) {
  const type = REFUSALS[status][{ anthropic: 1, gemini: 2 }[d.name] ?? 0];
  const body = d.error(status, text, type);
  if (d.name !== 'gemini') return res.json(status, body, retryAfter ? { 'retry-after': retryAfter } : {});
  // Google says when in the body, in a duration of its own.
  if (retryAfter) body.error.details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` }];
  return res.json(status, body);
}

// ---- the upstream's side ----------------------------------------------------

async function sendStream(d, frames, res, fault) {
  await res.stream();
  const find = (test) => frames.findIndex(test);
  const upTo = { first: 0, head: find((f) => f.kind !== 'head'), some: Math.min(find((f) => f.kind === 'some') + 2, find((f) => f.kind === 'tail')) };
  const kept = fault ? frames.slice(0, upTo[fault.at]) : frames;
  for (const [i, f] of kept.entries()) {
    if (!fault && i === kept.length - 1) res.req.answered = true;
    await res.chunk(f.frame);
  }
  if (fault?.how === 'cut') return res.fin();
  if (fault?.how === 'error') await res.chunk(d.errorFrame());
  return res.finish();
}

async function sendWhole(body, res, fault) {
  if (!fault) return res.body(200, body, { 'x-request-id': 'req_upstream1' });
  await res.head(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  await res.raw(Buffer.from(body).subarray(0, body.length / 2));
  return res.fin();
}

// Anthropic's tool runner asks for a conversation that the server holds; this one holds none.
function refuseThread(d, res) {
  const body = d.error(400, 'This request cannot be threaded.', 'invalid_request_error');
  body.error.details = { error_code: 'thread_unsupported_request', unsupported: ['thread'] };
  return res.json(400, body);
}

/*
 * What an upstream does that gives these answers, one after the other; the last one stays.
 * An answer that hangs on the request is a function of it.
 * For Upstream.script(): the dialect is the request's.
 */
export function scripted(...answers) {
  let n = 0;
  return async (req, res) => {
    const d = req.dialect;
    if (req.json?.thread) return refuseThread(d, res);
    let a = answers[Math.min(n++, answers.length - 1)];
    if (typeof a === 'function') a = a(req);
    if (a.status) return refuse(d, res, a);
    for (const p of a.parts) if (p.secret) issued.set(p.secret, d.name);
    const { whole, stream } = SCRIPTS[d.name];
    const options = { model: req.model, includeUsage: req.json?.stream_options?.include_usage === true };
    if (!req.streams) return sendWhole(whole(a, options), res, a.fault);
    return sendStream(d, [...stream(a, options)], res, a.fault);
  };
}

// An answer of these parts; it called tools if a part is a call.
export const answer = (parts, fields = {}) => ({
  parts,
  finish: parts.some((p) => p.call) ? 'tools' : 'stop',
  usage: FIGURES,
  ...fields,
});

export const text = (...pieces) => ({ text: pieces });
export const call = (id, name, args = {}) => ({ call: { id, name, args: typeof args === 'string' ? args : JSON.stringify(args) } });
export const thought = (secret, ...pieces) => ({ thought: pieces, secret, id: `rs_${Buffer.from(secret).toString('hex').slice(-40)}` });
