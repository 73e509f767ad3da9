// file-vendor.js - an upstream that keeps files: OpenAI's and Anthropic's shapes at one port,
// each file known to the credential that uploaded it and to nobody else.
import http from 'node:http';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';

const message = { role: 'assistant', content: 'read' };

// To requests that speak of files.
const ANSWERS = {
  '/v1/chat/completions': { id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }], usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } },
  '/v1/responses': { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm', output: [], usage: { input_tokens: 3, output_tokens: 1, total_tokens: 4 } },
  '/v1/messages': { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'read' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 3, output_tokens: 1 } },
};

export class FileVendor {
  static async start() {
    const v = new FileVendor();
    v.server = http.createServer((req, res) => v.serve(req, res).catch((e) => v.problems.push(e.stack)));
    v.server.listen(0, '127.0.0.1');
    await once(v.server, 'listening');
    v.url = `http://127.0.0.1:${v.server.address().port}`;
    return v;
  }

  constructor() {
    this.files = new Map(); // id -> { key, bytes, type, object }
    this.requests = [];
    this.problems = [];
    this.next = null; // fn(req, res, body): answers the next request in the vendor's place
    this.nextId = null;
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  last(method) {
    return this.requests.findLast((r) => r.method === method);
  }

  async serve(req, res) {
    const chunks = [];
    const seen = { method: req.method, url: req.url, headers: req.headers, at: Date.now() };
    this.requests.push(seen);
    res.on('close', () => (seen.closed = !res.writableEnded));
    for await (const c of req) chunks.push(c);
    seen.body = Buffer.concat(chunks);
    const anthropic = Boolean(req.headers['anthropic-version']);
    seen.key = anthropic ? req.headers['x-api-key'] : req.headers.authorization?.replace(/^Bearer /, '');
    const { next } = this;
    this.next = null;
    if (next) return next(seen, res);
    return this.answer(seen, res, anthropic);
  }

  json(res, status, value) {
    res.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_vendor' });
    res.end(JSON.stringify(value));
  }

  refuse(res, anthropic, status, message) {
    const openai = { error: { message, type: 'invalid_request_error', param: null, code: null } };
    const other = { type: 'error', error: { type: 'not_found_error', message } };
    this.json(res, status, anthropic ? other : openai);
  }

  answer(req, res, anthropic) {
    const [path] = req.url.split('?');
    if (ANSWERS[path]) return this.json(res, 200, ANSWERS[path]);
    const m = /^\/v1\/files(?:\/([^/]+)(\/content)?)?$/.exec(path);
    if (!m) return this.refuse(res, anthropic, 404, 'no such path');
    if (anthropic && !/files-api-2025-04-14/.test(req.headers['anthropic-beta'] ?? '')) this.problems.push('no beta header');
    if (!m[1] && req.method === 'POST') return this.upload(req, res, anthropic);
    const file = this.files.get(m[1]);
    if (!file || file.key !== req.key) return this.refuse(res, anthropic, 404, `No such File object: ${m[1]}`);
    if (req.method === 'DELETE') {
      this.files.delete(m[1]);
      return this.json(res, 200, anthropic ? { id: m[1], type: 'file_deleted' } : { id: m[1], object: 'file', deleted: true });
    }
    if (m[2] && req.method === 'GET') {
      res.writeHead(200, { 'content-type': file.type, 'content-disposition': `attachment; filename="${file.name}"`, 'content-length': file.bytes.length });
      return res.end(file.bytes);
    }
    this.problems.push(`${req.method} ${req.url}: the gateway should have known`);
    return this.refuse(res, anthropic, 405, 'not here');
  }

  async upload(req, res, anthropic) {
    let form;
    try {
      form = await new Response(req.body, { headers: { 'content-type': req.headers['content-type'] ?? '' } }).formData();
    } catch (e) {
      return this.refuse(res, anthropic, 400, `Could not parse multipart form: ${e.message}`);
    }
    const file = form.get('file');
    if (!file?.arrayBuffer) return this.refuse(res, anthropic, 400, 'file: missing');
    const bytes = Buffer.from(await file.arrayBuffer());
    const id = this.nextId ?? (anthropic ? 'file_' : 'file-') + randomBytes(8).toString('hex');
    this.nextId = null;
    const object = anthropic
      ? { id, type: 'file', filename: file.name, mime_type: file.type, size_bytes: bytes.length, created_at: '2026-11-01T00:00:00Z', downloadable: true }
      : { id, object: 'file', bytes: bytes.length, created_at: 1790000000, filename: file.name, purpose: form.get('purpose'), status: 'processed' };
    this.files.set(id, { key: req.key, bytes, name: file.name, type: file.type || 'application/octet-stream', object });
    return this.json(res, 200, object);
  }
}
