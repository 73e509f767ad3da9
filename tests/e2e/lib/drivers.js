// drivers.js - the clients: each vendor's SDK and Vercel's, behind one small face.
//
//   const s = DRIVER.open({ root, key, model, id, stream, system, tools, ... })
//   await s.say('Hi')              one turn: what the SDK made of the answer, in common words:
//                                  { text, thought, calls, finish, sequence, usage, images, raw }
//   await s.results([...])         the next turn: what the tools said
//   s.headers                      of the last answer
//   extra                          what the body (or genai's config) holds besides
//
// A session keeps its history as the SDK's documentation tells users to: what came goes back.
import { APICallError, generateText, jsonSchema, Output, RetryError, streamText } from 'ai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { ApiError, GoogleGenAI } from '@google/genai';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { anthropic, chat, gemini, responses } from './dialects.js';

// Not every SDK shows the headers of a stream, so they are noted where all requests pass.
const answers = new Map();
const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const answer = await fetch(input, init);
  const id = new Headers(init?.headers ?? input.headers).get('x-client-request-id');
  if (id) answers.set(id, answer);
  return answer;
};

class Session {
  constructor(options) {
    Object.assign(this, { tools: [] }, options);
    this.history = [];
    this.open();
  }

  get fixed() {
    return { 'x-client-request-id': this.id };
  }

  get headers() {
    return answers.get(this.id).headers;
  }

  async say(text, media = {}) {
    this.history.push(this.user(text, media));
    return this.turn();
  }

  async results(results) {
    this.history.push(...this.toolResults(results));
    return this.turn();
  }
}

async function collect(stream, each) {
  for await (const item of stream) each(item);
}

const dataUrl = ({ mime, data }) => `data:${mime};base64,${data}`;
const given = (object) => Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined));
const parsedCall = ({ id, name, args }) => ({ id, name, args: JSON.parse(args), text: args });

// ---- OpenAI Chat Completions --------------------------------------------

const CHAT_FINISH = { stop: 'stop', tool_calls: 'tools', length: 'length', content_filter: 'filter' };

class ChatSession extends Session {
  open() {
    this.sdk = new OpenAI({ apiKey: this.key, baseURL: `${this.root}/v1`, maxRetries: 0, defaultHeaders: this.fixed });
    if (this.system) this.history.push({ role: 'system', content: this.system });
  }

  user(text, { image, file, audio }) {
    const media = [
      image && { type: 'image_url', image_url: { url: dataUrl(image) } },
      file && { type: 'file', file: { filename: file.name, file_data: dataUrl(file) } },
      audio && { type: 'input_audio', input_audio: { data: audio.data, format: 'wav' } },
    ].filter(Boolean);
    return { role: 'user', content: media.length ? [{ type: 'text', text }, ...media] : text };
  }

  toolResults(results) {
    return results.map(({ id, output }) => ({ role: 'tool', tool_call_id: id, content: output }));
  }

  body() {
    const tools = this.tools.map(({ name, description, schema }) => ({ type: 'function', function: { name, description, parameters: schema } }));
    return given({
      model: this.model,
      messages: this.history,
      max_completion_tokens: this.maxOutput,
      temperature: this.temperature,
      seed: this.seed,
      stop: this.stop,
      tools: tools.length ? tools : undefined,
      web_search_options: this.search && {},
      reasoning_effort: this.effort,
      response_format: this.schema && { type: 'json_schema', json_schema: { name: 'answer', schema: this.schema } },
      ...this.extra,
    });
  }

  // Keeps what is no part of OpenAI's own format: reasoning, its secrets, signatures of calls.
  async assemble(stream) {
    const message = { role: 'assistant', content: null };
    const whole = { choices: [{ message }] };
    await collect(stream, (chunk) => {
      Object.assign(whole, { model: chunk.model, usage: chunk.usage ?? whole.usage });
      const [choice] = chunk.choices;
      if (!choice) return;
      if (choice.finish_reason) whole.choices[0].finish_reason = choice.finish_reason;
      const { content, reasoning_content, refusal, reasoning_details, images, tool_calls } = choice.delta;
      for (const [k, v] of Object.entries({ content, reasoning_content, refusal })) if (v) message[k] = (message[k] ?? '') + v;
      for (const [k, v] of Object.entries({ reasoning_details, images })) if (v) message[k] = [...(message[k] ?? []), ...v];
      for (const { index, function: f, ...rest } of tool_calls ?? []) {
        const calls = (message.tool_calls ??= []);
        const one = (calls[index] ??= { function: { name: '', arguments: '' } });
        Object.assign(one, rest);
        one.function.name += f?.name ?? '';
        one.function.arguments += f?.arguments ?? '';
      }
    });
    return whole;
  }

  async fetch() {
    if (!this.stream) return this.sdk.chat.completions.create(this.body());
    return this.assemble(await this.sdk.chat.completions.create({ ...this.body(), stream: true, stream_options: { include_usage: true } }));
  }

  remember(message) {
    this.history.push(message);
  }

  async turn() {
    const raw = await this.fetch();
    const [{ message, finish_reason }] = raw.choices;
    this.remember(message);
    const u = raw.usage;
    const { cached_tokens: cacheRead = 0, cache_write_tokens: cacheWrite = 0 } = u.prompt_tokens_details;
    return {
      raw,
      model: raw.model,
      text: message.content ?? '',
      refusal: message.refusal,
      thought: message.reasoning_content ?? '',
      calls: (message.tool_calls ?? []).map(({ id, function: f }) => parsedCall({ id, name: f.name, args: f.arguments })),
      images: (message.images ?? []).map((i) => i.image_url.url.split(',')[1]),
      finish: CHAT_FINISH[finish_reason],
      usage: {
        input: u.prompt_tokens - cacheRead - cacheWrite, cacheRead, cacheWrite,
        output: u.completion_tokens, reasoning: u.completion_tokens_details.reasoning_tokens,
      },
    };
  }
}

// As most clients are: the stream's helper, and a history of nothing but OpenAI's own fields.
class BareChatSession extends ChatSession {
  async fetch() {
    if (!this.stream) return this.sdk.chat.completions.create(this.body());
    return this.sdk.chat.completions.stream({ ...this.body(), stream_options: { include_usage: true } }).finalChatCompletion();
  }

  remember({ content, refusal, tool_calls }) {
    const bare = tool_calls?.map(({ id, function: { name, arguments: args } }) => ({ id, type: 'function', function: { name, arguments: args } }));
    this.history.push(given({ role: 'assistant', content, refusal: refusal ?? undefined, tool_calls: bare?.length ? bare : undefined }));
  }

  async turn() {
    return { ...(await super.turn()), thought: undefined };
  }
}

// ---- OpenAI Responses -----------------------------------------------------

class ResponsesSession extends Session {
  open() {
    this.sdk = new OpenAI({ apiKey: this.key, baseURL: `${this.root}/v1`, maxRetries: 0, defaultHeaders: this.fixed });
  }

  user(text, { image, file, audio }) {
    const media = [
      image && { type: 'input_image', detail: 'auto', image_url: dataUrl(image) },
      file && { type: 'input_file', filename: file.name, file_data: dataUrl(file) },
      audio && { type: 'input_audio', input_audio: { data: audio.data, format: 'wav' } },
    ].filter(Boolean);
    return { role: 'user', content: media.length ? [{ type: 'input_text', text }, ...media] : text };
  }

  toolResults(results) {
    return results.map(({ id, output }) => ({ type: 'function_call_output', call_id: id, output }));
  }

  body() {
    const tools = this.tools.map(({ name, description, schema }) => ({ type: 'function', name, description, parameters: schema, strict: false }));
    if (this.search) tools.push({ type: 'web_search' });
    return given({
      model: this.model,
      input: this.history,
      instructions: this.system,
      store: false,
      include: ['reasoning.encrypted_content'],
      max_output_tokens: this.maxOutput,
      temperature: this.temperature,
      tools: tools.length ? tools : undefined,
      reasoning: this.effort && { effort: this.effort, summary: 'auto' },
      text: this.schema && { format: { type: 'json_schema', name: 'answer', schema: this.schema, strict: false } },
      ...this.extra,
    });
  }

  async turn() {
    const raw = this.stream ? await this.sdk.responses.stream(this.body()).finalResponse() : await this.sdk.responses.create(this.body());
    if (raw.status === 'failed') throw new Error(raw.error.message);
    this.history.push(...raw.output.map(({ parsed_arguments, ...item }) => item));
    const of = (type) => raw.output.filter((i) => i.type === type);
    const parts = of('message').flatMap((i) => i.content);
    const calls = of('function_call').map((i) => parsedCall({ id: i.call_id, name: i.name, args: i.arguments }));
    const incomplete = { max_output_tokens: 'length', content_filter: 'filter' }[raw.incomplete_details?.reason];
    const u = raw.usage;
    const { cached_tokens: cacheRead, cache_write_tokens: cacheWrite } = u.input_tokens_details;
    return {
      raw,
      model: raw.model,
      text: parts.map((p) => p.text ?? '').join(''),
      refusal: parts.find((p) => p.type === 'refusal')?.refusal,
      thought: of('reasoning').flatMap((i) => i.summary.map((s) => s.text)).join(''),
      calls,
      images: of('image_generation_call').map((i) => i.result),
      finish: raw.status === 'incomplete' ? incomplete : calls.length ? 'tools' : 'stop',
      usage: {
        input: u.input_tokens - cacheRead - cacheWrite, cacheRead, cacheWrite,
        output: u.output_tokens, reasoning: u.output_tokens_details.reasoning_tokens,
      },
    };
  }
}

// ---- Anthropic Messages -----------------------------------------------------

const ANTHROPIC_FINISH = { end_turn: 'stop', stop_sequence: 'sequence', tool_use: 'tools', max_tokens: 'length', refusal: 'filter' };

class AnthropicSession extends Session {
  open() {
    this.sdk = new Anthropic({ apiKey: this.key, baseURL: this.root, maxRetries: 0, defaultHeaders: this.fixed });
  }

  user(text, { image, file }) {
    const source = (m) => ({ type: 'base64', media_type: m.mime, data: m.data });
    const media = [image && { type: 'image', source: source(image) }, file && { type: 'document', source: source(file), title: file.name }].filter(Boolean);
    return { role: 'user', content: media.length ? [...media, { type: 'text', text }] : text };
  }

  toolResults(results) {
    return [{ role: 'user', content: results.map(({ id, output, failed }) => given({ type: 'tool_result', tool_use_id: id, content: output, is_error: failed })) }];
  }

  body() {
    return given({
      model: this.model,
      max_tokens: this.maxOutput ?? 4096,
      system: this.system,
      messages: this.history,
      stop_sequences: this.stop,
      tools: this.tools.length ? this.tools.map(({ name, description, schema }) => ({ name, description, input_schema: schema })) : undefined,
      thinking: this.effort && { type: 'adaptive', display: 'summarized' },
      output_config: this.effort || this.schema
        ? given({ effort: this.effort, format: this.schema && { type: 'json_schema', schema: this.schema } })
        : undefined,
      ...this.extra,
    });
  }

  async turn() {
    const raw = this.stream ? await this.sdk.messages.stream(this.body()).finalMessage() : await this.sdk.messages.create(this.body());
    this.history.push({ role: 'assistant', content: raw.content });
    const u = raw.usage;
    return {
      raw,
      model: raw.model,
      text: raw.content.map((b) => b.text ?? '').join(''),
      thought: raw.content.map((b) => b.thinking ?? '').join(''),
      calls: raw.content.filter((b) => b.type === 'tool_use').map(({ id, name, input }) => ({ id, name, args: input })),
      finish: ANTHROPIC_FINISH[raw.stop_reason],
      sequence: raw.stop_sequence,
      usage: {
        input: u.input_tokens, cacheRead: u.cache_read_input_tokens, cacheWrite: u.cache_creation_input_tokens,
        output: u.output_tokens, reasoning: u.output_tokens_details.thinking_tokens,
      },
    };
  }
}

// ---- Gemini generateContent -------------------------------------------------

const GEMINI_FINISH = { STOP: 'stop', MAX_TOKENS: 'length', SAFETY: 'filter' };

class GeminiSession extends Session {
  open() {
    this.sdk = new GoogleGenAI({ apiKey: this.key, httpOptions: { baseUrl: this.root, headers: this.fixed } });
  }

  user(text, { image, file, audio }) {
    const media = [image, file, audio].filter(Boolean);
    return { role: 'user', parts: [...media.map(({ mime, data }) => ({ inlineData: { mimeType: mime, data } })), { text }] };
  }

  toolResults(results) {
    const parts = results.map(({ id, name, output, failed }) => ({ functionResponse: { id, name, response: { [failed ? 'error' : 'output']: output } } }));
    return [{ role: 'user', parts }];
  }

  body() {
    const functionDeclarations = this.tools.map(({ name, description, schema }) => ({ name, description, parametersJsonSchema: schema }));
    const tools = [functionDeclarations.length && { functionDeclarations }, this.search && { googleSearch: {} }].filter(Boolean);
    return {
      model: this.model,
      contents: this.history,
      config: given({
        systemInstruction: this.system,
        maxOutputTokens: this.maxOutput,
        temperature: this.temperature,
        seed: this.seed,
        stopSequences: this.stop,
        tools: tools.length ? tools : undefined,
        thinkingConfig: this.effort && { includeThoughts: true, thinkingLevel: this.effort.toUpperCase() },
        responseMimeType: this.schema && 'application/json',
        responseJsonSchema: this.schema,
        ...this.extra,
      }),
    };
  }

  // As the SDK's own chats do: the parts of all chunks, one after the other, without those that say nothing.
  async assemble(stream) {
    const parts = [];
    const whole = { candidates: [{ content: { role: 'model', parts } }] };
    await collect(stream, ({ candidates, usageMetadata, modelVersion, promptFeedback }) => {
      Object.assign(whole, given({ usageMetadata, modelVersion, promptFeedback }));
      parts.push(...(candidates?.[0]?.content?.parts ?? []).filter((p) => p.text !== '' || p.thoughtSignature));
      if (candidates?.[0]?.finishReason) whole.candidates[0].finishReason = candidates[0].finishReason;
    });
    return whole;
  }

  async turn() {
    const raw = this.stream ? await this.assemble(await this.sdk.models.generateContentStream(this.body())) : await this.sdk.models.generateContent(this.body());
    const { content, finishReason } = raw.candidates?.[0] ?? {};
    const parts = content?.parts ?? [];
    if (parts.length) this.history.push(content);
    const u = raw.usageMetadata;
    const cacheRead = u.cachedContentTokenCount ?? 0;
    const reasoning = u.thoughtsTokenCount ?? 0;
    const calls = parts.filter((p) => p.functionCall).map((p) => ({ id: p.functionCall.id, name: p.functionCall.name, args: p.functionCall.args ?? {} }));
    const finish = raw.promptFeedback?.blockReason ? 'filter' : GEMINI_FINISH[finishReason];
    return {
      raw,
      model: raw.modelVersion,
      text: parts.filter((p) => !p.thought).map((p) => p.text ?? '').join(''),
      thought: parts.filter((p) => p.thought).map((p) => p.text ?? '').join(''),
      calls,
      images: parts.filter((p) => p.inlineData).map((p) => p.inlineData.data),
      finish: finish === 'stop' && calls.length ? 'tools' : finish,
      usage: { input: u.promptTokenCount - cacheRead, cacheRead, cacheWrite: 0, output: (u.candidatesTokenCount ?? 0) + reasoning, reasoning },
    };
  }
}

// ---- Vercel's AI SDK ----------------------------------------------------------

const AI_FINISH = { stop: 'stop', 'tool-calls': 'tools', length: 'length', 'content-filter': 'filter' };

// One provider of theirs: model(session), and what it wants to hear about thinking.
const vercel = (model, thinking) =>
  class extends Session {
    open() {}

    user(text, { image, file, audio }) {
      const media = [image, file, audio].filter(Boolean).map(({ mime, data, name }) => given({ type: 'file', data, mediaType: mime, filename: name }));
      return { role: 'user', content: media.length ? [{ type: 'text', text }, ...media] : text };
    }

    toolResults(results) {
      const content = results.map(({ id, name, output, failed }) => ({
        type: 'tool-result', toolCallId: id, toolName: name, output: { type: failed ? 'error-text' : 'text', value: output },
      }));
      return [{ role: 'tool', content }];
    }

    body() {
      return given({
        model: model({ apiKey: this.key, headers: this.fixed }, this),
        maxRetries: 0,
        instructions: this.system,
        messages: this.history,
        maxOutputTokens: this.maxOutput,
        temperature: this.temperature,
        seed: this.seed,
        stopSequences: this.stop,
        tools: Object.fromEntries(this.tools.map(({ name, description, schema }) => [name, { description, inputSchema: jsonSchema(schema) }])),
        output: this.schema && Output.object({ schema: jsonSchema(this.schema) }),
        providerOptions: thinking(this.effort),
      });
    }

    // A stream's errors are told by a callback, and its promises are asked only without one.
    async streamed() {
      let failure;
      const result = streamText({ ...this.body(), onError: ({ error }) => (failure ??= error) });
      await result.consumeStream({ onError: (error) => (failure ??= error) });
      if (failure) throw failure;
      const names = ['text', 'reasoningText', 'toolCalls', 'files', 'finishReason', 'usage', 'response', 'output'];
      const values = await Promise.all(names.map((n) => (n === 'output' && !this.schema ? undefined : result[n])));
      return Object.fromEntries(names.map((n, i) => [n, values[i]]));
    }

    async turn() {
      const raw = this.stream ? await this.streamed() : await generateText(this.body());
      this.history.push(...raw.response.messages);
      const { usage: u } = raw;
      return {
        raw,
        text: raw.text,
        thought: raw.reasoningText ?? '',
        calls: raw.toolCalls.map(({ toolCallId, toolName, input }) => ({ id: toolCallId, name: toolName, args: input })),
        images: raw.files.map((f) => f.base64),
        finish: AI_FINISH[raw.finishReason],
        object: this.schema && raw.output,
        usage: {
          input: u.inputTokenDetails.noCacheTokens, cacheRead: u.inputTokenDetails.cacheReadTokens ?? 0,
          cacheWrite: u.inputTokenDetails.cacheWriteTokens ?? 0, output: u.outputTokens, reasoning: u.outputTokenDetails.reasoningTokens,
        },
      };
    }
  };

const AiChatSession = vercel(
  (o, s) => createOpenAI({ ...o, baseURL: `${s.root}/v1` }).chat(s.model),
  (reasoningEffort) => ({ openai: given({ reasoningEffort, forceReasoning: reasoningEffort ? true : undefined }) }),
);
const AiResponsesSession = vercel(
  (o, s) => createOpenAI({ ...o, baseURL: `${s.root}/v1` }).responses(s.model),
  (reasoningEffort) => ({ openai: given({ store: false, reasoningEffort, ...(reasoningEffort ? { forceReasoning: true, reasoningSummary: 'auto' } : {}) }) }),
);
const AiAnthropicSession = vercel(
  (o, s) => createAnthropic({ ...o, baseURL: `${s.root}/v1` })(s.model),
  (effort) => ({ anthropic: effort ? { thinking: { type: 'adaptive' }, effort } : {} }),
);
const AiGeminiSession = vercel(
  (o, s) => createGoogleGenerativeAI({ ...o, baseURL: `${s.root}/v1beta` })(s.model),
  (thinkingLevel) => ({ google: thinkingLevel ? { thinkingConfig: { includeThoughts: true, thinkingLevel } } : {} }),
);

// ---- what tests go through -------------------------------------------------

const openaiError = (e) => ({ own: e instanceof OpenAI.APIError, status: e.status, retryAfter: e.headers?.get('retry-after') });
const aiError = (error) => {
  const e = RetryError.isInstance(error) ? error.lastError : error;
  return { own: APICallError.isInstance(e), status: e.statusCode, retryAfter: e.responseHeaders?.['retry-after'] };
};

const driver = (name, dialect, Kind, explain, traits = {}) => ({ name, dialect, explain, ...traits, open: (options) => new Kind(options) });

/*
 * explain(error): is it the SDK's own class, and what status and Retry-After does it carry?
 * hides: what the SDK does not show its user (or cannot say), so that no test expects it.
 */
export const DRIVERS = [
  driver('openai chat', chat, ChatSession, openaiError, { hides: ['failed'] }),
  driver('openai chat, bare history', chat, BareChatSession, openaiError, { hides: ['thought', 'failed'] }),
  driver('openai responses', responses, ResponsesSession, openaiError, { hides: ['stop', 'seed', 'failed'] }),
  driver('anthropic', anthropic, AnthropicSession, (e) => ({ own: e instanceof Anthropic.APIError, status: e.status, retryAfter: e.headers?.get('retry-after') }), {
    hides: ['temperature', 'seed', 'image', 'audio'],
  }),
  driver('genai', gemini, GeminiSession, (e) => ({ own: e instanceof ApiError, status: e.status })),
  driver('ai chat', chat, AiChatSession, aiError, { hides: ['thought', 'image', 'failed'] }),
  driver('ai responses', responses, AiResponsesSession, aiError, { hides: ['stop', 'seed', 'failed', 'image', 'audio'] }),
  driver('ai anthropic', anthropic, AiAnthropicSession, aiError, { hides: ['temperature', 'seed', 'image', 'audio'] }),
  driver('ai google', gemini, AiGeminiSession, aiError),
];
