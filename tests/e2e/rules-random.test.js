// Random rules on random requests: what reaches the upstream is the document that they describe,
// beside gproxy's own changes: the model's name, and that Chat's streams tell their usage.
import test from 'node:test';
import assert from 'node:assert/strict';
import { useRig } from './lib/rig.js';
import { chat } from './lib/dialects.js';
import { newUser, meteredConfig } from './lib/metered.js';
import { call } from './lib/client.js';

const CASES = 120;

// Numerical Recipes' generator: the same cases on every run.
let state = Number(process.env.SEED ?? 20261127);
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = (list) => list[random(list.length)];
const odds = (n) => random(n) === 0;

const PATHS = [
  ['temperature'], ['max_tokens'], ['metadata', 'team'], ['metadata'], ['metadata', 'a.b'], ['stop', 0], ['stop', 1], ['tools', '*', 'function', 'strict'],
  ['logit_bias', '50256'], ['messages', 0, 'name'], ['messages', '*', 'tag'], ['x', 'y', 'z'], ['x', 'y'], ['x', 'list', 0, 'v'], ['stream_options', 'include_obfuscation'],
  ['modelx'], ['user'], ['ünï'],
];
const VALUES = [1, -2.5, true, null, 'text', 'ä "quoted" \\ \n', [], {}, [1, [2]], { k: { v: [null] } }];

const pathText = (path) =>
  path.map((s, i) => (typeof s === 'number' || s === '*' ? `[${s}]` : /^[\w$-]+$/.test(s) ? `${i ? '.' : ''}${s}` : `[${JSON.stringify(s)}]`)).join('');

function newRule() {
  const action = pick(['set', 'default', 'remove', 'append']);
  const path = pick(PATHS);
  const rule = { phase: pick(['inbound', 'outbound']), action, path: pathText(path) };
  if (action !== 'remove') rule.value = pick(VALUES);
  return { rule, path };
}

// ---- what a rule means (docs/rules.md) --------------------------------------

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const empty = (next) => (typeof next === 'number' ? [] : {});

// At the last step: put into, or take out of, what holds it.
function end(holder, step, { action, value: shared }) {
  const value = structuredClone(shared);
  const there = Array.isArray(holder) ? step < holder.length : Object.hasOwn(holder, step);
  if (action === 'remove') {
    if (there && Array.isArray(holder)) holder.splice(step, 1);
    else delete holder[step];
    return;
  }
  if (action === 'default' && there) return;
  if (action === 'append') {
    if (!there || holder[step] === null) holder[step] = [value];
    else if (Array.isArray(holder[step])) holder[step].push(value);
    return;
  }
  holder[step] = value;
}

// Where `path` leads to nothing that can be gone into, nothing is made on the way either.
function walk(holder, path, rule) {
  const [step, ...rest] = path;
  if (step === '*') {
    if (Array.isArray(holder)) holder.forEach((_, i) => walk(holder, [i, ...rest], rule));
    return;
  }
  if (typeof step === 'number' ? !Array.isArray(holder) || step > holder.length : !isObject(holder)) return;
  if (!rest.length) return end(holder, step, rule);
  const there = (Array.isArray(holder) ? step < holder.length : Object.hasOwn(holder, step)) && holder[step] !== null;
  if (there) return walk(holder[step], rest, rule);
  if (rule.action === 'remove' || rest.includes('*') || rest.some((s) => typeof s === 'number' && s > 0)) return;
  const made = empty(rest[0]);
  walk(made, rest, rule);
  holder[step] = made;
}

const apply = (doc, { rule, path }) => walk(doc, path, rule);

// ---- the cases ----------------------------------------------------------------

function newBody(n) {
  const members = [
    ['model', `case-${n}`],
    ['messages', [{ role: 'user', content: 'Hi' }, ...(odds(2) ? [{ role: 'user', content: [{ type: 'text', text: 'ho' }] }] : [])]],
  ];
  if (odds(2)) members.push(['stream', odds(2)]);
  if (odds(3)) members.push(['stream_options', pick([null, {}, { include_usage: true }, { include_usage: false }, { include_obfuscation: false }])]);
  if (odds(2)) members.push(['metadata', pick([null, {}, { team: 'red' }, { 'a.b': [1] }, 'text'])]);
  if (odds(3)) members.push(['tools', [{ type: 'function', function: { name: 'f', strict: false } }, { type: 'function', function: { name: 'g' } }]]);
  if (odds(3)) members.push(['stop', pick([null, [], ['a'], 'a'])]);
  if (odds(3)) members.push(['x', pick([null, {}, { y: 1 }, { y: {} }, { list: [{}] }])]);
  if (odds(3)) members.push(['temperature', 0.5]);
  if (odds(4)) members.push(['max_tokens', 100]);
  for (let i = members.length; i > 1; i--) {
    const j = random(i);
    [members[i - 1], members[j]] = [members[j], members[i - 1]];
  }
  return Object.fromEntries(members);
}

function expected(body, rules) {
  const doc = structuredClone(body);
  for (const r of rules) if (r.rule.phase === 'inbound') apply(doc, r);
  const asked = doc.stream_options?.include_usage === true;
  for (const r of rules) if (r.rule.phase === 'outbound') apply(doc, r);
  doc.model = 'gpt-test';
  if (doc.stream && !asked) doc.stream_options = { ...doc.stream_options, include_usage: true };
  return doc;
}

const user = newUser();
const cases = Array.from({ length: CASES }, (_, n) => ({ body: newBody(n), rules: Array.from({ length: 1 + random(7) }, newRule) }));
const rig = useRig({
  config: (up) => {
    const config = meteredConfig(up, [user]);
    cases.forEach((c, n) => config.aliases.push({ name: `case-${n}`, targets: [{ provider: 'openai', model: 'gpt-test' }], rules: c.rules.map((r) => r.rule) }));
    return config;
  },
});

for (const [n, { body, rules }] of cases.entries()) {
  test(`case ${n}`, async () => {
    const compact = odds(2);
    const sent = compact ? JSON.stringify(body) : JSON.stringify(body, null, 1);
    const a = await call(rig.gw, { path: chat.path(), headers: chat.auth(user.key), body: sent });
    const got = rig.up.requests.at(-1).body.toString();
    const what = `${sent}\n${JSON.stringify(rules.map((r) => r.rule))}\n${got}\n`;
    assert.equal(a.status, 200, what + a.text);
    rig.up.problems = rig.up.problems.filter((p) => !/stream_options without stream/.test(p)); // the client's doing
    assert.deepEqual(JSON.parse(got), expected(body, rules), what);
    if (compact) assert.equal(JSON.stringify(JSON.parse(got)).length, got.length, `nothing stands twice: ${what}`);
  });
}
