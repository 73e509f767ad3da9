/* migration_ledger.h - the tables of migration 2: usage rows and what is added up from them. */
#ifndef STORE_MIGRATION_LEDGER_H
#define STORE_MIGRATION_LEDGER_H

/* In the order of enum usage_kind; ledger_test.c holds them to usage_kind_name(). */
#define LEDGER_KIND_COLUMNS                                                             \
    " input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL,"               \
    " cache_write_5m_tokens INTEGER NOT NULL, cache_write_30m_tokens INTEGER NOT NULL," \
    " cache_write_1h_tokens INTEGER NOT NULL, cache_write_12h_tokens INTEGER NOT NULL," \
    " audio_in_tokens INTEGER NOT NULL, image_in_tokens INTEGER NOT NULL,"              \
    " output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,"               \
    " audio_out_tokens INTEGER NOT NULL, image_out_tokens INTEGER NOT NULL,"            \
    " server_tool_uses INTEGER NOT NULL,"

/*
 * One roll-up: sums over the rows of one series that started in the span of
 * time that begins at `at`.  `first_byte_ms` adds up only where there was a
 * first byte; `first_bytes` says how often that was.
 */
#define LEDGER_ROLLUP_TABLE(name)                                                                   \
    "CREATE TABLE " name " ("                                                                       \
    " at INTEGER NOT NULL, series INTEGER NOT NULL, requests INTEGER NOT NULL," LEDGER_KIND_COLUMNS \
    " cost_nusd INTEGER NOT NULL, unpriced INTEGER NOT NULL, attempts INTEGER NOT NULL,"            \
    " first_bytes INTEGER NOT NULL, first_byte_ms INTEGER NOT NULL,"                                \
    " total_ms INTEGER NOT NULL, request_bytes INTEGER NOT NULL,"                                   \
    " response_bytes INTEGER NOT NULL, PRIMARY KEY (at, series)) STRICT, WITHOUT ROWID"

#define LEDGER_FIGURE(n, name)   " json_extract(r.figures, '$[" #n "]') AS " name ","
#define LEDGER_FIGURE_0(n, name) " coalesce(json_extract(r.figures, '$[" #n "]'), 0) AS " name ","

/*
 * What many rows have in common is written once, and a row names it by number:
 * writing a row is most of what accounting costs, and each column of it counts.
 *
 * A series is one combination of who, what, where and how it ended, which is
 * what roll-ups tell apart.  Its names are those of the time: a rename begins a
 * new series, and the ids say that it is the same user.  A shape is a series and
 * what else has few values.  Enumerations are stored as names, which outlive a
 * renumbering; `err` is empty where all went well.
 *
 * `usage_row.id` is the exchange's (UUIDv7 text), so that the primary key is also the
 * order of time; no other index has proved to be needed.  `figures` is a JSON array in the
 * order of enum ledger_figure (ledger_inside.h); zeros at its end are left out, and
 * a time is null where the moment never came.  `usage` shows it all with names.
 */
static const char *const migration_ledger[] = {
    "CREATE TABLE usage_series ("
    " id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, key_id INTEGER NOT NULL,"
    " provider_id INTEGER NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,"
    " provider TEXT NOT NULL, model TEXT NOT NULL, alias TEXT NOT NULL, outcome TEXT NOT NULL,"
    " UNIQUE (user_id, key_id, provider_id, user, key, provider, model, alias, outcome)) STRICT",
    "CREATE TABLE usage_shape ("
    " id INTEGER PRIMARY KEY, series INTEGER NOT NULL, credential_id INTEGER NOT NULL,"
    " operation TEXT NOT NULL, dialect TEXT NOT NULL, upstream_dialect TEXT NOT NULL,"
    " usage_source TEXT NOT NULL, err TEXT NOT NULL, http_status INTEGER NOT NULL,"
    " upstream_status INTEGER NOT NULL, stream INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " priced INTEGER NOT NULL, asked_model TEXT NOT NULL,"
    " UNIQUE (series, credential_id, operation, dialect, upstream_dialect, usage_source, err,"
    " http_status, upstream_status, stream, attempts, priced, asked_model)) STRICT",
    "CREATE TABLE usage_row ("
    " id TEXT NOT NULL PRIMARY KEY, shape INTEGER NOT NULL, figures TEXT NOT NULL,"
    " client_request_id TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE VIEW usage AS SELECT r.id, h.series, h.credential_id, h.operation, h.dialect,"
    " h.upstream_dialect, h.usage_source, nullif(h.err, '') AS err, h.http_status,"
    " h.upstream_status, h.stream, h.attempts, h.priced, h.asked_model,"
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
    LEDGER_ROLLUP_TABLE("usage_minute"),
    LEDGER_ROLLUP_TABLE("usage_quarter"),
    LEDGER_ROLLUP_TABLE("usage_day"),
};

#endif
