// client.js - an HTTP/1.1 client on a bare socket: any bytes out, what came back told exactly.
import net from 'node:net';
import { once } from 'node:events';

const CRLF2 = Buffer.from('\r\n\r\n');

// One answer, filled as it arrives.  `complete` only when its framing said so.
export class Answer {
  constructor(method) {
    this.method = method;
    this.status = 0;
    this.headers = {}; // lower-case name -> value; repeated ones joined with ', '
    this.rawHead = '';
    this.interim = []; // statuses of 1xx before it
    this.body = Buffer.alloc(0);
    this.arrivals = []; // [milliseconds since the epoch, bytes] of each piece of body
    this.complete = false;
    this.framing = '';
    this.waiters = [];
  }

  get text() {
    return this.body.toString('utf8');
  }

  get json() {
    return JSON.parse(this.text);
  }

  get requestId() {
    return this.headers['x-gproxy-request-id'];
  }
}

function parseHead(text) {
  const [first, ...lines] = text.split('\r\n');
  const m = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first);
  if (!m) throw new Error(`bad status line: ${JSON.stringify(first)}`);
  const headers = {};
  for (const line of lines) {
    const at = line.indexOf(':');
    if (at <= 0) throw new Error(`bad header line: ${JSON.stringify(line)}`);
    const name = line.slice(0, at).toLowerCase();
    const value = line.slice(at + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return { status: Number(m[1]), headers };
}

export class Conn {
  static async open(gw, options = {}) {
    const socket = net.connect({ host: '127.0.0.1', port: gw.port, allowHalfOpen: true, ...options });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new Conn(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.received = 0;
    this.answers = []; // asked for, in order; the first is being filled
    this.ended = false; // FIN or error seen
    this.error = null;
    this.closed = new Promise((resolve) => {
      this.markClosed = resolve;
    });
    socket.on('data', (d) => {
      this.received += d.length;
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, d]) : d;
      this.advance();
    });
    const over = () => {
      if (this.ended) return;
      this.ended = true;
      this.advance();
      this.markClosed();
    };
    socket.on('end', over);
    socket.on('close', over);
    socket.on('error', (e) => {
      this.error = e;
      over();
    });
  }

  // Resolves when the kernel has taken the bytes, or the connection is gone.
  write(bytes) {
    return new Promise((resolve) => {
      if (this.socket.destroyed || this.socket.writableEnded) return resolve();
      this.socket.write(bytes, () => resolve());
    });
  }

  send({ method = 'POST', path, headers = {}, body, version = 'HTTP/1.1' }) {
    const data = body === undefined ? null : toBytes(body);
    const names = Object.keys(headers).map((n) => n.toLowerCase());
    const lines = [`${method} ${path} ${version}`];
    if (!names.includes('host')) lines.push('host: gateway.test');
    if (data && !names.includes('content-length') && !names.includes('transfer-encoding'))
      lines.push(`content-length: ${data.length}`);
    if (data && !names.includes('content-type')) lines.push('content-type: application/json');
    for (const [name, value] of Object.entries(headers))
      for (const v of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${v}`);
    const head = Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1');
    return this.write(data ? Buffer.concat([head, data]) : head);
  }

  // Asks for the next answer; `until` settles as soon as it holds (default: the whole answer).
  answer({ method = 'POST', timeout = 15000, until } = {}) {
    const answer = new Answer(method);
    this.answers.push(answer);
    return this.wait(answer, until, timeout);
  }

  wait(answer, until = (a) => a.complete, timeout = 15000) {
    if (answer.complete) return Promise.resolve(answer); // no longer among those that are being filled
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.socket.destroy();
        reject(new Error(`no answer within ${timeout} ms (status ${answer.status}, ${answer.body.length} bytes)`));
      }, timeout);
      const check = () => {
        if (!until(answer) && !answer.complete && !this.ended) return false;
        clearTimeout(timer);
        resolve(answer);
        return true;
      };
      answer.waiters.push(check);
      this.advance();
    });
  }

  advance() {
    try {
      while (this.answers.length && this.step(this.answers[0]));
    } catch (e) {
      this.error = e;
      this.ended = true;
      this.socket.destroy();
    }
    for (const a of this.answers) a.waiters = a.waiters.filter((check) => !check());
  }

  // True when the answer is whole and the next may be looked at.
  step(a) {
    if (!a.rawHead && !this.readHead(a)) return false;
    if (!this.readBody(a)) return false;
    a.complete = true;
    this.answers.shift();
    a.waiters = a.waiters.filter((check) => !check());
    return true;
  }

  readHead(a) {
    const at = this.buffer.indexOf(CRLF2);
    if (at < 0) return false;
    const text = this.buffer.subarray(0, at).toString('latin1');
    this.buffer = this.buffer.subarray(at + 4);
    const { status, headers } = parseHead(text);
    if (status >= 100 && status < 200) {
      a.interim.push(status);
      return this.readHead(a);
    }
    Object.assign(a, { status, headers, rawHead: text });
    if (a.method === 'HEAD' || status === 204 || status === 304) a.framing = 'none';
    else if (/chunked/i.test(headers['transfer-encoding'] ?? '')) a.framing = 'chunked';
    else if ('content-length' in headers) a.framing = 'length';
    else a.framing = 'close';
    return true;
  }

  take(a, n) {
    if (n === 0) return;
    a.arrivals.push([Date.now(), n]);
    a.body = Buffer.concat([a.body, this.buffer.subarray(0, n)]);
    this.buffer = this.buffer.subarray(n);
  }

  readBody(a) {
    if (a.framing === 'none') return true;
    if (a.framing === 'length') {
      const left = Number(a.headers['content-length']) - a.body.length;
      this.take(a, Math.min(left, this.buffer.length));
      return a.body.length === Number(a.headers['content-length']);
    }
    if (a.framing === 'close') {
      this.take(a, this.buffer.length);
      return this.ended && !this.error;
    }
    return this.readChunks(a);
  }

  readChunks(a) {
    for (;;) {
      if (a.chunkLeft) {
        const n = Math.min(a.chunkLeft, this.buffer.length);
        this.take(a, n);
        a.chunkLeft -= n;
        if (a.chunkLeft) return false;
        a.chunkEnd = true;
      }
      if (a.chunkEnd) {
        if (this.buffer.length < 2) return false;
        if (this.buffer.toString('latin1', 0, 2) !== '\r\n') throw new Error('chunk without CRLF');
        this.buffer = this.buffer.subarray(2);
        a.chunkEnd = false;
        if (a.lastChunk) return true;
      }
      const at = this.buffer.indexOf('\r\n');
      if (at < 0) return false;
      const line = this.buffer.toString('latin1', 0, at);
      if (!/^[0-9a-fA-F]+$/.test(line)) throw new Error(`bad chunk size ${JSON.stringify(line)}`);
      this.buffer = this.buffer.subarray(at + 2);
      a.chunkLeft = parseInt(line, 16);
      if (a.chunkLeft === 0) {
        a.lastChunk = true;
        a.chunkEnd = true;
      }
    }
  }

  // Whether the peer closes within the time; stray bytes make it fail.
  async closes(timeout = 3000) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve(false), timeout);
    });
    const done = await Promise.race([this.closed.then(() => true), late]);
    clearTimeout(timer);
    return done;
  }

  halfClose() {
    this.socket.end();
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  close() {
    this.socket.destroy();
  }
}

export function toBytes(body) {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');
}

// One request on a connection of its own.
export async function call(gw, request, options = {}) {
  const conn = await Conn.open(gw);
  try {
    await conn.send(request);
    return await conn.answer({ method: request.method ?? 'POST', ...options });
  } finally {
    conn.close();
  }
}

// Bare bytes; everything that came back, until the peer closes or falls silent.
export async function raw(gw, bytes, { timeout = 3000, quiet = 700 } = {}) {
  const conn = await Conn.open(gw);
  let last = Date.now();
  conn.socket.on('data', () => {
    last = Date.now();
  });
  await conn.write(bytes);
  last = Date.now();
  const start = last;
  while (!conn.ended && Date.now() - start < timeout && Date.now() - last < quiet) await sleep(10);
  const out = { bytes: conn.buffer, text: conn.buffer.toString('latin1'), closed: conn.ended, error: conn.error };
  conn.close();
  const m = /^HTTP\/1\.[01] (\d{3})/.exec(out.text);
  out.status = m ? Number(m[1]) : 0;
  out.count = (out.text.match(/HTTP\/1\.1 \d{3}/g) ?? []).length;
  return out;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Polls until `get` gives something true.
export async function eventually(get, { timeout = 5000, every = 25, what = 'condition' } = {}) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await get();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeout} ms`);
    await sleep(every);
  }
}
