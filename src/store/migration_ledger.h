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

/*
 * A series is one combination of who, what, where and how it ended; rows and
 * roll-ups name it by number, which keeps both small.  Its names are those of
 * the time: a rename begins a new series, and the ids say that it is the same
 * user.  The id of a row is the exchange's (UUIDv7 text), so the primary key is
 * also the order of time; no other index has proved to be needed.
 * Enumerations are stored as names, which outlive a renumbering.  In `usage`
 * the times are NULL where the moment never came, `err` where all went well.
 */
static const char *const migration_ledger[] = {
    "CREATE TABLE usage_series ("
    " id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, key_id INTEGER NOT NULL,"
    " provider_id INTEGER NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,"
    " provider TEXT NOT NULL, model TEXT NOT NULL, alias TEXT NOT NULL, outcome TEXT NOT NULL,"
    " UNIQUE (user_id, key_id, provider_id, user, key, provider, model, alias, outcome)) STRICT",
    "CREATE TABLE usage ("
    " id TEXT NOT NULL PRIMARY KEY, series INTEGER NOT NULL, started_at INTEGER NOT NULL,"
    " credential_id INTEGER NOT NULL, operation TEXT NOT NULL, dialect TEXT NOT NULL,"
    " upstream_dialect TEXT NOT NULL, usage_source TEXT NOT NULL, err TEXT,"
    " http_status INTEGER NOT NULL, upstream_status INTEGER NOT NULL, stream INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, connect_ms INTEGER, first_byte_ms INTEGER, total_ms INTEGER,"
    " request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL," LEDGER_KIND_COLUMNS
    " cost_nusd INTEGER NOT NULL, priced INTEGER NOT NULL, asked_model TEXT NOT NULL,"
    " client_request_id TEXT NOT NULL) STRICT, WITHOUT ROWID",
    LEDGER_ROLLUP_TABLE("usage_minute"),
    LEDGER_ROLLUP_TABLE("usage_quarter"),
    LEDGER_ROLLUP_TABLE("usage_day"),
};

#endif
