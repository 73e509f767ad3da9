/* limits.c - the settings that the data plane reads. */
#include "policy/limits.h"

#include <stddef.h>

#include "base/array.h"
#include "base/clock.h"
#include "policy/field.h"

#define KIB       ((int64_t)1024)
#define MIB       (1024 * KIB)
#define GIB       (1024 * MIB)
#define NAME_ROOM 128

#define SETTING(key, type, member, least, most, initial, help)                                   \
    {                                                                                            \
        key, key, FIELD_##type, 0, offsetof(struct limits, member), ROW_TYPE_COUNT, least, most, \
            initial, help                                                                        \
    }

static const struct field settings[] = {
    SETTING("max_body_bytes", INT, max_body_bytes, KIB, 4 * GIB, "67108864", "of one request"),
    SETTING("max_inflight_body_bytes", INT, max_inflight_body_bytes, MIB, 1024 * GIB, "1073741824",
            "of all request bodies held at one time"),
    SETTING("max_answer_buffer_bytes", INT, max_answer_buffer_bytes, KIB, GIB, "65536",
            "an answer over it is passed on as it comes"),
    SETTING("response_ttl_ms", INT, response_ttl_ms, 0, 30 * DAY_MS, "0",
            "keep what Responses exchanged for previous_response_id; 0: not at all"),
    SETTING("max_translated_answer_bytes", INT, max_translated_answer_bytes, KIB, GIB, "33554432",
            "of an answer that is translated: gathered whole, or repeated at a stream's end"),
    SETTING("max_attempts", INT, max_attempts, 1, 100, "6", "upstream, for one request"),
    SETTING("shutdown_timeout_ms", INT, shutdown_timeout_ms, 0, DAY_MS, "30000",
            "for requests to finish when the process is told to stop"),
    SETTING("reserve_max_output", INT, reserve_max_output, 1, 100000000, "32768",
            "tokens of output that a quota sets aside where the request names no bound"),
    SETTING("drain_on_abort.ms", INT, drain_on_abort.ms, 0, 600000, "0",
            "that an answer is still listened to when its client has gone; 0: not at all"),
    SETTING("drain_on_abort.max_bytes", INT, drain_on_abort.max_bytes, KIB, GIB, "1048576",
            "that are still read of it"),
    SETTING("request_log.max_body_bytes", INT, log.max_body_bytes, 0, 64 * MIB, "65536",
            "of each body that is logged; the rest is cut off"),
    SETTING("retention.days", INT, log.days, 1, 36500, "30", "that requests are kept in the log"),
    SETTING("retention.max_bytes", INT, log.max_bytes, MIB, 1024 * GIB, "2147483648",
            "of the request log; the oldest go first"),
    SETTING("retention.usage_days", INT, usage_days, 0, 36500, "0",
            "that usage rows are kept, 0: for ever; totals stay"),
    SETTING("retention.audit_days", INT, audit_days, 0, 36500, "0",
            "that the audit log is kept, 0: for ever"),
    SETTING("network.allow_private", BOOL, allow_private, 0, 0, "true",
            "upstreams on loopback and private addresses"),
    SETTING("cors_origins", TEXT, cors_origins, 0, 0, "*",
            "of browsers that may use the data routes: * or a list with commas"),
    SETTING("timeouts.connect_ms", INT, timeouts.connect_ms, 1, DAY_MS, "10000",
            "to reach an upstream"),
    SETTING("timeouts.first_byte_ms", INT, timeouts.first_byte_ms, 1, DAY_MS, "300000",
            "until an upstream begins to answer"),
    SETTING("timeouts.idle_ms", INT, timeouts.idle_ms, 1, DAY_MS, "120000",
            "between two pieces of an answer"),
    SETTING("timeouts.request_ms", INT, timeouts.request_ms, 1, DAY_MS, "600000",
            "for a whole answer that is no stream"),
};

/* A setting that is one of a few words. */
struct choice {
    const char *key;
    size_t offset;        // of the enumeration in struct limits
    const char *words[4]; // in the order of the enumeration
};

#define CHOICE(key, member, ...)              \
    {                                         \
        key, offsetof(struct limits, member), \
        {                                     \
            __VA_ARGS__                       \
        }                                     \
    }

static const struct choice choices[] = {
    CHOICE("unpriced", unpriced, "deny_under_quota", "allow", "deny"),
    CHOICE("on_unknown", on_unknown, "release", "charge_estimate"),
    CHOICE("ledger_full", ledger_full, "deny", "serve_unaccounted"),
    CHOICE("unknown_files", unknown_files, "refuse", "pass"),
    CHOICE("request_log.downstream", log.downstream, "off", "metadata", "bodies"),
    CHOICE("request_log.upstream", log.upstream, "off", "metadata", "bodies"),
};

#define TIMEOUT(member, help)                                                                 \
    {                                                                                         \
#member, #member, FIELD_INT, 0, offsetof(struct timeouts, member), ROW_TYPE_COUNT, 1, \
            DAY_MS, "1", help                                                                 \
    }

/* As above, of one provider.  Not null: what is absent stays as it is. */
static const struct field timeout_fields[] = {
    TIMEOUT(connect_ms, "to reach it"),
    TIMEOUT(first_byte_ms, "until it begins to answer"),
    TIMEOUT(idle_ms, "between two pieces of an answer"),
    TIMEOUT(request_ms, "for a whole answer that is no stream"),
};

void limits_set_defaults(struct limits *l)
{
    memset(l, 0, sizeof(*l));
    fields_set_defaults(settings, ARRAY_LEN(settings), l);
}

static enum err set_leaf(struct limits *l, const struct field *f, const struct json *value,
                         struct arena *a, struct err_info *e)
{
    if (field_read_json(f, l, value, "", a, e) || field_check(f, l, "", e))
        return e->code;
    return ERR_NONE;
}

/* Whether some setting's name begins with "group.". */
static bool is_group(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const char *key = settings[i].key;
        if (slice_starts(slice_str(key), name) && key[name.len] == '.')
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        const char *key = choices[i].key;
        if (slice_starts(slice_str(key), name) && key[name.len] == '.')
            return true;
    }
    return false;
}

static const struct choice *find_choice(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (slice_eq(name, slice_str(choices[i].key)))
            return &choices[i];
    }
    return NULL;
}

static enum err set_choice(struct limits *l, const struct choice *c, const struct json *value,
                           struct arena *a, struct err_info *e)
{
    struct slice word = json_is(value, JSON_STRING) ? json_str(a, value) : (struct slice){0};
    char list[ERR_TEXT_BYTES / 2] = "";
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(c->words) && c->words[i]; i++) {
        if (word.ptr && slice_eq(word, slice_str(c->words[i]))) {
            *(int *)(void *)((char *)l + c->offset) = (int)i;
            return ERR_NONE;
        }
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "", c->words[i]);
    }
    return err_set(e, ERR_BAD_REQUEST, "%s: must be one of %s", c->key, list);
}

static const struct field *find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (slice_eq(name, slice_str(settings[i].key)))
            return &settings[i];
    }
    return NULL;
}

static enum err set_group(struct limits *l, struct slice group, const struct json *object,
                          struct arena *a, struct err_info *e)
{
    json_for_each(member, object) {
        char name[NAME_ROOM];
        int len = snprintf(name, sizeof(name), "%.*s.%.*s", SLICE_ARG(group),
                           SLICE_ARG(slice_sub(member->key, 0, NAME_ROOM / 2)));
        const struct field *f = find(slice_of(name, (size_t)len));
        const struct choice *c = find_choice(slice_of(name, (size_t)len));
        if (c && set_choice(l, c, member, a, e))
            return e->code;
        if (c)
            continue;
        if (!f)
            return err_set(e, ERR_BAD_REQUEST, "%s: there is no such setting", name);
        if (set_leaf(l, f, member, a, e))
            return e->code;
    }
    return ERR_NONE;
}

static enum err set(struct limits *l, struct slice name, const struct json *value, struct arena *a,
                    struct err_info *e)
{
    const struct field *f = find(name);
    const struct choice *c = find_choice(name);

    if (f)
        return set_leaf(l, f, value, a, e);
    if (c)
        return set_choice(l, c, value, a, e);
    if (!is_group(name))
        return err_set(e, ERR_BAD_REQUEST, "%.*s: there is no such setting",
                       SLICE_ARG(slice_sub(name, 0, NAME_ROOM / 2)));
    if (!json_is(value, JSON_OBJECT))
        return err_set(e, ERR_BAD_REQUEST, "%.*s: must be an object", SLICE_ARG(name));
    return set_group(l, name, value, a, e);
}

enum err limits_set(struct limits *l, struct slice name, struct slice json, struct arena *a,
                    struct err_info *e)
{
    struct limits changed = *l;
    struct err_info why = {0};
    struct arena scratch;
    struct json *value;
    enum err err;

    arena_init(&scratch, 0);
    if (json_parse(&scratch, json, &value, &why))
        err = err_set(e, ERR_BAD_REQUEST, "%.*s: %s", SLICE_ARG(slice_sub(name, 0, NAME_ROOM / 2)),
                      err_info_text(&why));
    else
        err = set(&changed, name, value, a, e);
    arena_release(&scratch);
    if (err == ERR_NONE)
        *l = changed;
    return err;
}

enum err timeouts_read(struct timeouts *t, struct slice json, struct arena *a, struct err_info *e)
{
    struct timeouts changed = *t;
    enum err err = fields_read_text(timeout_fields, ARRAY_LEN(timeout_fields), &changed, json,
                                    "timeouts", "timeouts.", a, e);

    if (err == ERR_NONE)
        *t = changed;
    return err;
}
