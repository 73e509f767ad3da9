/* row.h - the rows of the control plane, and the descriptors that all about them is made from. */
#ifndef POLICY_ROW_H
#define POLICY_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"

/*
 * One descriptor per kind of row drives the SQL, YAML import and export, JSON
 * and validation messages: adding a field is one line (design.md 5).  A row is a
 * plain struct in an arena; a field says where in it its value stands:
 *
 *   FIELD_INT    int64_t            FIELD_BOOL  bool
 *   FIELD_TEXT   struct slice       FIELD_TIME  int64_t, unix ms
 *   FIELD_MONEY  int64_t, nUSD      FIELD_JSON  struct slice, one validated JSON value
 *   FIELD_SECRET struct secret: sealed at rest (JSON text), never shown
 *   FIELD_REF    int64_t, the id of a row of kind `ref`; by name in YAML
 *   FIELD_BYTES  struct slice, any bytes; never in YAML or JSON
 *
 * A field that is neither required nor has an initial value may be null: absent
 * is ROW_NULL_INT, a slice with a NULL pointer, or for FIELD_BOOL not possible.
 */
#define ROW_NULL_INT INT64_MIN

enum field_type {
    FIELD_INT,
    FIELD_BOOL,
    FIELD_TEXT,
    FIELD_MONEY,
    FIELD_TIME,
    FIELD_JSON,
    FIELD_SECRET,
    FIELD_REF,
    FIELD_BYTES,
};

enum row_type {
    ROW_PROVIDER,
    ROW_CREDENTIAL,
    ROW_MODEL,
    ROW_PRICE,
    ROW_ALIAS,
    ROW_ALIAS_TARGET,
    ROW_USER,
    ROW_KEY,
    ROW_PERMISSION,
    ROW_RATE_LIMIT,
    ROW_QUOTA,
    ROW_FILE_PERMISSION,
    ROW_RULE,
    ROW_SETTING,
    ROW_TYPE_COUNT
};

enum field_flag {
    FIELD_REQUIRED = 1,
    FIELD_NAME = 2,       // 1-64 of [A-Za-z0-9._-], unique within its parent
    FIELD_PARENT = 4,     // FIELD_REF to the row this one is nested in, in YAML
    FIELD_WRITE_ONLY = 8, // accepted, never exported in clear
    FIELD_DERIVED = 16,   // kept by us, not accepted from outside (key digest and prefix)
    FIELD_LOGIN = 32,     // a FIELD_NAME that may also hold '@' and '+' and be a reserved word
    FIELD_LATER = 64,     // of a later version: has its column, and is refused when it is given
};

struct field {
    const char *name; // of the column
    const char *key;  // in YAML, JSON and forms: "provider" where the column is "provider_id"
    enum field_type type;
    unsigned flags; // of enum field_flag
    size_t offset;
    enum row_type ref;
    int64_t min, max;    // FIELD_INT and FIELD_MONEY; both 0: not checked
    const char *initial; // as text, for an absent field; NULL: null
    const char *help;    // one line for people
};

struct row_kind {
    const char *table; // "provider"
    const char *list;  // its key in YAML, at the top or inside its parent: "providers"
    size_t size;       // of the row struct
    const struct field *fields;
    size_t field_count;
};

/* Every row begins with this. */
struct row_head {
    int64_t id; // 0: not stored yet
    int64_t created_unix_ms, updated_unix_ms;
};

struct provider_row {
    struct row_head head;
    struct slice name, channel, label;
    bool enabled;
    struct slice settings; // JSON object: base_url, organization, ... by channel
    struct slice routing;  // JSON, overrides only
    struct slice strategy;
    struct slice proxy;    // URL, null: the process's
    struct slice timeouts; // JSON object: connect_ms, first_byte_ms, idle_ms, request_ms
};

struct credential_row {
    struct row_head head;
    int64_t provider_id;
    struct slice label;
    bool enabled;
    struct secret secret; // JSON object: api_key
    int64_t weight, rpm, tpm, max_concurrent;
    struct slice proxy;
};

struct model_row {
    struct row_head head;
    int64_t provider_id;
    struct slice model; // the upstream's id; "id" in YAML
    struct slice display_name;
    bool enabled;
    struct slice price; // JSON object: USD per million tokens by kind, as decimal strings
    int64_t context_window;
    struct slice capabilities;
};

/* What models cost that have no price of their own. */
struct price_row {
    struct row_head head;
    int64_t provider_id; // null: any
    struct slice models; // glob, of upstream ids
    struct slice price;  // as a model's
};

struct alias_row {
    struct row_head head;
    struct slice name;
    bool enabled;
    struct slice strategy;
    bool strict;
    struct slice price; // as a model's
};

struct alias_target_row {
    struct row_head head;
    int64_t alias_id, provider_id;
    struct slice model;
    int64_t weight, tier;
};

struct user_row {
    struct row_head head;
    struct slice name;          // may also hold '@' and '+'
    struct slice password_hash; // Argon2 PHC string; "password" in YAML, plain or PHC
    bool enabled, admin;
};

struct key_row {
    struct row_head head;
    int64_t user_id;
    struct slice label;
    struct slice digest; // 32 bytes, keyed (crypto/key.h)
    struct slice prefix; // shown: the first eight characters
    bool enabled;
    int64_t expires_unix_ms, last_used_unix_ms;
};

struct permission_row {
    struct row_head head;
    int64_t user_id, key_id; // one of the two
    int64_t provider_id;     // null: any
    struct slice models;     // glob
};

struct rate_limit_row {
    struct row_head head;
    int64_t user_id, key_id; // one of the two
    struct slice models;     // glob
    int64_t rpm, rpd, tpm, tpd, max_concurrent;
};

struct quota_row {
    struct row_head head;
    int64_t user_id, key_id; // one of the two; one row for each period
    int64_t usd_nusd;
    struct slice period; // "total", "day", "week", "month"
    int64_t adjustment_nusd, adjusted_unix_ms;
};

struct file_permission_row {
    struct row_head head;
    int64_t user_id, provider_id;
};

struct rule_row {
    struct row_head head;
    int64_t provider_id, alias_id; // at most one of the two: its scope; none: global
    struct slice label;
    bool enabled;
    struct slice phase;
    int64_t ordinal; // "order" in YAML
    struct slice filter;
    struct slice action;
    struct slice path, value, pattern, replacement, name, place, target, position;
    int64_t nth; // "index" in YAML
    struct slice ttl;
};

struct setting_row {
    struct row_head head;
    struct slice name;
    struct slice value; // JSON
};

/** The descriptor of a kind. */
const struct row_kind *row_kind(enum row_type type);

/** Whether the field may be absent: neither required nor given an initial value. */
bool field_is_nullable(const struct field *f);

/** Whether the field of `row` holds nothing. */
bool field_is_null(const struct field *f, const void *row);

/** By its key in YAML and JSON, or by its column; NULL when there is none. */
const struct field *row_field(const struct row_kind *k, struct slice key);

/** Zeroes the row, then gives each field its initial value, or null. */
void row_set_defaults(const struct row_kind *k, void *row);

/** A copy whose slices stand in `a`, and its secrets too, which are wiped when `a` goes. */
void *row_copy(struct arena *a, const struct row_kind *k, const void *row);

/**
 * What can be said about a row by itself: required fields, names, ranges, JSON,
 * globs, settings against the channel's schema, prices.  Names the field that is wrong
 * by its key.  References are the caller's to resolve.
 */
enum err row_validate(enum row_type type, const void *row, struct err_info *e);

/* All rows of the control plane at one moment: what a snapshot is built from. */
struct row_set {
    void *rows[ROW_TYPE_COUNT]; // arrays of the kind's struct, in order of id
    size_t counts[ROW_TYPE_COUNT];
};

struct row_head *row_set_at(const struct row_set *set, enum row_type type, size_t i);

/** The row of that id; NULL: there is none. */
void *row_set_find(const struct row_set *set, enum row_type type, int64_t id);

#define ROWS(set, type_enum, type) ((const type *)(set)->rows[type_enum])

#endif
