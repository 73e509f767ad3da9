// The judges of the scripted upstream: they let through what is right and find what is wrong.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { anthropic, chat, gemini, responses } from './lib/dialects.js';
import { complaintsOf, issued } from './lib/vendors.js';

const FIXTURES = path.join(import.meta.dirname, '../golden/fixtures');
const DIALECT = { chat, responses, anthropic, gemini };
const MODEL = { chat: 'o4-mini', responses: 'gpt-5.2', anthropic: 'claude-opus-4-7', gemini: 'gemini-3.1-pro-preview' };
const PLAIN = { chat: 'gpt-4.1', responses: 'gpt-4.1', anthropic: 'claude-sonnet-4-6', gemini: 'gemini-2.5-flash' };

const complaints = (format, json, model = MODEL[format], headers = { 'anthropic-version': '2023-06-01' }) =>
  complaintsOf({ dialect: DIALECT[format], model, json: { ...json }, text: JSON.stringify(json), header: (name) => headers[name] });

issued.set('ZW5jLW5hdGl2ZS0x', 'openai_responses').set('c2lnLW5hdGl2ZS0x', 'anthropic').set('dHNpZy1uYXRpdmUtMQ==', 'gemini');

// What stands in fixtures beyond the vendors' own formats, or against them.
const BEYOND = {
  'messages[1].reasoning_content: unknown field': 'OpenAI has no such field; other hosts do',
  'messages[1].reasoning_details: unknown field': 'the same',
  'contents (turn 1): function call is missing a thought_signature in functionCall parts': 'of a model that signs nothing',
};

describe('right requests', () => {
  for (const file of readdirSync(FIXTURES).sort())
    test(file, () => {
      const fixture = JSON.parse(readFileSync(path.join(FIXTURES, file), 'utf8'));
      for (const request of [fixture.request, fixture.followup_request].filter(Boolean))
        assert.deepEqual(complaints(fixture.format, request).filter((c) => !BEYOND[c]), [], JSON.stringify(request));
    });
});

const user = (content) => ({ role: 'user', content });
const fn = (name, extra = {}) => ({ type: 'function', function: { name, parameters: { type: 'object', properties: {} }, ...extra } });
const called = (id, args = '{}') => ({ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: args } }] });
const told = (tool_call_id) => ({ role: 'tool', tool_call_id, content: 'x' });
const C = (fields) => ({ model: 'm', messages: [user('Hi')], ...fields });

const item = (fields) => ({ type: 'function_call', call_id: 'c', name: 'f', arguments: '{}', ...fields });
const output = (call_id) => ({ type: 'function_call_output', call_id, output: 'x' });
const R = (fields) => ({ model: 'm', input: 'Hi', ...fields });

const use = (id, extra = {}) => ({ type: 'tool_use', id, name: 'f', input: {}, ...extra });
const result = (tool_use_id) => ({ type: 'tool_result', tool_use_id, content: 'x' });
const bot = (...content) => ({ role: 'assistant', content });
const A = (fields) => ({ model: 'm', max_tokens: 100, messages: [user('Hi')], ...fields });

const say = (text) => ({ role: 'user', parts: [{ text }] });
const model = (...parts) => ({ role: 'model', parts });
const fcall = (id, extra = {}) => ({ functionCall: { id, name: 'f', args: {} }, ...extra });
const fresult = (id, name = 'f') => ({ functionResponse: { id, name, response: { output: 'x' } } });
const signed = { thoughtSignature: 'dHNpZy1uYXRpdmUtMQ==' };
const G = (...contents) => ({ contents });
const config = (generationConfig) => ({ ...G(say('Hi')), generationConfig });
const declare = (f) => ({ ...G(say('Hi')), tools: [{ functionDeclarations: [{ name: 'f', description: '', ...f }] }] });

// [format, request, what the complaint must say, model]
const WRONG = [
  ['chat', C({ top_k: 3 }), /^top_k: unknown field/],
  ['chat', C({ messages: [] }), /^messages: must not be empty/],
  ['chat', C({ messages: [{ role: 'bot', content: 'x' }] }), /role/],
  ['chat', C({ messages: [user([{ type: 'input_text', text: 'x' }])] }), /type/],
  ['chat', C({ messages: [user('Hi'), called('a')] }), /without an answer: a/],
  ['chat', C({ messages: [user('Hi'), called('a'), user('x'), told('a')] }), /without an answer: a/],
  ['chat', C({ messages: [user('Hi'), told('a')] }), /no call a waits/],
  ['chat', C({ messages: [user('Hi'), called('x'.repeat(41)), told('x'.repeat(41))] }), /1 to 40/],
  ['chat', C({ messages: [user('Hi'), called('a', '{"x'), told('a')] }), /not JSON/],
  ['chat', C({ messages: [user('Hi'), { role: 'assistant', content: 'x', reasoning_content: 'y' }] }), /reasoning_content: unknown/],
  ['chat', C({ tools: [] }), /must not be empty/],
  ['chat', C({ tool_choice: 'auto' }), /without tools/],
  ['chat', C({ tools: [fn('a b')] }), /bad name/],
  ['chat', C({ tools: [fn('f'), fn('f')] }), /twice/],
  ['chat', C({ tools: [fn('f', { strict: true })] }), /additionalProperties/],
  ['chat', C({ tools: [fn('f')], reasoning_effort: 'low' }), /v1\/responses/, 'gpt-5.4'],
  ['chat', C({ temperature: 1 }), /unsupported by o4-mini/],
  ['chat', C({ max_tokens: 5 }), /^max_tokens/],
  ['chat', C({ max_completion_tokens: 5 }), /OpenAI/, 'llama-4'],
  ['chat', C({ stream_options: { include_usage: true } }), /without stream/],
  ['chat', C({ stop: ['1', '2', '3', '4', '5'] }), /stop/, PLAIN.chat],
  ['chat', C({ user: 'pxs1.abc' }), /envelope/],
  ['responses', R({ stop: ['x'] }), /^stop: unknown/],
  ['responses', R({ max_output_tokens: 5 }), /16 at least/],
  ['responses', R({ tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }] }), /left out means strict/],
  ['responses', R({ input: [user('Hi'), item({}), item({ call_id: 'd' }), output('c')] }), /no tool output found for function call d/],
  ['responses', R({ input: [user('Hi'), output('c')] }), /no tool call found/],
  ['responses', R({ input: [user('Hi'), item({ id: 'call_1' }), output('c')] }), /must begin with fc_/],
  ['responses', R({ input: [{ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }] }), /input_text/],
  ['responses', R({ input: [user('Hi'), { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'ZW5jLW5hdGl2ZS0x' }] }), /without the item/],
  ['responses', R({ input: [user('Hi'), { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'b3RoZXI=' }, item({}), output('c')] }), /never gave/],
  ['responses', R({ reasoning: { effort: 'low' } }), /unsupported by/, PLAIN.responses],
  ['responses', R({ text: { format: { type: 'json_schema', json_schema: {} } } }), /unknown field/],
  ['anthropic', A({ seed: 1 }), /^seed: unknown/],
  ['anthropic', A({ max_tokens: undefined }), /max_tokens/],
  ['anthropic', A({ messages: [user('')] }), /non-empty/],
  ['anthropic', A({ messages: [bot({ type: 'text', text: 'Hi' }), user('x')] }), /must use the user role/],
  ['anthropic', A({ messages: [user('Hi'), bot({ type: 'text', text: 'Hi' })] }), /prefill/],
  ['anthropic', A({ messages: [user('Hi'), bot(use('a'))] }), /without tool_result/],
  ['anthropic', A({ messages: [user('Hi'), bot(use('a')), user([{ type: 'text', text: 'x' }, result('a')])] }), /come first/],
  ['anthropic', A({ messages: [user('Hi'), bot(use('a'), use('b')), user([result('a')])] }), /without tool_result: b/],
  ['anthropic', A({ messages: [user('Hi'), bot(use('a')), user([result('a'), result('c')])] }), /unexpected tool_use_id/],
  ['anthropic', A({ messages: [user('Hi'), bot(use('a:b')), user([result('a:b')])] }), /bad id/],
  ['anthropic', A({ messages: [user('Hi'), bot(use('a', { input: '{}' })), user([result('a')])] }), /must be an object/],
  ['anthropic', A({ messages: [user('Hi'), bot({ type: 'text', text: 'x' }, { type: 'thinking', thinking: '', signature: 'c2lnLW5hdGl2ZS0x' }), user('x')] }), /thinking must come first/],
  ['anthropic', A({ messages: [user('Hi'), bot({ type: 'thinking', thinking: '', signature: 'dHNpZy1uYXRpdmUtMQ==' }), user('x')] }), /never gave/],
  ['anthropic', A({ temperature: 0.5 }), /sampling is refused/],
  ['anthropic', A({ temperature: 0.5, top_p: 0.5 }), /beside temperature/, PLAIN.anthropic],
  ['anthropic', A({ thinking: { type: 'enabled', budget_tokens: 2000 }, max_tokens: 4000 }), /budgets are refused/],
  ['anthropic', A({ thinking: { type: 'enabled', budget_tokens: 2000 } }), /1024 to max_tokens/, 'claude-haiku-4-5'],
  ['anthropic', A({ thinking: { type: 'adaptive' } }), /adaptive is refused/, 'claude-haiku-4-5'],
  ['anthropic', A({ tools: [{ name: 'f', input_schema: { type: 'array' } }] }), /must be "object"/],
  ['anthropic', A({ stop_sequences: [' '] }), /whitespace/],
  ['anthropic', A({ output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: {} } } } }), /additionalProperties/],
  ['gemini', { ...G(say('Hi')), generation_config: {} }, /unknown field/],
  ['gemini', G(), /must not be empty/],
  ['gemini', G(model({ text: 'Hi' }), say('x')), /the first turn/],
  ['gemini', G(say('')), /empty text/],
  ['gemini', G(say('Hi'), model(fcall('a', signed), fcall('b')), { role: 'user', parts: [fresult('a')] }), /number of function response parts/],
  ['gemini', G(say('Hi'), model(fcall('a', signed)), { role: 'user', parts: [fresult('a', 'g')] }), /response 0 is of g/],
  ['gemini', G(say('Hi'), model(fcall('a')), { role: 'user', parts: [fresult('a')] }), /missing a thought_signature/],
  ['gemini', G(say('Hi'), model(fcall('a', { thoughtSignature: 'b3RoZXI=' })), { role: 'user', parts: [fresult('a')] }), /never gave/],
  ['gemini', G(say('Hi'), model(fcall('a', signed), fcall('b', signed)), { role: 'user', parts: [fresult('a'), fresult('b')] }), /only the first/],
  ['gemini', G(say('Hi'), { role: 'user', parts: [fresult('a')] }), /without calls/],
  ['gemini', config({ thinkingConfig: { thinkingBudget: 1, thinkingLevel: 'LOW' } }), /budget beside level/],
  ['gemini', config({ thinkingConfig: { thinkingLevel: 'LOW' } }), /unsupported by/, PLAIN.gemini],
  ['gemini', config({ presencePenalty: 1 }), /not on AI Studio/, PLAIN.gemini],
  ['gemini', config({ responseJsonSchema: { type: 'object' } }), /must be application\/json/],
  ['gemini', config({ responseMimeType: 'application/json', responseSchema: { type: 'object', additionalProperties: false } }), /additionalProperties: unknown/],
  ['gemini', declare({ parametersJsonSchema: { type: 'object', patternProperties: {} } }), /patternProperties: unknown/],
  ['gemini', declare({ name: 'a b' }), /bad name/],
  ['gemini', { ...declare({}), generationConfig: { responseMimeType: 'application/json' } }, /with JSON is unsupported/, PLAIN.gemini],
];

describe('wrong requests', () => {
  for (const [format, request, what, named] of WRONG)
    test(`${format}: ${what}`, () => {
      const found = complaints(format, request, named);
      assert.ok(found.some((c) => what.test(c)), `only found ${JSON.stringify(found)}`);
    });
});
