// upstream.js - a scripted upstream on bare sockets: records the exact bytes that it
// gets, judges them as the vendor would, and answers well or misbehaves as told.
//
// What it does is chosen by the model id of the request, or by a mark in its text
// (`script`), so that tests can share one upstream; without a script it answers well, in
// the dialect of the path.
import net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
import { sleep } from './client.js';
import { chat, responses, anthropic, gemini, geminiArray } from './dialects.js';
import { complaintsOf } from './vendors.js';

export const UPSTREAM_KEYS = {
  openai: 'sk-upstream-openai-0001',
  anthropic: 'sk-ant-upstream-0001',
  gemini: 'AIza-upstream-0001',
};

const ROUTES = [
  [/\/v1\/chat\/completions$/, 'openai', chat, ['model', 'messages']],
  [/\/v1\/responses$/, 'openai', responses, ['model', 'input']],
  [/\/v1\/responses\/compact$/, 'openai', 'compaction', ['model']],
  [/\/v1\/images\/generations$/, 'openai', 'pictures', ['model', 'prompt']],
  [/\/v1\/embeddings$/, 'openai', 'embeddings', ['model', 'input']],
  [/\/v1\/responses\/input_tokens$/, 'openai', 'responsesCount', ['model', 'input']],
  [/\/v1\/messages$/, 'anthropic', anthropic, ['model', 'messages', 'max_tokens']],
  [/\/v1\/messages\/count_tokens$/, 'anthropic', 'anthropicCount', ['model', 'messages']],
  [/\/v1(beta1?)?\/models\/.+:generateContent$/, 'gemini', gemini, ['contents']],
  [/\/v1(beta1?)?\/models\/.+:streamGenerateContent$/, 'gemini', gemini, ['contents']],
  [/\/v1(beta1?)?\/models\/.+:countTokens$/, 'gemini', 'geminiCount', []],
  [/\/v1(beta1?)?\/models\/.+:embedContent$/, 'gemini', 'embedContent', ['content']],
  [/\/v1(beta1?)?\/models\/.+:batchEmbedContents$/, 'gemini', 'batchEmbed', ['requests']],
];

// Headers that must never reach an upstream.
const FORBIDDEN_HEADERS =
  /^(x-gproxy|transfer-encoding$|connection$|keep-alive$|proxy-|te$|trailer$|upgrade$|cookie$|expect$|x-forwarded-|forwarded$)/;

class Request {
  constructor(conn, head) {
    const [first, ...lines] = head.split('\r\n');
    this.conn = conn;
    this.rawHead = head;
    [this.method, this.target, this.version] = first.split(' ');
    this.headers = lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1).trim()];
    });
    const at = this.target.indexOf('?');
    this.path = at < 0 ? this.target : this.target.slice(0, at);
    this.query = at < 0 ? '' : this.target.slice(at + 1);
    this.body = Buffer.alloc(0);
    this.at = Date.now();
    this.closedAt = 0; // when the gateway closed the connection under it
    this.answered = false; // set when the end of a good answer begins to go out
  }

  all(name) {
    return this.headers.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
  }

  header(name) {
    return this.all(name)[0];
  }

  get text() {
    return this.body.toString('utf8');
  }

  get json() {
    try {
      return JSON.parse(this.text);
    } catch {
      return undefined;
    }
  }

  get model() {
    const m = /\/models\/(.+):\w+$/.exec(this.path);
    if (m) return decodeURIComponent(m[1]);
    return this.json?.model ?? '';
  }

  // "case-..." in the words of the conversation: tests with models of real names tell requests by it.
  get mark() {
    return /\bcase-[\w-]+/.exec(this.text)?.[0];
  }

  get route() {
    return ROUTES.find(([re]) => re.test(this.path));
  }

  get dialect() {
    const d = this.route?.[2];
    if (d === gemini && /streamGenerateContent$/.test(this.path) && !/(^|&)alt=sse(&|$)/.test(this.query)) return geminiArray;
    return d;
  }

  get streams() {
    return /streamGenerateContent$/.test(this.path) || this.json?.stream === true;
  }
}

// The answering half: every method resolves when the kernel has the bytes.
class Reply {
  constructor(req) {
    this.req = req;
    this.socket = req.conn.socket;
    this.sent = 0;
  }

  get gone() {
    return this.socket.destroyed || this.req.closedAt > 0;
  }

  raw(bytes) {
    return new Promise((resolve) => {
      if (this.socket.destroyed || this.socket.writableEnded) return resolve(false);
      this.sent += Buffer.byteLength(bytes);
      this.socket.write(bytes, () => resolve(true));
    });
  }

  head(status, headers = {}) {
    const lines = [`HTTP/1.1 ${status} Scripted`];
    for (const [n, v] of Object.entries(headers)) for (const x of [v].flat()) lines.push(`${n}: ${x}`);
    return this.raw(Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1'));
  }

  async body(status, bytes, headers = {}) {
    const data = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes);
    const lines = [`HTTP/1.1 ${status} Scripted`];
    const all = { 'content-type': 'application/json', 'content-length': data.length, ...headers };
    for (const [n, v] of Object.entries(all)) for (const x of [v].flat()) lines.push(`${n}: ${x}`);
    this.req.answered = true;
    await this.raw(Buffer.concat([Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1'), data]));
  }

  json(status, value, headers = {}) {
    return this.body(status, JSON.stringify(value), { 'x-request-id': 'req_upstream1', ...headers });
  }

  // Begins a chunked stream.
  stream(headers = {}) {
    const type = this.req.dialect?.array ? 'application/json' : 'text/event-stream; charset=utf-8';
    return this.head(200, { 'content-type': type, 'transfer-encoding': 'chunked', 'x-request-id': 'req_upstream1', ...headers });
  }

  chunk(bytes) {
    const data = Buffer.from(bytes);
    return this.raw(Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]));
  }

  async finish() {
    this.req.answered = true;
    await this.raw('0\r\n\r\n');
  }

  fin() {
    this.socket.end();
  }

  rst() {
    if (this.socket.resetAndDestroy) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  // Until the gateway gives up on this connection.
  async hang(limit = 60000) {
    const end = Date.now() + limit;
    while (!this.gone && Date.now() < end) await sleep(10);
  }
}

// What an honest vendor answers.
export async function answerWell(req, res, options = {}) {
  const { dialect: d, model } = req;
  const o = { model, tool: Boolean(toolWanted(req)), ...options };
  if (typeof d === 'string') return res.json(200, OTHERS[d](req));
  if (!d) return res.json(404, chat.error(404, `no such path: ${req.path}`, 'invalid_request_error'));
  if (!req.streams) return res.json(200, d.answer(o), options.headers);
  const includeUsage = req.json?.stream_options?.include_usage === true;
  await res.stream(options.headers);
  const frames = d.frames({ includeUsage, ...o });
  for (const [i, frame] of frames.entries()) {
    if (i === frames.length - 1) req.answered = true;
    await res.chunk(frame);
    if (options.pause) await sleep(options.pause);
  }
  return res.finish();
}

const toolWanted = (req) => req.json?.tools?.length > 0 && /weather/i.test(req.text);

const vector = [0.25, -0.5, 1, 0.0078125];

function embeddings(req) {
  const { input, model, encoding_format } = req.json;
  const items = Array.isArray(input) ? input : [input];
  const floats = Buffer.from(new Float32Array(vector).buffer);
  const data = items.map((_, index) => ({
    object: 'embedding',
    index,
    embedding: encoding_format === 'base64' ? floats.toString('base64') : vector,
  }));
  return { object: 'list', data, model, usage: { prompt_tokens: 6, total_tokens: 6 } };
}

const compaction = {
  id: 'resp_c1',
  object: 'response.compaction',
  created_at: 1,
  output: [{ id: 'cmp_1', type: 'compaction', encrypted_content: 'gAAAAAB' }],
  usage: { input_tokens: 9, input_tokens_details: { cached_tokens: 0 }, output_tokens: 4, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 13 },
};

export const PICTURE = 'iVBORw0KGgoAAAANSUhEUg==';

const pictures = {
  created: 1,
  data: [{ b64_json: PICTURE }],
  output_format: 'png',
  usage: { input_tokens: 9, input_tokens_details: { text_tokens: 5, image_tokens: 4 }, output_tokens: 272, total_tokens: 281 },
};

const OTHERS = {
  embeddings,
  compaction: () => compaction,
  pictures: () => pictures,
  responsesCount: () => ({ object: 'response.input_tokens', input_tokens: 42 }),
  anthropicCount: () => ({ input_tokens: 42 }),
  geminiCount: () => ({ totalTokens: 42, promptTokensDetails: [{ modality: 'TEXT', tokenCount: 42 }] }),
  embedContent: () => ({ embedding: { values: vector }, usageMetadata: { promptTokenCount: 6 } }),
  batchEmbed: (req) => ({ embeddings: req.json.requests.map(() => ({ values: vector })) }),
};

export class Upstream {
  // options: { tls: { key, cert }, check: false to judge no heads, strict: bodies as the vendor would }
  static async start(options = {}) {
    const up = new Upstream(options);
    up.server = options.tls
      ? tls.createServer(options.tls, (s) => up.accept(s))
      : net.createServer((s) => up.accept(s));
    up.server.on('tlsClientError', () => {});
    up.server.listen(0, '127.0.0.1');
    await once(up.server, 'listening');
    up.port = up.server.address().port;
    up.url = `${options.tls ? 'https' : 'http'}://${options.host ?? '127.0.0.1'}:${up.port}`;
    return up;
  }

  constructor(options) {
    this.options = options;
    this.requests = [];
    this.problems = []; // what an honest vendor would have complained about
    this.secrets = []; // client keys: never to be seen here
    this.scripts = new Map();
    this.sockets = new Set();
    this.accepted = 0;
    this.early = null; // a script for every request, called before its body is whole
  }

  // fn(req, res): what to do with requests for that model id, or with that mark in them.
  script(key, fn) {
    this.scripts.set(key, fn);
    return key;
  }

  forbid(...secrets) {
    this.secrets.push(...secrets);
  }

  seen(key) {
    return this.requests.filter((r) => r.model === key || r.mark === key);
  }

  accept(socket) {
    const conn = { socket, index: this.accepted++, requests: 0, queue: Buffer.alloc(0), parts: [], waiting: 0, wants: 0, busy: false };
    this.sockets.add(socket);
    socket.setNoDelay?.(true);
    socket.on('error', () => {});
    const gone = () => {
      if (conn.current && !conn.current.closedAt) conn.current.closedAt = Date.now();
    };
    socket.on('end', gone);
    socket.on('close', () => {
      gone();
      this.sockets.delete(socket);
    });
    socket.on('data', (d) => {
      // Pieces of a large body are put together once, when all are there.
      conn.parts.push(d);
      conn.waiting += d.length;
      if (conn.queue.length + conn.waiting < conn.wants) return;
      conn.queue = Buffer.concat([conn.queue, ...conn.parts.splice(0)]);
      conn.waiting = 0;
      this.serve(conn).catch((e) => this.problems.push(`upstream: ${e.stack}`));
    });
  }

  async serve(conn) {
    if (conn.busy) return;
    conn.busy = true;
    try {
      for (;;) {
        const req = this.cut(conn);
        if (!req) return;
        await this.dispatch(req);
        conn.current = null;
      }
    } finally {
      conn.busy = false;
    }
  }

  // The next request when its head (and, unless the script wants it early, its body) is here.
  cut(conn) {
    const at = conn.queue.indexOf('\r\n\r\n');
    if (at < 0) return null;
    const req = new Request(conn, conn.queue.toString('latin1', 0, at));
    const { length, used, body, whole } = this.readBody(req, conn.queue.subarray(at + 4));
    req.length = length;
    conn.wants = whole || length < 0 || this.early ? 0 : at + 4 + length;
    if (!whole && !this.early) return null;
    req.body = body;
    req.whole = whole;
    req.raw = conn.queue.subarray(0, at + 4 + used);
    conn.queue = conn.queue.subarray(at + 4 + used);
    conn.requests++;
    conn.current = req;
    return req;
  }

  readBody(req, bytes) {
    const te = req.all('transfer-encoding');
    const cl = req.all('content-length');
    if (te.length) return readChunked(bytes);
    const length = cl.length ? Number(cl[0]) : 0;
    const used = Math.min(length, bytes.length);
    return { length, used, body: Buffer.from(bytes.subarray(0, used)), whole: bytes.length >= length };
  }

  async dispatch(req) {
    this.requests.push(req);
    if (this.options.check !== false) this.judge(req);
    if (this.options.strict) req.complaints = complaintsOf(req);
    for (const what of req.complaints ?? []) this.problems.push(`${req.method} ${req.target} [${req.model}]: ${what}`);
    const res = new Reply(req);
    const script = this.scripts.get(req.model) ?? this.scripts.get(req.mark) ?? this.early ?? answerWell;
    await script(req, res);
  }

  // Everything that a real vendor would refuse, or that should never leave the gateway.
  judge(req) {
    const complain = (what) => this.problems.push(`${req.method} ${req.target} [${req.model}]: ${what}`);
    if (!/^(GET|POST|DELETE) \S+ HTTP\/1\.1$/.test(req.rawHead.split('\r\n')[0])) complain('bad request line');
    for (const [name] of req.headers) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) complain(`bad header name ${JSON.stringify(name)}`);
      const lower = name.toLowerCase();
      if (FORBIDDEN_HEADERS.test(lower) && !(lower === 'connection' && /^(keep-alive|close)$/i.test(req.header('connection'))))
        complain(`header that must not go upstream: ${name}`);
    }
    const hosts = req.all('host');
    if (hosts.length !== 1 || hosts[0] !== new URL(this.url).host) complain(`host: ${hosts.join(' | ')}`);
    if (req.method === 'POST') {
      if (req.all('content-length').length !== 1) complain('needs exactly one content-length');
      if (!/^application\/json/.test(req.header('content-type') ?? '')) complain(`content-type: ${req.header('content-type')}`);
    }
    const encoding = req.header('accept-encoding');
    if (encoding !== undefined && encoding !== 'identity') complain(`accept-encoding: ${encoding}`);
    const raw = req.raw.toString('latin1');
    for (const secret of this.secrets) if (raw.includes(secret)) complain(`a client's key reached the upstream: ${secret}`);
    if (/(^|&)key=/.test(req.query)) complain('?key= reached the upstream');
    this.judgeRoute(req, complain);
  }

  judgeRoute(req, complain) {
    const route = req.route;
    if (!route) return req.method === 'GET' ? undefined : complain('no such path at this vendor');
    const [, vendor, , required] = route;
    const places = {
      openai: ['authorization', `Bearer ${UPSTREAM_KEYS.openai}`],
      anthropic: ['x-api-key', UPSTREAM_KEYS.anthropic],
      gemini: ['x-goog-api-key', UPSTREAM_KEYS.gemini],
    };
    for (const [name, [header, value]] of Object.entries(places)) {
      const got = req.all(header);
      if (name === vendor && (got.length !== 1 || got[0] !== value)) complain(`${header} is ${JSON.stringify(got)}`);
      if (name !== vendor && got.length) complain(`stray credential header ${header}`);
    }
    if (vendor === 'anthropic' && !/^20\d\d-\d\d-\d\d$/.test(req.header('anthropic-version') ?? '')) complain('no anthropic-version');
    if (req.whole === false) return undefined;
    const json = req.json;
    if (!json) return complain(`body is not JSON: ${req.text.slice(0, 100)}`);
    for (const field of required) if (!(field in json)) complain(`required field ${field} is missing`);
    if (route[2] === chat && json.stream === true && json.stream_options?.include_usage !== true)
      complain('a stream without stream_options.include_usage would be billed blindly');
    if (route[2] === chat && json.stream !== true && 'stream_options' in json) complain('stream_options without stream');
    return undefined;
  }

  async stop() {
    this.server.close();
    for (const s of this.sockets) s.destroy();
    await sleep(0);
  }
}

function readChunked(bytes) {
  const parts = [];
  let at = 0;
  for (;;) {
    const eol = bytes.indexOf('\r\n', at);
    if (eol < 0) return { length: -1, used: at, body: Buffer.concat(parts), whole: false };
    const size = parseInt(bytes.toString('latin1', at, eol), 16);
    const next = eol + 2 + size + 2;
    if (bytes.length < next) return { length: -1, used: at, body: Buffer.concat(parts), whole: false };
    parts.push(bytes.subarray(eol + 2, eol + 2 + size));
    at = next;
    if (size === 0) return { length: -1, used: at, body: Buffer.concat(parts), whole: true };
  }
}
