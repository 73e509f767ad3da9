// metered.js - users with limits and quotas before one upstream, for tests of access and money.
import { UPSTREAM_KEYS } from './upstream.js';

// A dollar for a thousand tokens of output and nothing for input: what a request costs is plain.
export const PRICE = { input: '0', output: '1000' };

let serial = 0;

/*
 * A user of its own for each test, so that tests do not meet in one account.
 * `rows`: rate_limits, quota, permissions, key: { rate_limits, quota, permissions }.
 */
export function newUser(rows = {}) {
  const n = ++serial;
  const { key: keyRows = {}, ...userRows } = rows;
  const key = `sk-metered-${String(n).padStart(12, '0')}`;
  return {
    key,
    name: `metered-${n}`,
    row: { name: `metered-${n}`, permissions: [{ models: '*' }], ...userRows, keys: [{ label: 'k', key, ...keyRows }] },
  };
}

export function meteredConfig(up, users, extra = {}) {
  const provider = (name, channel, kind, models, more = {}) => ({
    name,
    channel,
    settings: { base_url: up.url },
    credentials: [{ label: 'main', secret: { api_key: UPSTREAM_KEYS[kind] } }],
    models,
    ...more,
  });
  return {
    config: { mode: 'managed' },
    providers: [
      provider('openai', 'openai', 'openai', [{ id: 'gpt-test', price: PRICE }, { id: 'gpt-other', price: PRICE }, { id: 'unpriced-test' }]),
      provider('anthropic', 'anthropic', 'anthropic', [{ id: 'claude-test', price: PRICE }]),
      provider('aistudio', 'aistudio', 'gemini', [{ id: 'gemini-test', price: PRICE }]),
    ],
    aliases: [
      { name: 'fast', targets: [{ provider: 'openai', model: 'gpt-test' }] },
      { name: 'both', targets: [{ provider: 'openai', model: 'gpt-test', tier: 0 }, { provider: 'anthropic', model: 'claude-test', tier: 1 }] },
    ],
    users: users.map((u) => u.row),
    ...extra,
  };
}

// What the ledger says that a user has spent, in billionths of a dollar.
export function spentBy(gw, user) {
  return gw
    .usageRows()
    .filter((r) => r.user === user.name)
    .reduce((sum, r) => sum + Math.round(Number(r.cost_usd) * 1e9), 0);
}
