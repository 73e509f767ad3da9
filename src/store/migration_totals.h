/* migration_totals.h - the ledger's part of migration 5: prices, tiers and totals of all time. */
#ifndef STORE_MIGRATION_TOTALS_H
#define STORE_MIGRATION_TOTALS_H

#include "store/migration_ledger.h"

#define LEDGER_SUMS_ADDED_UP                                                                   \
    " add_up(requests), add_up(input_tokens), add_up(cache_read_tokens),"                      \
    " add_up(cache_write_5m_tokens), add_up(cache_write_30m_tokens),"                          \
    " add_up(cache_write_1h_tokens), add_up(cache_write_12h_tokens), add_up(audio_in_tokens)," \
    " add_up(image_in_tokens), add_up(output_tokens), add_up(reasoning_tokens),"               \
    " add_up(audio_out_tokens), add_up(image_out_tokens), add_up(server_tool_uses),"           \
    " add_up(cost_nusd), add_up(unpriced), add_up(attempts), add_up(first_bytes),"             \
    " add_up(first_byte_ms), add_up(total_ms), add_up(request_bytes), add_up(response_bytes)"

/*
 * By which price and in which tier a row was charged is part of its shape: they have few
 * values.  Rows of before were charged by prices that were not kept.  `usage_total` is a
 * roll-up like the others, all of whose spans begin at 0: what was ever spent is then a
 * row a series, whatever was spent when.
 */
static const char *const prices_and_totals[] = {
    "DROP VIEW usage",
    "CREATE TABLE usage_shape_5 ("
    " id INTEGER PRIMARY KEY, series INTEGER NOT NULL, credential_id INTEGER NOT NULL,"
    " operation TEXT NOT NULL, dialect TEXT NOT NULL, upstream_dialect TEXT NOT NULL,"
    " usage_source TEXT NOT NULL, err TEXT NOT NULL, http_status INTEGER NOT NULL,"
    " upstream_status INTEGER NOT NULL, stream INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " priced INTEGER NOT NULL, price_id INTEGER NOT NULL, tier TEXT NOT NULL,"
    " asked_model TEXT NOT NULL,"
    " UNIQUE (series, credential_id, operation, dialect, upstream_dialect, usage_source, err,"
    " http_status, upstream_status, stream, attempts, priced, price_id, tier, asked_model)) STRICT",
    "INSERT INTO usage_shape_5 SELECT id, series, credential_id, operation, dialect,"
    " upstream_dialect, usage_source, err, http_status, upstream_status, stream, attempts, priced,"
    " 0, 'standard', asked_model FROM usage_shape",
    "DROP TABLE usage_shape",
    "ALTER TABLE usage_shape_5 RENAME TO usage_shape",
    "CREATE VIEW usage AS SELECT r.id, h.series, h.credential_id, h.operation, h.dialect,"
    " h.upstream_dialect, h.usage_source, nullif(h.err, '') AS err, h.http_status,"
    " h.upstream_status, h.stream, h.attempts, h.priced, h.price_id, h.tier, h.asked_model,"
    // clang-format off
    LEDGER_FIGURE(0, "started_at")
    LEDGER_FIGURE(1, "connect_ms")
    LEDGER_FIGURE(2, "first_byte_ms")
    LEDGER_FIGURE(3, "total_ms")
    LEDGER_FIGURE_0(4, "request_bytes")
    LEDGER_FIGURE_0(5, "response_bytes")
    LEDGER_FIGURE_0(6, "cost_nusd")
    LEDGER_FIGURE_0(7, "input_tokens")
    LEDGER_FIGURE_0(8, "cache_read_tokens")
    LEDGER_FIGURE_0(9, "cache_write_5m_tokens")
    LEDGER_FIGURE_0(10, "cache_write_30m_tokens")
    LEDGER_FIGURE_0(11, "cache_write_1h_tokens")
    LEDGER_FIGURE_0(12, "cache_write_12h_tokens")
    LEDGER_FIGURE_0(13, "audio_in_tokens")
    LEDGER_FIGURE_0(14, "image_in_tokens")
    LEDGER_FIGURE_0(15, "output_tokens")
    LEDGER_FIGURE_0(16, "reasoning_tokens")
    LEDGER_FIGURE_0(17, "audio_out_tokens")
    LEDGER_FIGURE_0(18, "image_out_tokens")
    LEDGER_FIGURE_0(19, "server_tool_uses")
    // clang-format on
    " r.client_request_id FROM usage_row r CROSS JOIN usage_shape h ON h.id = r.shape",
    LEDGER_ROLLUP_TABLE("usage_total"),
    "INSERT INTO usage_total SELECT 0, series," LEDGER_SUMS_ADDED_UP
    " FROM usage_day GROUP BY series",
};

#endif
