// The vendors' agent CLIs, as published, doing one small task with a tool, each with every upstream.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Gateway, SLOW } from '../e2e/lib/gateway.js';
import { anthropic, chat, gemini, responses } from '../e2e/lib/dialects.js';
import { answer, call, scripted, text, thought } from '../e2e/lib/scripts.js';
import { Upstream, UPSTREAM_KEYS } from '../e2e/lib/upstream.js';

const KEY = 'sk-client-cli-0000000000001';
const bin = (name) => path.join(import.meta.dirname, 'node_modules/.bin', name);
const native = (name, file) => path.join(import.meta.dirname, 'node_modules', `${name}-linux-${process.arch}`, file);

/*
 * dialect  that the CLI speaks
 * run(o)   [program, arguments, environment] for o: { root, model, prompt, dir, home }; files it needs are written
 * calls    the tools of its own that write a file, and what to call them with
 */
const CLIS = [
  {
    name: 'claude code',
    dialect: anthropic,
    run: ({ root, model, prompt, home }) => [
      native('@anthropic-ai/claude-code', 'claude'),
      ['-p', prompt, '--model', model, '--permission-mode', 'bypassPermissions', '--output-format', 'json'],
      { ANTHROPIC_BASE_URL: root, ANTHROPIC_AUTH_TOKEN: KEY, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', CLAUDE_CONFIG_DIR: home, IS_SANDBOX: '1' },
    ],
    calls: { Write: (file, content) => ({ file_path: file, content }) },
  },
  {
    name: 'codex',
    dialect: responses,
    run: ({ root, model, prompt, home }) => {
      const config = `
model = "${model}"
model_provider = "here"
[model_providers.here]
name = "here"
base_url = "${root}/v1"
wire_api = "responses"
env_key = "HERE_KEY"
request_max_retries = 0
stream_max_retries = 0
`;
      writeFileSync(path.join(home, 'config.toml'), config);
      return [process.execPath, [bin('codex'), 'exec', '--dangerously-bypass-approvals-and-sandbox', '--skip-git-repo-check', prompt], { CODEX_HOME: home, HERE_KEY: KEY }];
    },
    calls: {
      exec_command: (file, content) => ({ cmd: `printf %s '${content}' > ${file}` }),
      shell_command: (file, content) => ({ command: `printf %s '${content}' > ${file}` }),
      shell: (file, content) => ({ command: ['sh', '-c', `printf %s '${content}' > ${file}`] }),
    },
  },
  {
    name: 'gemini cli',
    dialect: gemini,
    run: ({ root, model, prompt, home }) => {
      mkdirSync(path.join(home, '.gemini'));
      writeFileSync(path.join(home, '.gemini/settings.json'), JSON.stringify({ security: { auth: { selectedType: 'gemini-api-key' } } }));
      return [
        process.execPath,
        [bin('gemini'), '-p', prompt, '-m', model, '--yolo'],
        { GOOGLE_GEMINI_BASE_URL: root, GEMINI_API_KEY: KEY, GEMINI_CLI_TRUST_WORKSPACE: 'true' },
      ];
    },
    calls: { write_file: (file, content) => ({ file_path: file, content }) },
  },
];

const TARGETS = [
  { name: 'openai chat', provider: 'chat', channel: 'custom', settings: { dialect: 'openai_chat' }, dialect: chat, model: 'glm-5' },
  { name: 'openai responses', provider: 'responses', channel: 'custom', settings: { dialect: 'openai_responses' }, dialect: responses, model: 'gpt-5.2' },
  { name: 'anthropic', provider: 'anthropic', channel: 'anthropic', settings: {}, dialect: anthropic, model: 'claude-opus-4-7' },
  { name: 'gemini', provider: 'aistudio', channel: 'aistudio', settings: {}, dialect: gemini, model: 'gemini-3.1-pro-preview' },
];

// The names of the tools that a request offers, in any dialect.
const TOOLS = {
  openai_chat: (b) => b.tools?.map((t) => t.function?.name),
  openai_responses: (b) => b.tools?.map((t) => t.name),
  anthropic: (b) => b.tools?.map((t) => t.name),
  gemini: (b) => b.tools?.flatMap((t) => t.functionDeclarations ?? []).map((f) => f.name),
};
const RESULT = /"role":"tool"|"function_call_output"|"tool_result"|"functionResponse"/;

function run([program, args, env], { dir, home }) {
  return new Promise((resolve) => {
    const { PATH } = process.env;
    const child = spawn(program, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, HOME: home, TERM: 'dumb', CI: '1', ...env } });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (s) => (out[name] += s));
    const timer = setTimeout(() => child.kill('SIGKILL'), 90000 * SLOW);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ ...out, code });
    });
  });
}

const direct = process.env.E2E_DIRECT === '1';
const rig = {};

before(async () => {
  rig.up = await Upstream.start({ check: false, strict: true });
  if (direct) return;
  const secret = (t) => ({ api_key: UPSTREAM_KEYS[{ anthropic: 'anthropic', aistudio: 'gemini' }[t.channel] ?? 'openai'] });
  rig.gw = await Gateway.start({
    config: {
      config: { mode: 'managed' },
      providers: TARGETS.map((t) => ({
        name: t.provider, channel: t.channel, settings: { base_url: rig.up.url, ...t.settings },
        credentials: [{ label: 'main', secret: secret(t) }], models: [{ id: t.model }],
      })),
      users: [{ name: 'alice', keys: [{ label: 'cli', key: KEY }], permissions: [{ models: '*' }] }],
    },
  });
});

after(async () => {
  try {
    await rig.gw?.end();
  } finally {
    await rig.up?.stop();
  }
});

// Calls the tool of the CLI's that writes the file, and is done when it hears what the tool said.
function task(cli, file, content) {
  const secret = Buffer.from(`cli ${Math.random()}`).toString('base64');
  const begin = (name) => scripted(answer([thought(secret, 'A file, ', 'then.'), text('Writ', 'ing.'), call('call_f1', name, cli.calls[name](file, content))]));
  const done = scripted(answer([text('It is ', 'finished.')]));
  return (req, res) => {
    const offered = TOOLS[req.dialect?.name]?.(req.json) ?? [];
    const name = offered.find((n) => n in cli.calls);
    return name && !RESULT.test(req.text) ? begin(name)(req, res) : done(req, res);
  };
}

function trial(cli, target, root, model) {
  test(`${cli.name} → ${target.name}`, async () => {
    const base = mkdtempSync(path.join(os.tmpdir(), 'gproxy-cli-'));
    const [dir, home] = ['work', 'home'].map((n) => path.join(base, n));
    for (const d of [dir, home]) mkdirSync(d);
    const file = path.join(dir, 'note.txt');
    const content = `written by ${cli.name}`;
    const from = rig.up.requests.length;
    rig.up.script(target.model, task(cli, file, content));
    try {
      const got = await run(cli.run({ root: root(), model, prompt: 'Write the note.', dir, home }), { dir, home });
      const asked = rig.up.requests.slice(from);
      const story = () => `${JSON.stringify(got)}\n${asked.map((r) => `${r.target} ${r.text.slice(0, 600)}`).join('\n')}`;
      assert.equal(got.code, 0, story());
      assert.equal(readFileSync(file, 'utf8'), content, story());
      assert.match(got.stdout, /It is finished\./, story());
      for (const r of asked) {
        assert.equal(r.dialect?.name, target.dialect.name);
        if (cli.dialect !== target.dialect) assert.deepEqual(r.complaints, [], `what ${target.name} would refuse`);
      }
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });
}

describe('controls: no gateway', () => {
  for (const cli of CLIS) {
    const target = TARGETS.find((t) => t.dialect === cli.dialect);
    trial(cli, target, () => rig.up.url, target.model);
  }
});

describe('through gproxy', { skip: direct }, () => {
  for (const cli of CLIS) for (const target of TARGETS) trial(cli, target, () => rig.gw.url, `${target.provider}/${target.model}`);
});
