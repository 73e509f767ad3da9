// gproxy usage: totals by anything in any time zone, rows in pages, exports; all say the same.
import test, { before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { useRig, ask, newId } from './lib/rig.js';
import { gproxy } from './lib/gateway.js';
import { DIALECTS, chat } from './lib/dialects.js';

const KINDS = ['input_tokens', 'cache_read_tokens', 'output_tokens', 'reasoning_tokens', 'server_tool_uses'];
const GROUPS = ['user', 'key', 'provider', 'model', 'alias', 'status'];

// "0.0021195" in billionths, exactly.
const nusd = (usd) => {
  const [whole, part = ''] = usd.split('.');
  return BigInt(whole) * 1000000000n + BigInt(part.padEnd(9, '0'));
};

// RFC 4180.
function parseCsv(text) {
  const lines = [];
  let line = [''], quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '"' && text[i + 1] === '"') line[line.length - 1] += text[++i];
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ',') line.push('');
    else if (!quoted && c === '\r' && text[i + 1] === '\n') { lines.push(line); line = ['']; i++; }
    else line[line.length - 1] += c;
  }
  assert.deepEqual(line, [''], 'ends in CRLF');
  const [names, ...rest] = lines;
  return rest.map((cells) => { assert.equal(cells.length, names.length); return Object.fromEntries(cells.map((c, i) => [names[i], c])); });
}

describe('gproxy usage', () => {
  const rig = useRig();
  const usage = (...args) => gproxy(['usage', '--data-dir', rig.gw.dataDir, ...args]);
  const json = (...args) => {
    const r = usage('--json', ...args);
    assert.equal(r.code, 0, r.stderr);
    return r.stdout.split('\n').filter(Boolean).map((l) => JSON.parse(l));
  };
  let rows;

  before(async () => {
    for (const d of DIALECTS) for (const stream of [false, true]) await ask(rig, d, { stream });
    for (let i = 0; i < 12; i++) await ask(rig, chat, { model: i % 2 ? 'gpt-test' : 'openai2/gpt-other', id: newId('u') });
    await ask(rig, chat, { model: 'openai/gpt-test', scope: 'none', headers: { 'x-client-request-id': '=1+1,"x"' } });
    rows = json('--rows');
    assert.ok(rows.length >= 20);
  });

  const check = (totals, why) => {
    const sum = (all, name) => all.reduce((n, x) => n + x[name], 0);
    assert.equal(sum(totals, 'requests'), rows.length, why);
    for (const k of [...KINDS, 'attempts', 'total_ms', 'request_bytes', 'response_bytes']) assert.equal(sum(totals, k), sum(rows, k), `${k} ${why}`);
    const cost = (all) => all.reduce((n, x) => n + nusd(x.cost_usd), 0n);
    assert.equal(cost(totals), cost(rows), why);
  };

  test('totals by every name are the rows to the last unit', () => {
    for (const by of [...GROUPS, GROUPS.join(','), 'provider,model', '']) {
      const totals = json('--by', by);
      check(totals, by);
      const names = by.split(',').filter(Boolean).map((n) => (n === 'status' ? 'outcome' : n));
      for (const t of totals) {
        const mine = rows.filter((r) => names.every((n) => r[n] === t[n]));
        assert.equal(t.requests, mine.length, JSON.stringify(t));
        assert.equal(nusd(t.cost_usd), mine.reduce((n, r) => n + nusd(r.cost_usd), 0n));
      }
    }
  });

  test('steps of time in any zone are the rows to the last unit', () => {
    for (const tz of ['UTC', '+05:45', '-09:30', 'Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Casablanca']) {
      for (const step of ['minute', 'hour', 'day']) {
        for (const since of step === 'minute' ? ['1h'] : ['1h', '30d']) {
          const totals = json('--by', `${step},user`, '--tz', tz, '--since', since);
          check(totals, `${tz} ${step} ${since}`);
          assert.ok(totals.every((t) => t[step]), 'a label');
        }
      }
    }
  });

  test('days are those of the zone', () => {
    const label = (timeZone) => [...new Set(rows.map((r) => new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(new Date(r.started_at))))].sort();
    for (const tz of ['UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Asia/Kathmandu', 'America/New_York'])
      assert.deepEqual(json('--by', 'day', '--tz', tz).map((t) => t.day), label(tz), tz);
    const today = label('Asia/Kathmandu')[0];
    assert.equal(json('--by', 'day', '--tz', 'Asia/Kathmandu', '--since', today)[0].day, today);
    const hour = json('--by', 'hour', '--tz', 'Asia/Kathmandu')[0].hour;
    assert.match(hour, /^\d{4}-\d\d-\d\dT\d\d:00:00\+05:45$/);
    assert.ok(new Date(hour) <= new Date(rows[0].started_at));
  });

  test('--tz local is the zone of TZ', () => {
    const local = (TZ) => gproxy(['usage', '--data-dir', rig.gw.dataDir, '--by', 'hour', '--tz', 'local', '--json'], { env: { TZ } }).stdout;
    assert.match(local('Asia/Kathmandu'), /\+05:45"/);
    assert.match(local(':Asia/Kathmandu'), /\+05:45"/);
    assert.match(local('<-03>3'), /-03:00"/);
    assert.match(local(''), /Z"/);
  });

  test('only one status, alias, user', () => {
    for (const [flag, name] of [['--status', 'outcome'], ['--alias', 'alias'], ['--user', 'user'], ['--model', 'model'], ['--provider', 'provider']]) {
      const value = rows.find((r) => r[name])?.[name];
      if (!value) continue;
      const mine = rows.filter((r) => r[name] === value);
      assert.equal(json(flag, value, '--by', '')[0].requests, mine.length, flag);
      assert.equal(json('--rows', flag, value).length, mine.length, flag);
      assert.equal(json(flag, 'nobody-at-all', '--by', '').length, 0);
    }
  });

  test('pages meet every row once, forward and back', () => {
    let ids = [], page;
    let after = '00000000-0000-0000-0000-000000000000';
    while ((page = json('--rows', '--limit', '5', '--after', after)).length) {
      ids.push(...page.map((r) => r.id));
      after = page.at(-1).id;
    }
    assert.deepEqual(ids, rows.map((r) => r.id));
    ids = json('--rows', '--limit', '5').map((r) => r.id);
    while ((page = json('--rows', '--limit', '5', '--before', ids[0])).length) ids.unshift(...page.map((r) => r.id));
    assert.deepEqual(ids, rows.map((r) => r.id));
  });

  test('CSV says what JSON says', () => {
    for (const args of [['--rows'], ['--by', 'day,user,model', '--tz', 'Europe/Berlin'], ['--by', 'status']]) {
      const r = usage('--csv', ...args);
      assert.equal(r.code, 0, r.stderr);
      const want = json(...args).map((o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, v === null ? '' : String(v)])));
      for (const w of want) if (/^[=+@-]/.test(w.client_request_id ?? '')) w.client_request_id = `'${w.client_request_id}`;
      assert.deepEqual(parseCsv(r.stdout), want);
    }
    assert.match(usage('--csv', '--by', 'user', '--user', 'nobody-at-all').stdout, /^user,requests,.*\r\n$/, 'a heading alone');
  });

  test('rows name tier and price', () => {
    for (const r of rows) {
      assert.equal(typeof r.tier, 'string');
      assert.ok(r.price_id === null || /^-?\d+$/.test(r.price_id));
    }
  });

  test('a table has a heading, the steps and the sum', () => {
    const lines = usage('--by', 'hour,user', '--tz', '+05:45').stdout.trim().split('\n');
    assert.match(lines[0], /^HOUR +USER +REQUESTS .* COST USD$/);
    assert.match(lines[1], /\+05:45 /);
    assert.match(lines.find((l) => l.startsWith('total')), new RegExp(` ${rows.length} `));
  });

  test('what cannot be answered is said', () => {
    const cases = [
      [['--by', 'colour'], /--by is "colour"/],
      [['--by', 'hour,day'], /both hour and day/],
      [['--by', 'minute'], /minutes are kept for a day/],
      [['--by', 'minute', '--since', '2d'], /minutes are kept for a day/],
      [['--by', 'day', '--tz', 'Mars/Phobos'], /no time zone "Mars\/Phobos"/],
      [['--by', 'day', '--tz', '../../../etc/passwd'], /is no time zone/],
      [['--by', 'day', '--tz', '/etc/localtime'], /is no time zone/],
      [['--by', 'day', '--tz', '+05:40'], /is no time zone/],
      [['--by', 'day', '--tz', ''], /is no time zone/],
      [['--since', 'yesterday'], /--since is "yesterday"/],
      [['--since', '2026-02-30'], /--since is/],
      [['--rows', '--after', 'me'], /--after is "me"/],
      [['--after', rows[0].id], /--after is for --rows/],
      [['--rows', '--limit', '0'], /--limit is "0"/],
      [['--rows', '--by', 'user'], /--by is for totals/],
      [['--json', '--csv'], /not both/],
    ];
    for (const [args, why] of cases) {
      const r = usage(...args);
      assert.notEqual(r.code, 0, args.join(' '));
      assert.equal(r.stdout, '', args.join(' '));
      assert.match(r.stderr, why);
    }
  });
});
