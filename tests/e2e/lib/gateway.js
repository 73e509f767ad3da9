// gateway.js - the real binary in a data directory of its own.
//
// GPROXY_BIN names the binary (default build/gproxy), so that the same tests run on
// sanitizer builds: any report of theirs on standard error fails the test.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { call, eventually, sleep } from './client.js';

const here = import.meta.dirname;
export const BIN = path.resolve(process.env.GPROXY_BIN ?? path.join(here, '../../../build/gproxy'));

// Sanitizers slow everything down: limits that a test sets are stretched by this.
export const SLOW = Number(process.env.GPROXY_E2E_SLOW ?? 1);

const REPORT = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:/;

function environment(extra = {}) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => !/^(GPROXY_|NODE_OPTIONS|HTTPS?_PROXY|ALL_PROXY)/i.test(k)));
  return { UBSAN_OPTIONS: 'print_stacktrace=1', ...env, ...extra };
}

// A port that the kernel has just chosen and given back.
export async function freePort() {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// The binary once, to its end: { code, stdout, stderr }.
export function gproxy(args, { env, cwd, input } = {}) {
  const r = spawnSync(BIN, args, { env: environment(env), cwd: cwd ?? os.tmpdir(), input, encoding: 'utf8', timeout: 30000 * SLOW, maxBuffer: 1 << 30 });
  if (r.error) throw r.error;
  if (REPORT.test(r.stderr)) throw new Error(`sanitizer report of ${args.join(' ')}:\n${r.stderr}`);
  return { code: r.status, signal: r.signal, stdout: r.stdout, stderr: r.stderr };
}

export function tempDir() {
  return mkdtempSync(path.join(os.tmpdir(), 'gproxy-e2e-'));
}

const run = promisify(execFile);
const USAGE_ROWS = (gw) => ['usage', '--rows', '--json', '--data-dir', gw.dataDir];
const rowsOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

export class Gateway {
  /*
   * options: config (object, written as JSON, which is YAML; or YAML text; null: none),
   * args, env, as ({ uid, gid }: whom it runs as), dir (default: a new one, removed at the end),
   * t (test context: stops at its end).
   */
  static async start(options = {}) {
    const gw = new Gateway(options);
    try {
      await gw.up();
    } catch (e) {
      await gw.kill9();
      gw.remove();
      throw e;
    }
    if (options.t) options.t.after(() => gw.end());
    return gw;
  }

  constructor(options) {
    this.options = options;
    this.ownsDir = !options.dir;
    this.dir = options.dir ?? tempDir();
    this.dataDir = path.join(this.dir, 'data');
    this.configFile = path.join(this.dir, 'gproxy.yaml');
    this.port = 0;
    this.stdout = '';
    this.stderr = '';
    this.exited = null; // { code, signal }
    if (options.config) this.writeConfig(options.config);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.child.pid;
  }

  get output() {
    return this.stdout + this.stderr;
  }

  writeConfig(config) {
    writeFileSync(this.configFile, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  }

  // Starts the process and waits until it is ready; a stolen port is tried again elsewhere.
  async up() {
    for (let tries = 0; ; tries++) {
      if (!this.port || tries) this.port = this.options.port ?? (await freePort());
      this.launch();
      if (await this.ready()) return;
      if (tries >= 3 || !/in use/i.test(this.output)) throw new Error(`the gateway did not start: ${JSON.stringify(this.exited)}\n${this.output}`);
    }
  }

  launch() {
    const args = ['serve', '--host', '127.0.0.1', '--port', String(this.port), '--data-dir', this.dataDir];
    if (this.options.config) args.push('--config', this.configFile);
    args.push(...(this.options.args ?? []));
    this.exited = null;
    const child = spawn(BIN, args, { env: environment(this.options.env), cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'], ...this.options.as });
    this.child = child;
    child.stdout.setEncoding('utf8').on('data', (s) => (this.stdout += s));
    child.stderr.setEncoding('utf8').on('data', (s) => (this.stderr += s));
    this.gone = new Promise((resolve) => {
      child.on('error', (e) => {
        this.stderr += String(e);
        this.exited ??= { code: -1, signal: null };
        resolve();
      });
      child.on('close', (code, signal) => {
        if (this.child === child) this.exited ??= { code, signal };
        resolve();
      });
    });
  }

  async ready(timeout = 15000 * SLOW) {
    const end = Date.now() + timeout;
    while (Date.now() < end && !this.exited) {
      try {
        const a = await call(this, { method: 'GET', path: '/readyz' }, { timeout: 2000 });
        if (a.status === 200) return true;
      } catch {
        // not listening yet
      }
      await sleep(10);
    }
    return false;
  }

  signal(name) {
    this.child.kill(name);
  }

  // SIGTERM and the exit code; a sanitizer's report is an error.
  async stop({ timeout = 40000 } = {}) {
    if (!this.exited) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeout);
    await this.gone;
    clearTimeout(timer);
    this.checkSanitizers();
    return this.exited;
  }

  checkSanitizers() {
    if (REPORT.test(this.stderr)) throw new Error(`sanitizer report:\n${this.stderr}`);
  }

  async kill9() {
    if (!this.child) return;
    this.child.kill('SIGKILL');
    await this.gone;
  }

  async restart() {
    if (!this.exited) await this.stop();
    await this.up();
  }

  // Stops for good: exit code 0 and nothing from the sanitizers.
  async end() {
    const was = this.exited;
    try {
      const { code, signal } = await this.stop();
      if (!was && (code !== 0 || signal)) throw new Error(`exit ${code} ${signal} on SIGTERM\n${this.output.slice(-4000)}`);
    } finally {
      this.remove();
    }
  }

  remove() {
    if (this.ownsDir) rmSync(this.dir, { recursive: true, force: true });
  }

  usageRows() {
    const r = gproxy(USAGE_ROWS(this));
    if (r.code !== 0) throw new Error(`gproxy usage: exit ${r.code}\n${r.stderr}`);
    return rowsOf(r.stdout);
  }

  // The same while upstreams and clients of this process go on; all who ask meanwhile share one look.
  async lookAtRows() {
    this.look ??= run(BIN, USAGE_ROWS(this), { env: environment(), cwd: os.tmpdir(), timeout: 30000 * SLOW, maxBuffer: 1 << 30 }).finally(() => {
      this.look = null;
    });
    return rowsOf((await this.look).stdout);
  }

  // The rows of one client request, once `count` of them are in the database.
  rows(clientRequestId, count = 1, timeout = 8000 * SLOW) {
    return eventually(
      async () => {
        const rows = (await this.lookAtRows()).filter((r) => r.client_request_id === clientRequestId);
        return rows.length >= count ? rows : null;
      },
      { timeout, every: 100, what: `${count} usage row(s) of ${clientRequestId}` },
    );
  }

  // The only row of one client request.
  async row(clientRequestId) {
    const rows = await this.rows(clientRequestId);
    if (rows.length !== 1) throw new Error(`${rows.length} rows of ${clientRequestId}`);
    return rows[0];
  }

  rssKiB() {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }
}
