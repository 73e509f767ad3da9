// vendors.js - judges a request as the vendor's own server would: what it refuses is a complaint.
//
// Written from the vendors' formats alone and knowing nothing of the gateway, so that it cannot
// share the gateway's mistakes.  Where a rule hangs on the model, the model's name decides here too.

// Secrets of reasoning that scripted upstreams have given out: secret -> dialect.  Vendors know
// their own and refuse all others.
export const issued = new Map();

const SENTINEL = 'skip_thought_signature_validator';
const MEDIA = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isText = (v) => typeof v === 'string';
const isBase64 = (v) => isText(v) && v.length % 4 === 0 && /^[A-Za-z0-9+/_-]*={0,2}$/.test(v);
const list = (v) => (Array.isArray(v) ? v : []);
const words = (s) => new Set(s.split(/\s+/).filter(Boolean));

// Collects complaints; every check says where in the body it stands.
class Judge {
  constructor(req) {
    Object.assign(this, { req, body: req.json, model: req.model, complaints: [] });
  }

  say(where, what) {
    this.complaints.push(`${where}: ${what}`);
  }

  // `ok` or a complaint.
  must(ok, where, what) {
    if (!ok) this.say(where, what);
    return Boolean(ok);
  }

  fields(object, allowed, where) {
    if (!this.must(isObject(object), where, 'must be an object')) return;
    for (const key of Object.keys(object)) this.must(allowed.has(key), `${where}.${key}`.replace(/^\./, ''), 'unknown field');
    for (const [key, v] of Object.entries(object)) this.must(v !== undefined && !Number.isNaN(v), `${where}.${key}`, 'no value');
  }

  oneOf(value, allowed, where) {
    return this.must(allowed.includes(value), where, `${JSON.stringify(value)} is none of ${allowed.join(', ')}`);
  }

  number(value, from, to, where) {
    if (value !== undefined && value !== null)
      this.must(typeof value === 'number' && value >= from && value <= to, where, `must be a number of ${from} to ${to}`);
  }

  text(value, where) {
    return this.must(isText(value) && value.length > 0, where, 'must be text that is not empty');
  }

  // A secret must be one of ours.
  secret(value, dialect, where) {
    this.must(issued.get(value) === dialect, where, `a secret that this vendor never gave: ${String(value).slice(0, 40)}`);
  }

  uniqueNames(names, where) {
    this.must(new Set(names).size === names.length, where, 'the same name twice');
  }
}

// ---- OpenAI, both endpoints -------------------------------------------------

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
const isOpenai = (model) => /^(gpt|o\d|chatgpt)/.test(model);
const isReasoner = (model) => /^(o\d|gpt-[5-9])/.test(model) && !/-chat/.test(model);

// The version as a number: gpt-5.4 is 5.4.
const gpt = (model) => Number(/^gpt-(\d+(\.\d+)?)/.exec(model)?.[1] ?? 0);

function openaiSampling(j, names) {
  j.number(j.body.temperature, 0, 2, 'temperature');
  j.number(j.body.top_p, 0, 1, 'top_p');
  if (!isReasoner(j.model)) return;
  for (const name of names) j.must(!(name in j.body), name, `unsupported by ${j.model}`);
}

// Draft 2020-12 as far as OpenAI reads it; strict schemas are held to their subset.
function openaiSchema(j, schema, strict, where) {
  if (!j.must(isObject(schema), where, 'must be a schema')) return;
  j.must(schema.type === 'object', `${where}.type`, 'must be "object"');
  if (strict) strictSchema(j, schema, where);
}

function strictSchema(j, schema, where) {
  if (!isObject(schema)) return;
  const types = [schema.type].flat();
  if (types.includes('object')) {
    const names = Object.keys(schema.properties ?? {});
    j.must(schema.additionalProperties === false, where, 'strict: additionalProperties must be false');
    j.must(names.every((n) => list(schema.required).includes(n)), where, 'strict: every property must be required');
    for (const n of names) strictSchema(j, schema.properties[n], `${where}.${n}`);
  }
  if (schema.items) strictSchema(j, schema.items, `${where}[]`);
  for (const s of list(schema.anyOf)) strictSchema(j, s, where);
}

function openaiName(j, name, where) {
  j.must(isText(name) && /^[A-Za-z0-9_-]{1,64}$/.test(name), where, `bad name ${JSON.stringify(name)}`);
}

function openaiImage(j, url, where) {
  j.must(isText(url) && /^(https?:\/\/|data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$)/.test(url), where, 'no URL of an image');
}

function argumentsText(j, text, where) {
  try {
    j.must(isObject(JSON.parse(text)), where, 'arguments must be an object');
  } catch {
    j.say(where, 'arguments are not JSON');
  }
}

// ---- OpenAI Chat Completions --------------------------------------------

const CHAT_FIELDS = words(`model messages max_completion_tokens max_tokens temperature top_p frequency_penalty
  presence_penalty stop n seed logprobs top_logprobs logit_bias stream stream_options tools tool_choice
  parallel_tool_calls functions function_call response_format reasoning_effort verbosity modalities audio prediction
  web_search_options service_tier store metadata user safety_identifier prompt_cache_key prompt_cache_options
  prompt_cache_retention moderation`);

const CHAT_MESSAGE = {
  system: words('role content name'),
  developer: words('role content name'),
  user: words('role content name'),
  assistant: words('role content name refusal tool_calls audio'),
  tool: words('role content tool_call_id name'),
};

function chatContent(j, content, kinds, where) {
  if (isText(content)) return;
  if (!j.must(Array.isArray(content) && content.length > 0, where, 'must be text or parts')) return;
  for (const [i, p] of content.entries()) {
    const at = `${where}[${i}]`;
    if (!j.oneOf(p.type, kinds, `${at}.type`)) continue;
    if (p.type === 'text') j.text(p.text, at);
    if (p.type === 'refusal') j.text(p.refusal, at);
    if (p.type === 'image_url') openaiImage(j, p.image_url?.url, `${at}.image_url.url`);
    if (p.type === 'image_url' && 'detail' in p.image_url) j.oneOf(p.image_url.detail, ['auto', 'low', 'high', 'original'], `${at}.image_url.detail`);
  }
}

const CHAT_PARTS = { user: ['text', 'image_url', 'input_audio', 'file'], assistant: ['text', 'refusal'] };

function chatMessage(j, m, where) {
  const compatible = isOpenai(j.model) ? [] : ['reasoning_content', 'reasoning_details'];
  if (!j.oneOf(m.role, Object.keys(CHAT_MESSAGE), `${where}.role`)) return;
  j.fields(m, new Set([...CHAT_MESSAGE[m.role], ...(m.role === 'assistant' ? compatible : [])]), where);
  if (m.role === 'developer') j.must(isOpenai(j.model), `${where}.role`, 'developer is OpenAI’s alone');
  const calls = list(m.tool_calls);
  if ('tool_calls' in m) j.must(calls.length > 0, `${where}.tool_calls`, 'must not be empty');
  if (m.role !== 'assistant' || m.content != null) chatContent(j, m.content, CHAT_PARTS[m.role] ?? ['text'], `${where}.content`);
  if (m.role === 'user') j.must(m.content !== '', `${where}.content`, 'says nothing');
  if (m.role === 'assistant') j.must(m.content != null || m.refusal || calls.length, where, 'says nothing');
  for (const [i, c] of calls.entries()) {
    const at = `${where}.tool_calls[${i}]`;
    j.fields(c, words('id type function custom'), at);
    j.must(isText(c.id) && c.id.length > 0 && c.id.length <= 40, `${at}.id`, 'must be of 1 to 40 characters');
    if (!j.oneOf(c.type, ['function', 'custom'], `${at}.type`) || c.type === 'custom') continue;
    openaiName(j, c.function?.name, `${at}.function.name`);
    argumentsText(j, c.function?.arguments, `${at}.function.arguments`);
  }
}

// Every call is answered, once, before anybody else speaks.
function chatPairs(j, messages) {
  let open = new Set();
  for (const [i, m] of messages.entries()) {
    const where = `messages[${i}]`;
    if (m.role === 'tool') {
      j.must(open.delete(m.tool_call_id), where, `no call ${m.tool_call_id} waits for an answer`);
      continue;
    }
    j.must(open.size === 0, where, `calls without an answer: ${[...open]}`);
    const ids = list(m.tool_calls).map((c) => c.id);
    j.uniqueNames(ids, `${where}.tool_calls`);
    open = new Set(ids);
  }
  j.must(open.size === 0, 'messages', `calls without an answer: ${[...open]}`);
}

function chatTools(j) {
  const { tools, tool_choice, parallel_tool_calls, reasoning_effort } = j.body;
  if (tools === undefined) {
    j.must(tool_choice === undefined && parallel_tool_calls === undefined, 'tools', 'tool_choice or parallel_tool_calls without tools');
    return;
  }
  if (!j.must(Array.isArray(tools) && tools.length > 0, 'tools', 'must not be empty')) return;
  j.must(gpt(j.model) < 5.4 || reasoning_effort === 'none', 'reasoning_effort', 'function tools with reasoning: use /v1/responses');
  for (const [i, t] of tools.entries()) {
    const where = `tools[${i}]`;
    if (!j.oneOf(t.type, ['function', 'custom'], `${where}.type`) || t.type === 'custom') continue;
    j.fields(t, words('type function'), where);
    j.fields(t.function, words('name description parameters strict'), `${where}.function`);
    openaiName(j, t.function.name, `${where}.function.name`);
    if ('parameters' in t.function) openaiSchema(j, t.function.parameters, t.function.strict, `${where}.function.parameters`);
  }
  j.uniqueNames(tools.map((t) => t.function?.name ?? t.custom?.name), 'tools');
  const name = tool_choice?.function?.name;
  if (name) j.must(tools.some((t) => t.function?.name === name), 'tool_choice', `no tool ${name}`);
  else if (isText(tool_choice)) j.oneOf(tool_choice, ['none', 'auto', 'required'], 'tool_choice');
}

function judgeChat(j) {
  const b = j.body;
  j.fields(b, CHAT_FIELDS, '');
  j.text(b.model, 'model');
  if (j.must(Array.isArray(b.messages) && b.messages.length > 0, 'messages', 'must not be empty')) {
    for (const [i, m] of b.messages.entries()) chatMessage(j, m, `messages[${i}]`);
    chatPairs(j, b.messages);
  }
  chatTools(j);
  openaiSampling(j, ['max_tokens', 'temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'stop', 'logprobs']);
  if (!isOpenai(j.model)) j.must(!('max_completion_tokens' in b), 'max_completion_tokens', 'OpenAI’s alone');
  j.must(!('max_tokens' in b && 'max_completion_tokens' in b), 'max_tokens', 'beside max_completion_tokens');
  for (const name of ['max_tokens', 'max_completion_tokens']) if (name in b) j.must(b[name] >= 1, name, 'must be positive');
  if (Array.isArray(b.stop)) j.must(b.stop.length > 0 && b.stop.length <= 4 && b.stop.every((s) => isText(s) && s), 'stop', 'one to four texts');
  if (b.stream !== true) j.must(!('stream_options' in b), 'stream_options', 'without stream');
  if ('reasoning_effort' in b) {
    j.oneOf(b.reasoning_effort, EFFORTS, 'reasoning_effort');
    j.must(isReasoner(j.model) || !isOpenai(j.model), 'reasoning_effort', `unsupported by ${j.model}`);
  }
  const f = b.response_format;
  if (f && j.oneOf(f.type, ['text', 'json_object', 'json_schema'], 'response_format.type') && f.type === 'json_schema') {
    j.fields(f.json_schema, words('name description schema strict'), 'response_format.json_schema');
    openaiName(j, f.json_schema.name, 'response_format.json_schema.name');
    openaiSchema(j, f.json_schema.schema, f.json_schema.strict, 'response_format.json_schema.schema');
  }
}

// ---- OpenAI Responses -----------------------------------------------------

const RESPONSES_FIELDS = words(`model input instructions previous_response_id conversation store background include
  max_output_tokens max_tool_calls temperature top_p top_logprobs text reasoning tools tool_choice parallel_tool_calls
  stream stream_options truncation context_management prompt prompt_cache_key prompt_cache_options
  prompt_cache_retention service_tier metadata safety_identifier user moderation image access_programs`);

const INPUT_PARTS = { user: ['input_text', 'input_image', 'input_file', 'input_audio'], assistant: ['output_text', 'refusal'] };

function responsesMessage(j, item, where) {
  j.fields(item, words('type role content id status phase'), where);
  if (!j.oneOf(item.role, ['user', 'assistant', 'system', 'developer'], `${where}.role`)) return;
  if (isText(item.content)) return void j.text(item.content, `${where}.content`);
  if (!j.must(Array.isArray(item.content) && item.content.length > 0, `${where}.content`, 'must be text or parts')) return;
  for (const [i, p] of item.content.entries()) {
    const at = `${where}.content[${i}]`;
    if (!j.oneOf(p.type, INPUT_PARTS[item.role] ?? INPUT_PARTS.user, `${at}.type`)) continue;
    if (p.type === 'input_text') j.text(p.text, `${at}.text`);
    if (p.type === 'input_image') {
      openaiImage(j, p.image_url, `${at}.image_url`);
      if ('detail' in p) j.oneOf(p.detail, ['auto', 'low', 'high', 'original'], `${at}.detail`);
    }
  }
}

const ITEM_PREFIX = { message: 'msg_', reasoning: 'rs_', function_call: 'fc_', function_call_output: 'fc', custom_tool_call: 'ctc_' };

const RESPONSES_ITEM = {
  message: responsesMessage,
  reasoning(j, item, where, next) {
    j.fields(item, words('type id summary content encrypted_content status'), where);
    j.must(isText(item.id), `${where}.id`, 'required');
    j.must(Array.isArray(item.summary), `${where}.summary`, 'required');
    for (const s of list(item.summary)) j.must(s.type === 'summary_text' && isText(s.text), `${where}.summary`, 'must be of summary_text');
    j.secret(item.encrypted_content, 'openai_responses', `${where}.encrypted_content`);
    const follows = next && (next.type ?? 'message') !== 'function_call_output' && next.role !== 'user';
    j.must(follows, where, 'reasoning without the item that follows it');
  },
  function_call(j, item, where) {
    j.fields(item, words('type id call_id name arguments status namespace async caller'), where);
    j.must(isText(item.call_id) && item.call_id.length > 0 && item.call_id.length <= 64, `${where}.call_id`, 'of 1 to 64 characters');
    openaiName(j, item.name, `${where}.name`);
    argumentsText(j, item.arguments, `${where}.arguments`);
  },
  function_call_output(j, item, where) {
    j.fields(item, words('type id call_id output status name'), where);
    j.must(isText(item.output) || Array.isArray(item.output), `${where}.output`, 'required');
  },
  custom_tool_call() {},
  custom_tool_call_output() {},
  item_reference(j, item, where) {
    j.must(j.body.store !== false, where, 'a reference to what was not stored');
  },
};

function responsesInput(j) {
  const { input } = j.body;
  if (isText(input)) return void j.text(input, 'input');
  if (!j.must(Array.isArray(input) && input.length > 0, 'input', 'must not be empty')) return;
  for (const [i, item] of input.entries()) {
    const where = `input[${i}]`;
    const type = item.type ?? 'message';
    if (!j.oneOf(type, Object.keys(RESPONSES_ITEM), `${where}.type`)) continue;
    RESPONSES_ITEM[type](j, item, where, input[i + 1]);
    if (item.id != null && ITEM_PREFIX[type])
      j.must(item.id.startsWith(ITEM_PREFIX[type]) && item.id.length <= 64, `${where}.id`, `must begin with ${ITEM_PREFIX[type]}: ${item.id}`);
  }
  const called = input.filter((i) => /_call$/.test(i.type)).map((i) => i.call_id);
  const answered = input.filter((i) => /_call_output$/.test(i.type)).map((i) => i.call_id);
  j.uniqueNames(called, 'input');
  j.uniqueNames(answered, 'input');
  for (const id of called) j.must(answered.includes(id), 'input', `no tool output found for function call ${id}`);
  for (const id of answered) j.must(called.includes(id), 'input', `no tool call found for function call output ${id}`);
}

function judgeResponses(j) {
  const b = j.body;
  j.fields(b, RESPONSES_FIELDS, '');
  j.text(b.model, 'model');
  responsesInput(j);
  openaiSampling(j, ['temperature', 'top_p', 'top_logprobs']);
  if ('max_output_tokens' in b) j.must(b.max_output_tokens >= 16, 'max_output_tokens', 'must be 16 at least');
  if ('tools' in b) j.must(Array.isArray(b.tools) && b.tools.length > 0, 'tools', 'must not be empty');
  else j.must(!('tool_choice' in b) && !('parallel_tool_calls' in b), 'tools', 'tool_choice or parallel_tool_calls without tools');
  for (const [i, t] of list(b.tools).entries()) {
    const where = `tools[${i}]`;
    if (t.type !== 'function') continue;
    j.fields(t, words('type name description parameters strict defer_loading async allowed_callers output_schema'), where);
    openaiName(j, t.name, `${where}.name`);
    j.must('strict' in t, `${where}.strict`, 'left out means strict, and the schema is rewritten');
    if (t.parameters !== null) openaiSchema(j, t.parameters, t.strict, `${where}.parameters`);
  }
  j.uniqueNames(list(b.tools).filter((t) => t.name).map((t) => t.name), 'tools');
  if (b.reasoning) {
    j.fields(b.reasoning, words('effort summary context mode generate_summary'), 'reasoning');
    if (b.reasoning.effort != null) j.oneOf(b.reasoning.effort, EFFORTS, 'reasoning.effort');
    if (b.reasoning.summary != null) j.oneOf(b.reasoning.summary, ['auto', 'concise', 'detailed'], 'reasoning.summary');
    j.must(isReasoner(j.model), 'reasoning', `unsupported by ${j.model}`);
  }
  const f = b.text?.format;
  if (f && j.oneOf(f.type, ['text', 'json_object', 'json_schema'], 'text.format.type') && f.type === 'json_schema') {
    j.fields(f, words('type name description schema strict'), 'text.format');
    openaiName(j, f.name, 'text.format.name');
    openaiSchema(j, f.schema, f.strict, 'text.format.schema');
  }
}

// ---- Anthropic Messages -----------------------------------------------------

const ANTHROPIC_FIELDS = words(`model max_tokens messages system stop_sequences stream temperature top_p top_k tools
  tool_choice thinking output_config metadata service_tier speed inference_geo cache_control container diagnostics`);

// What a model takes, by the class that its name tells: [max output, sampling, budget, adaptive, prefill].
const CLAUDES = [
  [/claude-(opus|sonnet|haiku)-4-5/, { max: 64000, sampling: true, budget: true, prefill: true, format: true }],
  [/claude-(opus|sonnet)-4-6/, { max: 128000, sampling: true, budget: true, adaptive: true, format: true }],
  [/claude-/, { max: 128000, adaptive: true, format: true }],
];
const claude = (model) => CLAUDES.find(([re]) => re.test(model))?.[1] ?? CLAUDES.at(-1)[1];

const BLOCKS = {
  user: ['text', 'image', 'document', 'search_result', 'tool_result', 'container_upload'],
  assistant: ['text', 'tool_use', 'thinking', 'redacted_thinking', 'server_tool_use', 'web_search_tool_result'],
};

function anthropicImage(j, source, where) {
  if (source?.type === 'base64') {
    j.oneOf(source.media_type, MEDIA, `${where}.media_type`);
    j.must(isBase64(source.data) && source.data, `${where}.data`, 'no base64');
  } else {
    j.oneOf(source?.type, ['url', 'file'], `${where}.type`);
  }
}

const ANTHROPIC_BLOCK = {
  text(j, b, where) {
    j.fields(b, words('type text cache_control citations'), where);
    j.must(isText(b.text) && b.text.trim() !== '', where, 'text content blocks must be non-empty');
  },
  image(j, b, where) {
    j.fields(b, words('type source cache_control transformations'), where);
    anthropicImage(j, b.source, `${where}.source`);
  },
  tool_use(j, b, where) {
    j.fields(b, words('type id name input caller toolset_name cache_control'), where);
    j.must(isText(b.id) && /^[A-Za-z0-9_-]+$/.test(b.id), `${where}.id`, `bad id ${b.id}`);
    j.must(isText(b.name) && /^[A-Za-z0-9_-]{1,128}$/.test(b.name), `${where}.name`, `bad name ${b.name}`);
    j.must(isObject(b.input), `${where}.input`, 'must be an object');
  },
  tool_result(j, b, where) {
    j.fields(b, words('type tool_use_id content is_error cache_control'), where);
    for (const [i, part] of list(b.content).entries())
      if (j.oneOf(part.type, ['text', 'image', 'document', 'search_result', 'tool_reference'], `${where}.content[${i}].type`))
        ANTHROPIC_BLOCK[part.type]?.(j, part, `${where}.content[${i}]`);
  },
  thinking(j, b, where) {
    j.fields(b, words('type thinking signature'), where);
    j.must(isText(b.thinking), `${where}.thinking`, 'required');
    j.secret(b.signature, 'anthropic', `${where}.signature`);
  },
  redacted_thinking(j, b, where) {
    j.fields(b, words('type data'), where);
    j.secret(b.data, 'anthropic', `${where}.data`);
  },
};

const blocksOf = (content) => (isText(content) ? [{ type: 'text', text: content }] : list(content));

// Neighbours of one role are one turn to the server.
function anthropicTurns(messages) {
  const turns = [];
  for (const m of messages) {
    if (turns.at(-1)?.role === m.role) turns.at(-1).blocks.push(...blocksOf(m.content));
    else turns.push({ role: m.role, blocks: [...blocksOf(m.content)] });
  }
  return turns;
}

function anthropicPairs(j, turns) {
  const seen = [];
  for (const [i, { role, blocks }] of turns.entries()) {
    const where = `messages (turn ${i})`;
    const results = blocks.filter((b) => b.type === 'tool_result').map((b) => b.tool_use_id);
    const waiting = role === 'user' && turns[i - 1]?.role === 'assistant' ? turns[i - 1].blocks.filter((b) => b.type === 'tool_use').map((b) => b.id) : [];
    for (const id of results) j.must(waiting.includes(id), where, `unexpected tool_use_id in tool_result: ${id}`);
    j.uniqueNames(results, where);
    if (role === 'user') {
      for (const id of waiting) j.must(results.includes(id), where, `tool_use without tool_result: ${id}`);
      const other = blocks.findIndex((b) => b.type !== 'tool_result');
      const last = blocks.findLastIndex((b) => b.type === 'tool_result');
      j.must(last < 0 || other < 0 || other > last, where, 'tool_result blocks must come first');
    }
    if (role === 'assistant') {
      const calls = blocks.filter((b) => b.type === 'tool_use').map((b) => b.id);
      for (const id of calls) j.must(!seen.includes(id), where, `tool_use ids must be unique: ${id}`);
      seen.push(...calls);
      if (calls.length) j.must(i < turns.length - 1, where, 'tool_use without tool_result');
      const thinks = blocks.findIndex((b) => /thinking$/.test(b.type));
      j.must(thinks <= 0, where, 'thinking must come first');
    }
  }
}

function anthropicThinking(j) {
  const { thinking, temperature, top_k, tool_choice, output_config, max_tokens } = j.body;
  const gates = claude(j.model);
  const effort = output_config?.effort;
  if (effort !== undefined) {
    j.oneOf(effort, ['low', 'medium', 'high', 'xhigh', 'max'], 'output_config.effort');
    j.must(gates.adaptive || /opus-4-5/.test(j.model), 'output_config.effort', `unsupported by ${j.model}`);
  }
  if (!thinking) return;
  j.fields(thinking, words('type budget_tokens display'), 'thinking');
  if (!j.oneOf(thinking.type, ['enabled', 'adaptive', 'disabled', 'between_tools'], 'thinking.type')) return;
  if (thinking.type === 'enabled') {
    j.must(gates.budget, 'thinking', `budgets are refused by ${j.model}`);
    j.must(thinking.budget_tokens >= 1024 && thinking.budget_tokens < max_tokens, 'thinking.budget_tokens', 'of 1024 to max_tokens');
    j.must(!['any', 'tool'].includes(tool_choice?.type), 'tool_choice', 'forced while thinking');
  }
  if (thinking.type === 'adaptive') j.must(gates.adaptive, 'thinking', `adaptive is refused by ${j.model}`);
  if (thinking.type !== 'adaptive') j.must(!('budget_tokens' in thinking) || thinking.type === 'enabled', 'thinking', 'budget without enabled');
  if (thinking.type !== 'disabled') j.must((temperature ?? 1) === 1 && top_k === undefined, 'temperature', 'refused while thinking');
}

function anthropicSampling(j) {
  const { temperature, top_p, top_k } = j.body;
  j.number(temperature, 0, 1, 'temperature');
  j.number(top_p, 0, 1, 'top_p');
  const any = temperature !== undefined || top_p !== undefined || top_k !== undefined;
  if (j.req.header('anthropic-version') >= '2026-10-21') j.must(!any, 'temperature', 'gone in this version');
  if (!claude(j.model).sampling) j.must(!any, 'temperature', `sampling is refused by ${j.model}`);
  j.must(temperature === undefined || top_p === undefined, 'top_p', 'beside temperature');
}

function anthropicTools(j) {
  const { tools, tool_choice } = j.body;
  if (tools === undefined) return void j.must(tool_choice === undefined, 'tool_choice', 'without tools');
  for (const [i, t] of list(tools).entries()) {
    const where = `tools[${i}]`;
    if (t.type && t.type !== 'custom') continue;
    j.fields(t, words('type name description input_schema strict cache_control defer_loading eager_input_streaming input_examples allowed_callers'), where);
    j.must(isText(t.name) && /^[A-Za-z0-9_-]{1,128}$/.test(t.name), `${where}.name`, `bad name ${t.name}`);
    j.must(t.input_schema?.type === 'object', `${where}.input_schema.type`, 'must be "object"');
    for (const key of ['anyOf', 'oneOf', 'allOf']) j.must(!(key in (t.input_schema ?? {})), `${where}.input_schema`, `${key} at the top`);
  }
  j.uniqueNames(list(tools).map((t) => t.name), 'tools');
  if (tool_choice) j.oneOf(tool_choice.type, ['auto', 'any', 'tool', 'none'], 'tool_choice.type');
  if (tool_choice?.type === 'tool') j.must(list(tools).some((t) => t.name === tool_choice.name), 'tool_choice.name', `no tool ${tool_choice.name}`);
}

function judgeAnthropic(j) {
  const b = j.body;
  const gates = claude(j.model);
  // Their SDK's beta methods come with fields of their own, which the header announces.
  const beta = j.req.header('anthropic-beta') ? words('context_management mcp_servers thread') : [];
  j.fields(b, new Set([...ANTHROPIC_FIELDS, ...beta]), '');
  j.must(/^20\d\d-\d\d-\d\d$/.test(j.req.header('anthropic-version') ?? ''), 'anthropic-version', 'required');
  j.must(Number.isInteger(b.max_tokens) && b.max_tokens >= 1 && b.max_tokens <= gates.max, 'max_tokens', `of 1 to ${gates.max}: ${b.max_tokens}`);
  for (const [i, s] of blocksOf(b.system).entries()) ANTHROPIC_BLOCK.text(j, s, `system[${i}]`);
  if (!j.must(Array.isArray(b.messages) && b.messages.length > 0, 'messages', 'at least one message is required')) return;
  for (const [i, m] of b.messages.entries()) {
    const where = `messages[${i}]`;
    j.fields(m, words('role content'), where);
    if (!j.oneOf(m.role, ['user', 'assistant', 'system'], `${where}.role`)) continue;
    j.must(blocksOf(m.content).length > 0, `${where}.content`, 'must not be empty');
    for (const [k, block] of blocksOf(m.content).entries())
      if (j.oneOf(block.type, BLOCKS[m.role] ?? ['text'], `${where}.content[${k}].type`)) ANTHROPIC_BLOCK[block.type]?.(j, block, `${where}.content[${k}]`);
  }
  j.must(b.messages[0].role === 'user', 'messages[0].role', 'first message must use the user role');
  const last = b.messages.at(-1);
  const goesOn = blocksOf(last.content).some((block) => block.type === 'server_tool_use'); // what paused, not a prefill
  j.must(last.role !== 'assistant' || goesOn || gates.prefill, 'messages', `${j.model} does not support assistant message prefill`);
  anthropicPairs(j, anthropicTurns(b.messages));
  anthropicTools(j);
  anthropicSampling(j);
  anthropicThinking(j);
  for (const s of list(b.stop_sequences)) j.must(isText(s) && s.trim() !== '', 'stop_sequences', 'must not be whitespace');
  if (b.output_config) {
    j.fields(b.output_config, words('effort format task_budget'), 'output_config');
    const f = b.output_config.format;
    if (f) j.must(f.type === 'json_schema' && isObject(f.schema), 'output_config.format', 'must be a json_schema');
    if (f) anthropicFormat(j, f.schema, 'output_config.format.schema');
  }
  const marks = (j.req.text.match(/"cache_control":\{/g) ?? []).length;
  j.must(marks <= 4, 'cache_control', `${marks} marks, at most 4`);
}

const NO_FORMAT = ['minimum', 'maximum', 'minLength', 'maxLength', 'multipleOf', 'oneOf', 'propertyNames', 'patternProperties'];

function anthropicFormat(j, schema, where) {
  if (!isObject(schema)) return;
  for (const key of NO_FORMAT) j.must(!(key in schema), `${where}.${key}`, 'not supported');
  if (schema.type === 'object') j.must(schema.additionalProperties === false, where, 'additionalProperties must be false');
  for (const [name, s] of Object.entries(schema.properties ?? {})) anthropicFormat(j, s, `${where}.${name}`);
  if (schema.items) anthropicFormat(j, schema.items, `${where}[]`);
}

// ---- Gemini generateContent -------------------------------------------------

const GEMINI_FIELDS = words(`model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent
  serviceTier labels store continuationToken`);

const GENERATION = words(`temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty
  frequencyPenalty responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema responseFormat
  responseModalities thinkingConfig mediaResolution speechConfig imageConfig enableEnhancedCivicAnswers`);

const GEMINI_PART = words(`text thought thoughtSignature inlineData fileData functionCall functionResponse
  executableCode codeExecutionResult toolCall toolResponse videoMetadata mediaResolution partMetadata`);

// The two schemas that Google reads.
const SCHEMA = words(`type format title description nullable default enum example items minItems maxItems properties
  propertyOrdering required minProperties maxProperties minimum maximum minLength maxLength pattern anyOf`);
const JSON_SCHEMA = words(`$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems
  minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering`);

function geminiSchema(j, schema, allowed, where) {
  if (typeof schema === 'boolean') return;
  j.fields(schema, allowed, where);
  if (!isObject(schema)) return;
  if (allowed === SCHEMA) j.must(!Array.isArray(schema.type), `${where}.type`, 'must be one type');
  for (const [name, s] of Object.entries({ ...schema.properties, ...schema.$defs })) geminiSchema(j, s, allowed, `${where}.${name}`);
  for (const s of [schema.items, schema.additionalProperties, ...list(schema.anyOf), ...list(schema.oneOf)])
    if (s !== undefined) geminiSchema(j, s, allowed, where);
  for (const name of list(schema.required)) j.must(name in (schema.properties ?? {}), `${where}.required`, `${name} is no property`);
}

function geminiPart(j, p, where) {
  j.fields(p, GEMINI_PART, where);
  const kinds = Object.keys(p).filter((k) => !/^(thought|thoughtSignature|videoMetadata|mediaResolution|partMetadata)$/.test(k));
  if (!j.must(kinds.length === 1, where, `must be one thing, is ${kinds}`)) return;
  const signature = p.thoughtSignature;
  if (kinds[0] === 'text') j.must(isText(p.text) && (p.text !== '' || signature), where, 'empty text');
  if (signature !== undefined && !(p.functionCall && signature === SENTINEL)) {
    j.must(isBase64(signature), `${where}.thoughtSignature`, 'no base64');
    j.secret(signature, 'gemini', `${where}.thoughtSignature`);
  }
  if (p.inlineData) {
    j.must(isText(p.inlineData.mimeType) && /^[a-z]+\/[\w.+-]+$/.test(p.inlineData.mimeType), `${where}.inlineData.mimeType`, 'no type');
    j.must(isBase64(p.inlineData.data) && p.inlineData.data, `${where}.inlineData.data`, 'no base64');
  }
  for (const kind of ['functionCall', 'functionResponse'])
    if (p[kind]) j.must(/^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/.test(p[kind].name ?? ''), `${where}.${kind}.name`, `bad name ${p[kind].name}`);
  if (p.functionCall && 'args' in p.functionCall) j.must(isObject(p.functionCall.args), `${where}.functionCall.args`, 'must be an object');
  if (p.functionResponse) {
    j.must(isObject(p.functionResponse.response), `${where}.functionResponse.response`, 'must be an object');
    j.must(!('$ref' in (p.functionResponse.response ?? {})), `${where}.functionResponse.response`, '$ref is reserved');
  }
}

// A step of calls is followed by as many responses, of the same names, in one turn of the user's.
function geminiPairs(j, turns) {
  for (const [i, { role, parts }] of turns.entries()) {
    const where = `contents (turn ${i})`;
    const calls = parts.filter((p) => p.functionCall).map((p) => p.functionCall);
    const answers = parts.filter((p) => p.functionResponse).map((p) => p.functionResponse);
    if (calls.length) {
      j.must(role === 'model', where, 'function calls are the model’s');
      j.must(i > 0, where, 'a function call turn comes immediately after a user turn or a function response turn');
      const next = (turns[i + 1]?.parts ?? []).filter((p) => p.functionResponse).map((p) => p.functionResponse);
      j.must(next.length === calls.length, where, `the number of function response parts (${next.length}) is not that of the calls (${calls.length})`);
      for (const [k, c] of calls.entries()) {
        j.must(next[k]?.name === c.name, where, `response ${k} is of ${next[k]?.name}, the call of ${c.name}`);
        j.must(next[k]?.id === c.id, where, `response ${k} has id ${next[k]?.id}, the call ${c.id}`);
      }
      const last = parts.findLastIndex((p) => p.functionCall);
      const first = parts.findIndex((p) => p.functionCall);
      j.must(parts.slice(first, last).every((p) => p.functionCall), where, 'calls with something between them');
    }
    if (answers.length) j.must(turns[i - 1]?.parts.some((p) => p.functionCall), where, 'function responses without calls before them');
  }
}

// Gemini 3 and later: the first call of every step of the current turn is signed, and no other.
function geminiSignatures(j, turns) {
  const asked = turns.findLastIndex((t) => t.role === 'user' && !t.parts.some((p) => p.functionResponse));
  for (const [i, { parts }] of turns.entries()) {
    const calls = parts.filter((p) => p.functionCall);
    if (i <= asked || !calls.length) continue;
    j.must(calls[0].thoughtSignature, `contents (turn ${i})`, 'function call is missing a thought_signature in functionCall parts');
    j.must(calls.slice(1).every((c) => !c.thoughtSignature), `contents (turn ${i})`, 'only the first of parallel calls is signed');
  }
}

function geminiTools(j, major) {
  const { tools, toolConfig } = j.body;
  if (tools === undefined) return void j.must(toolConfig === undefined, 'toolConfig', 'without tools');
  const declaring = list(tools).filter((t) => t.functionDeclarations);
  j.must(list(tools).length > 0, 'tools', 'must not be empty');
  j.must(declaring.length <= 1, 'tools', 'all functions belong into one tool');
  j.must(major >= 3 || !declaring.length || list(tools).length === 1, 'tools', 'functions beside built-in tools');
  for (const [i, f] of (declaring[0]?.functionDeclarations ?? []).entries()) {
    const where = `tools.functionDeclarations[${i}]`;
    j.fields(f, words('name description parameters parametersJsonSchema response responseJsonSchema behavior'), where);
    j.must(/^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/.test(f.name ?? ''), `${where}.name`, `bad name ${f.name}`);
    j.must(isText(f.description), `${where}.description`, 'required');
    j.must(!('parameters' in f && 'parametersJsonSchema' in f), where, 'parameters beside parametersJsonSchema');
    if (f.parameters) geminiSchema(j, f.parameters, SCHEMA, `${where}.parameters`);
    if (f.parametersJsonSchema) geminiSchema(j, f.parametersJsonSchema, JSON_SCHEMA, `${where}.parametersJsonSchema`);
  }
  j.uniqueNames((declaring[0]?.functionDeclarations ?? []).map((f) => f.name), 'tools');
  const c = toolConfig?.functionCallingConfig;
  if (!c) return;
  j.oneOf(c.mode, ['AUTO', 'ANY', 'NONE', 'VALIDATED'], 'toolConfig.functionCallingConfig.mode');
  if (c.allowedFunctionNames) j.oneOf(c.mode, ['ANY', 'VALIDATED'], 'toolConfig.functionCallingConfig.mode');
}

function geminiGeneration(j, major) {
  const g = j.body.generationConfig;
  if (g === undefined) return;
  j.fields(g, GENERATION, 'generationConfig');
  j.number(g.temperature, 0, 2, 'generationConfig.temperature');
  j.must(list(g.stopSequences).length <= 5, 'generationConfig.stopSequences', 'five at most');
  j.must(!('responseSchema' in g && 'responseJsonSchema' in g), 'generationConfig', 'two schemas');
  if (g.responseSchema) geminiSchema(j, g.responseSchema, SCHEMA, 'generationConfig.responseSchema');
  if (g.responseJsonSchema) geminiSchema(j, g.responseJsonSchema, JSON_SCHEMA, 'generationConfig.responseJsonSchema');
  if (g.responseSchema || g.responseJsonSchema) j.must(g.responseMimeType === 'application/json', 'generationConfig.responseMimeType', 'must be application/json');
  if (g.responseMimeType === 'application/json') j.must(major >= 3 || !j.body.tools, 'generationConfig.responseMimeType', 'function calling with JSON is unsupported');
  if (major >= 4) for (const name of ['presencePenalty', 'frequencyPenalty']) j.must(!(name in g), `generationConfig.${name}`, 'unsupported');
  if (major < 3) for (const name of ['presencePenalty', 'frequencyPenalty']) j.must(!(name in g), `generationConfig.${name}`, 'not on AI Studio');
  const t = g.thinkingConfig;
  if (!t) return;
  j.fields(t, words('includeThoughts thinkingBudget thinkingLevel'), 'generationConfig.thinkingConfig');
  j.must(!('thinkingBudget' in t && 'thinkingLevel' in t), 'generationConfig.thinkingConfig', 'budget beside level');
  if ('thinkingLevel' in t) {
    j.must(major >= 3, 'generationConfig.thinkingConfig.thinkingLevel', `unsupported by ${j.model}`);
    j.oneOf(String(t.thinkingLevel).toUpperCase(), /pro/.test(j.model) ? ['LOW', 'MEDIUM', 'HIGH'] : ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'], 'generationConfig.thinkingConfig.thinkingLevel');
  }
  if ('thinkingBudget' in t) j.must(major < 4, 'generationConfig.thinkingConfig.thinkingBudget', `unsupported by ${j.model}`);
}

function judgeGemini(j) {
  const b = j.body;
  const major = Number(/gemini-(\d)/.exec(j.model)?.[1] ?? 4);
  j.fields(b, GEMINI_FIELDS, '');
  if (!j.must(Array.isArray(b.contents) && b.contents.length > 0, 'contents', 'must not be empty')) return;
  const turns = [];
  for (const [i, c] of b.contents.entries()) {
    const where = `contents[${i}]`;
    j.fields(c, words('role parts'), where);
    j.oneOf(c.role ?? 'user', ['user', 'model', 'function'], `${where}.role`);
    j.must(list(c.parts).length > 0, `${where}.parts`, 'must have at least one part');
    for (const [k, p] of list(c.parts).entries()) geminiPart(j, p, `${where}.parts[${k}]`);
    const role = c.role === 'model' ? 'model' : 'user';
    if (turns.at(-1)?.role === role) turns.at(-1).parts.push(...list(c.parts));
    else turns.push({ role, parts: [...list(c.parts)] });
  }
  j.must(turns[0].role === 'user', 'contents[0].role', 'the first turn must be the user’s');
  geminiPairs(j, turns);
  if (major >= 3) geminiSignatures(j, turns);
  for (const [k, p] of list(b.systemInstruction?.parts).entries()) j.text(p.text, `systemInstruction.parts[${k}]`);
  if (b.systemInstruction) j.must(list(b.systemInstruction.parts).length > 0, 'systemInstruction.parts', 'must not be empty');
  if (b.cachedContent) for (const name of ['systemInstruction', 'tools', 'toolConfig']) j.must(!(name in b), name, 'beside cachedContent');
  geminiTools(j, major);
  geminiGeneration(j, major);
}

const JUDGES = { openai_chat: judgeChat, openai_responses: judgeResponses, anthropic: judgeAnthropic, gemini: judgeGemini };

// What the vendor would refuse the request for; empty: nothing.
export function complaintsOf(req) {
  const judge = JUDGES[req.dialect?.name];
  if (!judge) return [];
  const j = new Judge(req);
  if (!isObject(j.body)) return ['the body is no JSON object'];
  judge(j);
  // The gateway's own wrapping of foreign secrets, bare or as base64, is for clients alone.
  j.must(!/pxs1\.|cHhzMS4/.test(req.text), 'body', 'an envelope of the gateway');
  return j.complaints;
}
