// dialects.js - what each vendor's wire format looks like, as far as the tests need it.
//
// One object per dialect with the same members, so that a test is a loop:
//   name        as in the usage rows
//   provider, model, alias   of the standard configuration (rig.js)
//   path(model, stream), body(model, options), auth(key)   what a client sends
//   answer(options), frames(options)    what an upstream answers: JSON, list of SSE frames
//   text(json), streamText(payloads)    the answer's words
//   checkError(status, json)            asserts the vendor's error shape, gives { type, message }
//   ended(body)                         the stream says that it is complete
//   streamError(payloads)               the in-band error, or undefined
import assert from 'node:assert/strict';

export const WORDS = ['Hel', 'lo ', 'wörld ', '👋'];

// Disjoint except that reasoning is contained in output (spec 10).
export const USAGE = { input: 11, cacheRead: 20, cacheWrite: 0, output: 9, reasoning: 4 };

export const CREATED = 1767225600;
export const frame = (data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
export const named = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

// The payloads of SSE text, with event names; all three line ends.
export function sse(text) {
  const out = [];
  for (const block of text.split(/\r\n\r\n|\n\n|\r\r/)) {
    let event = '';
    const data = [];
    for (const line of block.split(/\r\n|\n|\r/)) {
      if (line.startsWith('event:')) event = line.slice(6).trim();
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
    }
    if (data.length) out.push({ event, data: data.join('\n') });
  }
  return out;
}

function parsed(text) {
  return sse(text).flatMap(({ data }) => {
    try {
      return [JSON.parse(data)];
    } catch {
      return [];
    }
  });
}

// ---- OpenAI Chat Completions --------------------------------------------

export const chatUsage = (u) => ({
  prompt_tokens: u.input + u.cacheRead + u.cacheWrite,
  completion_tokens: u.output,
  total_tokens: u.input + u.cacheRead + u.cacheWrite + u.output,
  prompt_tokens_details: {
    cached_tokens: u.cacheRead,
    ...(u.cacheWrite ? { cache_write_tokens: u.cacheWrite } : {}),
  },
  completion_tokens_details: { reasoning_tokens: u.reasoning },
});

function checkOpenaiError(status, json) {
  assert.equal(typeof json.error, 'object', JSON.stringify(json));
  const { message, type } = json.error;
  assert.equal(typeof message, 'string');
  assert.ok(message.length > 0, 'an error says what was wrong');
  assert.equal(typeof type, 'string');
  assert.ok('param' in json.error && 'code' in json.error, 'param and code are there, null at least');
  return { type, message, code: json.error.code };
}

export const chat = {
  name: 'openai_chat',
  provider: 'openai',
  model: 'gpt-test',
  alias: 'fast',
  path: () => '/v1/chat/completions',
  auth: (key) => ({ authorization: `Bearer ${key}` }),
  body: (model, { stream = false, text = 'Hi', includeUsage = false, ...rest } = {}) => ({
    model,
    messages: [{ role: 'user', content: text }],
    ...(stream ? { stream: true } : {}),
    ...(stream && includeUsage ? { stream_options: { include_usage: true } } : {}),
    ...rest,
  }),
  answer: ({ model, words = WORDS, usage = USAGE, tool = false, id = 'chatcmpl-t1' }) => ({
    id,
    object: 'chat.completion',
    created: CREATED,
    model,
    choices: [
      {
        index: 0,
        message: tool
          ? {
              role: 'assistant',
              content: null,
              refusal: null,
              tool_calls: [
                { id: 'call_w1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
              ],
            }
          : { role: 'assistant', content: words.join(''), refusal: null },
        logprobs: null,
        finish_reason: tool ? 'tool_calls' : 'stop',
      },
    ],
    ...(usage ? { usage: chatUsage(usage) } : {}),
  }),
  frames: ({ model, words = WORDS, usage = USAGE, tool = false, includeUsage = true, id = 'chatcmpl-t1' }) => {
    const chunk = (delta, finish_reason = null) =>
      frame({
        id,
        object: 'chat.completion.chunk',
        created: CREATED,
        model,
        choices: [{ index: 0, delta, logprobs: null, finish_reason }],
        ...(includeUsage ? { usage: null } : {}),
      });
    const call = (fragment) => ({ tool_calls: [{ index: 0, function: { arguments: fragment } }] });
    const middle = tool
      ? [
          chunk({ tool_calls: [{ index: 0, id: 'call_w1', type: 'function', function: { name: 'get_weather', arguments: '' } }] }),
          chunk(call('{"ci')),
          chunk(call('ty":"Pa')),
          chunk(call('ris"}')),
        ]
      : words.map((w) => chunk({ content: w }));
    return [
      chunk({ role: 'assistant', content: '', refusal: null }),
      ...middle,
      chunk({}, tool ? 'tool_calls' : 'stop'),
      ...(includeUsage && usage
        ? [frame({ id, object: 'chat.completion.chunk', created: CREATED, model, choices: [], usage: chatUsage(usage) })]
        : []),
      frame('[DONE]'),
    ];
  },
  text: (json) => json.choices[0].message.content,
  streamText: (text) =>
    parsed(text)
      .flatMap((c) => c.choices ?? [])
      .map((c) => c.delta?.content ?? '')
      .join(''),
  models: (text) => parsed(text).filter((c) => c.choices).map((c) => c.model),
  modelOf: (json) => json.model,
  error: (status, message, type = 'server_error', code = null) => ({ error: { message, type, param: null, code } }),
  errorFrame: (message = 'Overloaded.') => frame({ error: { message, type: 'server_error', param: null, code: 'overloaded' } }),
  checkError: checkOpenaiError,
  ended: (text) => sse(text).some((p) => p.data === '[DONE]'),
  finished: (text) => parsed(text).some((c) => c.choices?.[0]?.finish_reason),
  streamError: (text) => parsed(text).find((c) => c.error)?.error,
};

// ---- OpenAI Responses -----------------------------------------------------

export const responsesUsage = (u) => ({
  input_tokens: u.input + u.cacheRead + u.cacheWrite,
  input_tokens_details: { cached_tokens: u.cacheRead, cache_write_tokens: u.cacheWrite },
  output_tokens: u.output,
  output_tokens_details: { reasoning_tokens: u.reasoning },
  total_tokens: u.input + u.cacheRead + u.cacheWrite + u.output,
});

export function responseObject({ id, model, output, status, usage }) {
  return {
    id,
    object: 'response',
    created_at: CREATED,
    status,
    completed_at: status === 'completed' ? CREATED : null,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
    metadata: {},
    ...(usage ? { usage: responsesUsage(usage) } : {}),
  };
}

function responseItem(words, tool, done) {
  const status = done ? 'completed' : 'in_progress';
  if (tool)
    return { type: 'function_call', id: 'fc_t1', call_id: 'call_w1', name: 'get_weather', arguments: done ? '{"city":"Paris"}' : '', status };
  const content = done ? [{ type: 'output_text', text: words.join(''), annotations: [], logprobs: [] }] : [];
  return { type: 'message', id: 'msg_t1', role: 'assistant', status, content };
}

export const responses = {
  name: 'openai_responses',
  provider: 'openai',
  model: 'gpt-test',
  alias: 'fast',
  path: () => '/v1/responses',
  auth: chat.auth,
  body: (model, { stream = false, text = 'Hi', includeUsage, ...rest } = {}) => ({
    model,
    input: text,
    ...(stream ? { stream: true } : {}),
    ...rest,
  }),
  answer: ({ model, words = WORDS, usage = USAGE, tool = false, id = 'resp_t1' }) =>
    responseObject({ id, model, status: 'completed', output: [responseItem(words, tool, true)], usage }),
  frames: ({ model, words = WORDS, usage = USAGE, tool = false, id = 'resp_t1' }) => {
    let n = 0;
    const event = (type, fields) => named({ type, sequence_number: n++, ...fields });
    const at = { output_index: 0 };
    const item_id = tool ? 'fc_t1' : 'msg_t1';
    const start = responseObject({ id, model, status: 'in_progress', output: [] });
    const head = [
      event('response.created', { response: start }),
      event('response.in_progress', { response: start }),
      event('response.output_item.added', { ...at, item: responseItem(words, tool, false) }),
    ];
    const args = ['{"ci', 'ty":"Pa', 'ris"}'];
    const content = { item_id, ...at, content_index: 0 };
    const part = (text) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
    const middle = tool
      ? [
          ...args.map((delta) => event('response.function_call_arguments.delta', { item_id, ...at, delta })),
          event('response.function_call_arguments.done', { item_id, ...at, arguments: args.join('') }),
        ]
      : [
          event('response.content_part.added', { ...content, part: part('') }),
          ...words.map((delta) => event('response.output_text.delta', { ...content, delta, logprobs: [] })),
          event('response.output_text.done', { ...content, text: words.join(''), logprobs: [] }),
          event('response.content_part.done', { ...content, part: part(words.join('')) }),
        ];
    const item = responseItem(words, tool, true);
    return [
      ...head,
      ...middle,
      event('response.output_item.done', { ...at, item }),
      event('response.completed', { response: responseObject({ id, model, status: 'completed', output: [item], usage }) }),
    ];
  },
  text: (json) => json.output[0].content[0].text,
  streamText: (text) =>
    parsed(text)
      .filter((e) => e.type === 'response.output_text.delta')
      .map((e) => e.delta)
      .join(''),
  models: (text) => parsed(text).filter((e) => e.response).map((e) => e.response.model),
  modelOf: (json) => json.model,
  error: chat.error,
  errorFrame: (message = 'Overloaded.') =>
    named({ type: 'error', sequence_number: 99, code: 'server_error', message, param: null }),
  checkError: checkOpenaiError,
  ended: (text) => parsed(text).some((e) => e.type === 'response.completed'),
  finished: (text) => parsed(text).some((e) => e.type === 'response.completed'),
  streamError: (text) => {
    const e = parsed(text).find((p) => p.type === 'error' || p.type === 'response.failed');
    return e && (e.error ?? e.response?.error ?? e);
  },
};

// ---- Anthropic Messages -----------------------------------------------------

export const anthropicUsage = (u) => ({
  input_tokens: u.input,
  cache_creation_input_tokens: u.cacheWrite,
  cache_read_input_tokens: u.cacheRead,
  cache_creation: { ephemeral_5m_input_tokens: u.cacheWrite, ephemeral_1h_input_tokens: 0 },
  output_tokens: u.output,
  output_tokens_details: { thinking_tokens: u.reasoning },
  server_tool_use: null,
  service_tier: 'standard',
});

export const message = (id, model, content, stop_reason, usage) => ({
  id,
  type: 'message',
  role: 'assistant',
  model,
  content,
  stop_reason,
  stop_sequence: null,
  stop_details: null,
  container: null,
  diagnostics: null,
  ...(usage ? { usage } : {}),
});

const TOOL_USE = { type: 'tool_use', id: 'toolu_w1', name: 'get_weather', input: { city: 'Paris' } };

export const anthropic = {
  name: 'anthropic',
  provider: 'anthropic',
  model: 'claude-test',
  alias: 'sage',
  path: () => '/v1/messages',
  auth: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  body: (model, { stream = false, text = 'Hi', includeUsage, ...rest } = {}) => ({
    model,
    max_tokens: 256,
    messages: [{ role: 'user', content: text }],
    ...(stream ? { stream: true } : {}),
    ...rest,
  }),
  answer: ({ model, words = WORDS, usage = USAGE, tool = false, id = 'msg_t1' }) =>
    message(
      id,
      model,
      tool ? [TOOL_USE] : [{ type: 'text', text: words.join(''), citations: null }],
      tool ? 'tool_use' : 'end_turn',
      usage && anthropicUsage(usage),
    ),
  frames: ({ model, words = WORDS, usage = USAGE, tool = false, id = 'msg_t1' }) => {
    const event = (type, fields = {}) => named({ type, ...fields });
    const start = usage && { ...anthropicUsage(usage), output_tokens: 1, output_tokens_details: null };
    const block = tool ? { ...TOOL_USE, input: {} } : { type: 'text', text: '', citations: null };
    const deltas = tool
      ? ['', '{"ci', 'ty":"Pa', 'ris"}'].map((partial_json) => ({ type: 'input_json_delta', partial_json }))
      : words.map((text) => ({ type: 'text_delta', text }));
    return [
      event('message_start', { message: message(id, model, [], null, start) }),
      event('ping'),
      event('content_block_start', { index: 0, content_block: block }),
      ...deltas.map((delta) => event('content_block_delta', { index: 0, delta })),
      event('content_block_stop', { index: 0 }),
      event('message_delta', {
        delta: { stop_reason: tool ? 'tool_use' : 'end_turn', stop_sequence: null },
        ...(usage
          ? { usage: { output_tokens: usage.output, output_tokens_details: { thinking_tokens: usage.reasoning } } }
          : {}),
      }),
      event('message_stop'),
    ];
  },
  text: (json) => json.content[0].text,
  streamText: (text) =>
    parsed(text)
      .filter((e) => e.type === 'content_block_delta')
      .map((e) => e.delta.text ?? '')
      .join(''),
  models: (text) => parsed(text).filter((e) => e.message).map((e) => e.message.model),
  modelOf: (json) => json.model,
  error: (status, text, type = 'api_error') => ({
    type: 'error',
    error: { type, message: text },
    request_id: 'req_upstream1',
  }),
  errorFrame: (text = 'Overloaded.') =>
    named({ type: 'error', error: { type: 'overloaded_error', message: text }, request_id: 'req_upstream1' }),
  checkError: (status, json) => {
    assert.equal(json.type, 'error', JSON.stringify(json));
    assert.equal(typeof json.error.type, 'string');
    assert.equal(typeof json.error.message, 'string');
    assert.ok(json.error.message.length > 0, 'an error says what was wrong');
    return json.error;
  },
  ended: (text) => parsed(text).some((e) => e.type === 'message_stop'),
  finished: (text) => parsed(text).some((e) => e.type === 'message_stop'),
  streamError: (text) => parsed(text).find((e) => e.type === 'error')?.error,
};

// ---- Gemini generateContent -------------------------------------------------

export const geminiUsage = (u) => ({
  promptTokenCount: u.input + u.cacheRead + u.cacheWrite,
  candidatesTokenCount: u.output - u.reasoning,
  totalTokenCount: u.input + u.cacheRead + u.cacheWrite + u.output,
  ...(u.cacheRead ? { cachedContentTokenCount: u.cacheRead } : {}),
  ...(u.reasoning ? { thoughtsTokenCount: u.reasoning } : {}),
});

const CALL = { functionCall: { id: 'call_w1', name: 'get_weather', args: { city: 'Paris' } } };

export function geminiChunk(parts, { model, usage, finishReason, id = 't1' }) {
  return {
    candidates: [{ content: { role: 'model', parts }, ...(finishReason ? { finishReason } : {}), index: 0 }],
    ...(usage ? { usageMetadata: usage } : {}),
    modelVersion: model,
    responseId: id,
  };
}

function geminiChunks({ model, words = WORDS, usage = USAGE, tool = false, id }) {
  const partial = usage && { promptTokenCount: usage.input + usage.cacheRead, totalTokenCount: usage.input + usage.cacheRead };
  const total = usage && geminiUsage(usage);
  if (tool) return [geminiChunk([CALL], { model, usage: total, finishReason: 'STOP', id })];
  return words.map((text, i) => {
    const last = i === words.length - 1;
    return geminiChunk([{ text }], { model, usage: last ? total : partial, finishReason: last ? 'STOP' : undefined, id });
  });
}

const geminiParts = (chunks) =>
  chunks
    .flatMap((c) => c.candidates ?? [])
    .flatMap((c) => c.content?.parts ?? [])
    .map((p) => p.text ?? '')
    .join('');

export const gemini = {
  name: 'gemini',
  provider: 'aistudio',
  model: 'gemini-test',
  alias: 'flash',
  path: (model, stream) =>
    `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  auth: (key) => ({ 'x-goog-api-key': key }),
  body: (model, { stream, text = 'Hi', includeUsage, ...rest } = {}) => ({
    contents: [{ role: 'user', parts: [{ text }] }],
    ...rest,
  }),
  answer: ({ model, words = WORDS, usage = USAGE, tool = false, id }) =>
    geminiChunk(tool ? [CALL] : [{ text: words.join('') }], {
      model,
      usage: usage && geminiUsage(usage),
      finishReason: 'STOP',
      id,
    }),
  frames: (o) => geminiChunks(o).map(frame),
  text: (json) => geminiParts([json]),
  streamText: (text) => geminiParts(parsed(text)),
  models: (text) => parsed(text).filter((c) => c.modelVersion).map((c) => c.modelVersion),
  modelOf: (json) => json.modelVersion,
  error: (status, text, type = 'INTERNAL') => ({ error: { code: status, message: text, status: type } }),
  errorFrame: (text = 'Overloaded.') => frame({ error: { code: 503, message: text, status: 'UNAVAILABLE' } }),
  checkError: (status, json) => {
    assert.equal(typeof json.error, 'object', JSON.stringify(json));
    assert.equal(json.error.code, status, 'Gemini repeats the HTTP status as error.code');
    assert.equal(typeof json.error.status, 'string');
    assert.equal(typeof json.error.message, 'string');
    assert.ok(json.error.message.length > 0, 'an error says what was wrong');
    return { type: json.error.status, message: json.error.message };
  },
  ended: (text) => parsed(text).some((c) => c.candidates?.some((x) => x.finishReason)),
  finished: (text) => parsed(text).some((c) => c.candidates?.some((x) => x.finishReason)),
  streamError: (text) => parsed(text).find((c) => c.error)?.error,
};

// Gemini's stream without alt=sse: one JSON array, element by element.
const elements = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return [];
  }
};

export const geminiArray = {
  ...gemini,
  label: 'gemini array',
  path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent' : 'generateContent'}`,
  frames: (o) => {
    const all = geminiChunks(o).map((c) => JSON.stringify(c, null, 2));
    return all.map((c, i) => (i === 0 ? '[' : ',\r\n') + c + (i === all.length - 1 ? ']' : ''));
  },
  array: true,
  errorFrame: (text = 'Overloaded.') =>
    `,\r\n${JSON.stringify({ error: { code: 503, message: text, status: 'UNAVAILABLE' } })}]`,
  checkError: (status, json) => gemini.checkError(status, Array.isArray(json) ? json[0] : json),
  streamText: (text) => geminiParts(elements(text)),
  models: (text) => elements(text).filter((c) => c.modelVersion).map((c) => c.modelVersion),
  ended: (text) => /"finishReason"/.test(text),
  finished: (text) => /"finishReason"/.test(text),
  streamError: (text) => elements(text).find((c) => c.error)?.error,
};

for (const d of [chat, responses, anthropic, gemini]) d.label = d.name;

export const DIALECTS = [chat, responses, anthropic, gemini];
export const STREAMS = [...DIALECTS, geminiArray];

// The status that each dialect's SDK expects for a kind of failure (protocols/mapping.md 5).
export function statusOf(d, kind) {
  const table = {
    bad_request: [400, 400, 400],
    key: [401, 401, 401],
    forbidden: [403, 403, 403],
    not_found: [404, 404, 404],
    upstream: [502, 500, 500],
    timeout: [504, 504, 504],
    overloaded: [503, 529, 503],
    too_large: [413, 413, 400],
    unsupported: [501, 501, 501],
  };
  const row = table[kind];
  assert.ok(row, kind);
  return row[d.name === 'anthropic' ? 1 : d.name === 'gemini' ? 2 : 0];
}

// What the usage row must say when the upstream reported `u` in dialect `d`.
export function rowTokens(d, u = USAGE) {
  const blind = d.name === 'gemini'; // it cannot tell written tokens apart
  return {
    input_tokens: u.input + (blind ? u.cacheWrite : 0),
    cache_read_tokens: u.cacheRead,
    cache_write: blind ? 0 : u.cacheWrite,
    output_tokens: u.output,
    reasoning_tokens: u.reasoning,
  };
}

export function tokensOf(row) {
  const n = (k) => row[k] ?? 0;
  return {
    input_tokens: n('input_tokens'),
    cache_read_tokens: n('cache_read_tokens'),
    cache_write: ['5m', '30m', '1h', '12h'].reduce((s, k) => s + n(`cache_write_${k}_tokens`), 0),
    output_tokens: n('output_tokens'),
    reasoning_tokens: n('reasoning_tokens'),
  };
}
