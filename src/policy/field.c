/* field.c - reading, writing and checking what a descriptor describes. */
#include "policy/field.h"

#include <assert.h>

#include "base/clock.h"
#include "base/money.h"
#include "base/panic.h"
#include "crypto/keep.h"
#include "json/scan.h"
#include "json/text.h"
#include "json/write.h"

#define SHOWN_BYTES 64 // of a key that is not known

#define BOOL_TEXT "must be true or false"
#define INT_TEXT  "must be a whole number"
#define TEXT_TEXT "must be a string"
#define TIME_TEXT "must be a time like 2027-01-31T00:00:00Z"
#define USD_TEXT  "must be an amount like \"0.75\", with at most nine decimals"

static int64_t *as_int(const struct field *f, void *record)
{
    return (int64_t *)(void *)((char *)record + f->offset);
}

/* Of FIELD_SECRET too: a secret is a slice in a coat. */
static struct slice *as_slice(const struct field *f, void *record)
{
    return (struct slice *)(void *)((char *)record + f->offset);
}

static bool *as_bool(const struct field *f, void *record)
{
    return (bool *)((char *)record + f->offset);
}

static int64_t peek_int(const struct field *f, const void *record)
{
    return *(const int64_t *)(const void *)((const char *)record + f->offset);
}

static struct slice peek_slice(const struct field *f, const void *record)
{
    return *(const struct slice *)(const void *)((const char *)record + f->offset);
}

static bool peek_bool(const struct field *f, const void *record)
{
    return *(const bool *)((const char *)record + f->offset);
}

static enum err refuse(const struct field *f, const char *within, const char *why,
                       struct err_info *e)
{
    return err_set(e, ERR_BAD_REQUEST, "%s%s: %s", within, f->key, why);
}

static bool read_int(struct slice text, int64_t *out)
{
    bool negative = text.len && text.ptr[0] == '-';
    uint64_t value;

    if (!slice_to_u64(slice_after(text, negative), &value) || value > INT64_MAX)
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* A secret is wiped when the arena goes. */
static struct slice keep(const struct field *f, struct slice text, struct arena *a)
{
    if (f->type == FIELD_SECRET)
        return secret_reveal(secret_dup(a, secret_of(text)));
    return arena_dup(a, text);
}

static enum err read_json_text(const struct field *f, void *record, struct slice json,
                               const char *within, struct arena *a, struct err_info *e)
{
    struct err_info why = {0};

    if (json_scan(json, NULL, 0, NULL, &why))
        return refuse(f, within, err_info_text(&why), e);
    *as_slice(f, record) = keep(f, json, a);
    return ERR_NONE;
}

static enum err read_text(const struct field *f, void *record, struct slice text,
                          const char *within, struct arena *a, struct err_info *e)
{
    switch (f->type) {
    case FIELD_INT:
        return read_int(text, as_int(f, record)) ? ERR_NONE : refuse(f, within, INT_TEXT, e);
    case FIELD_BOOL:
        if (!slice_eq(text, SLICE("true")) && !slice_eq(text, SLICE("false")))
            return refuse(f, within, BOOL_TEXT, e);
        *as_bool(f, record) = text.len == sizeof("true") - 1;
        return ERR_NONE;
    case FIELD_MONEY:
        return money_parse_usd(text, as_int(f, record)) ? ERR_NONE : refuse(f, within, USD_TEXT, e);
    case FIELD_TIME:
        return clock_parse(text, as_int(f, record)) ? ERR_NONE : refuse(f, within, TIME_TEXT, e);
    case FIELD_TEXT: *as_slice(f, record) = arena_dup(a, text); return ERR_NONE;
    case FIELD_JSON:
    case FIELD_SECRET: return read_json_text(f, record, text, within, a, e);
    case FIELD_REF:
    case FIELD_BYTES: break;
    }
    return refuse(f, within, "cannot be given as text", e);
}

enum err field_read_text(const struct field *f, void *record, struct slice text, struct arena *a,
                         struct err_info *e)
{
    return read_text(f, record, text, "", a, e);
}

void field_write_text(const struct field *f, const void *record, struct buf *out)
{
    char money[MONEY_TEXT_BYTES], time[CLOCK_TEXT_BYTES];

    if (field_is_null(f, record))
        return;
    switch (f->type) {
    case FIELD_INT:
    case FIELD_REF: buf_append_i64(out, peek_int(f, record)); return;
    case FIELD_BOOL: buf_append_str(out, peek_bool(f, record) ? "true" : "false"); return;
    case FIELD_MONEY: buf_append(out, money_format_usd(peek_int(f, record), money)); return;
    case FIELD_TIME:
        clock_format_unix_ms(peek_int(f, record), time);
        buf_append_str(out, time);
        return;
    case FIELD_TEXT:
    case FIELD_JSON: buf_append(out, peek_slice(f, record)); return;
    case FIELD_SECRET:
    case FIELD_BYTES: break;
    }
    panic("the field %s has no text", f->key);
}

static void set_null(const struct field *f, void *record)
{
    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: *as_int(f, record) = ROW_NULL_INT; return;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES:
    case FIELD_SECRET: *as_slice(f, record) = (struct slice){0}; return;
    case FIELD_BOOL: *as_bool(f, record) = false; return;
    }
}

enum err field_read_json(const struct field *f, void *record, const struct json *value,
                         const char *within, struct arena *a, struct err_info *e)
{
    if (json_is(value, JSON_NULL)) {
        if (!field_is_nullable(f))
            return refuse(f, within, "must not be null", e);
        set_null(f, record);
        return ERR_NONE;
    }
    switch (f->type) {
    case FIELD_INT:
    case FIELD_REF:
        return json_to_int(value, as_int(f, record)) ? ERR_NONE : refuse(f, within, INT_TEXT, e);
    case FIELD_BOOL:
        return json_to_bool(value, as_bool(f, record)) ? ERR_NONE : refuse(f, within, BOOL_TEXT, e);
    case FIELD_MONEY: // a number's own digits: 0.1 is not what a double makes of it
        return read_text(f, record,
                         json_is(value, JSON_STRING) ? json_str(a, value) : value->source, within,
                         a, e);
    case FIELD_TIME:
    case FIELD_TEXT:
        if (!json_is(value, JSON_STRING))
            return refuse(f, within, f->type == FIELD_TIME ? TIME_TEXT : TEXT_TEXT, e);
        return read_text(f, record, json_str(a, value), within, a, e);
    case FIELD_JSON:
    case FIELD_SECRET: *as_slice(f, record) = keep(f, value->source, a); return ERR_NONE;
    case FIELD_BYTES: break;
    }
    return refuse(f, within, "cannot be given", e);
}

void field_write_json(const struct field *f, const void *record, struct buf *out)
{
    struct buf text = {0};

    if (field_is_null(f, record)) {
        buf_append_str(out, "null");
        return;
    }
    field_write_text(f, record, &text);
    if (f->type == FIELD_TEXT || f->type == FIELD_MONEY || f->type == FIELD_TIME)
        json_write_string(out, buf_peek(&text));
    else
        buf_append(out, buf_peek(&text));
    buf_release(&text);
}

static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    }
    return json_utf8_fault(text) == SIZE_MAX;
}

static enum err check_bounds(const struct field *f, int64_t value, const char *within,
                             struct err_info *e)
{
    char least[MONEY_TEXT_BYTES], most[MONEY_TEXT_BYTES];

    if ((f->min == 0 && f->max == 0) || (value >= f->min && value <= f->max))
        return ERR_NONE;
    if (f->type == FIELD_MONEY) {
        money_format_usd(f->min, least);
        money_format_usd(f->max, most);
    } else {
        snprintf(least, sizeof(least), "%lld", (long long)f->min);
        snprintf(most, sizeof(most), "%lld", (long long)f->max);
    }
    return err_set(e, ERR_BAD_REQUEST, "%s%s: must be from %s to %s", within, f->key, least, most);
}

enum err field_check(const struct field *f, const void *record, const char *within,
                     struct err_info *e)
{
    if (field_is_null(f, record))
        return field_is_nullable(f) ? ERR_NONE : refuse(f, within, "is required", e);
    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY: return check_bounds(f, peek_int(f, record), within, e);
    case FIELD_TEXT:
        if (peek_slice(f, record).len == 0 && (f->flags & FIELD_REQUIRED))
            return refuse(f, within, "must not be empty", e);
        return is_clean(peek_slice(f, record))
                   ? ERR_NONE
                   : refuse(f, within, "must be UTF-8 without control characters", e);
    case FIELD_BOOL:
    case FIELD_TIME:
    case FIELD_JSON:
    case FIELD_SECRET:
    case FIELD_REF:
    case FIELD_BYTES: return ERR_NONE;
    }
    return ERR_NONE;
}

/* Initial values are our own: what does not parse is a bug of ours. */
static void set_initial(const struct field *f, void *record)
{
    struct slice text = slice_str(f->initial);
    bool ok = true;

    switch (f->type) {
    case FIELD_INT: ok = read_int(text, as_int(f, record)); break;
    case FIELD_BOOL: *as_bool(f, record) = slice_eq(text, SLICE("true")); break;
    case FIELD_MONEY: ok = money_parse_usd(text, as_int(f, record)); break;
    case FIELD_TEXT:
    case FIELD_JSON: *as_slice(f, record) = text; break;
    case FIELD_TIME:
    case FIELD_SECRET:
    case FIELD_REF:
    case FIELD_BYTES: ok = false; break;
    }
    assert(ok);
    (void)ok;
}

void fields_set_defaults(const struct field *fields, size_t count, void *record)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].initial)
            set_initial(&fields[i], record);
        else
            set_null(&fields[i], record);
    }
}

static const struct field *find(const struct field *fields, size_t count, struct slice key)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(key, slice_str(fields[i].key)))
            return &fields[i];
    }
    return NULL;
}

enum err fields_read_object(const struct field *fields, size_t count, void *record,
                            const struct json *object, const char *within, struct arena *a,
                            struct err_info *e)
{
    uint64_t seen = 0;

    assert(count <= 64);
    json_for_each(member, object) {
        const struct field *f = find(fields, count, member->key);
        if (!f || (f->flags & FIELD_DERIVED))
            return err_set(e, ERR_BAD_REQUEST, "%s%.*s: there is no such key", within,
                           SLICE_ARG(slice_sub(member->key, 0, SHOWN_BYTES)));
        if (seen & (uint64_t)1 << (f - fields))
            return refuse(f, within, "is given twice", e);
        seen |= (uint64_t)1 << (f - fields);
        if (field_read_json(f, record, member, within, a, e))
            return e->code;
    }
    for (size_t i = 0; i < count; i++) {
        if (field_check(&fields[i], record, within, e))
            return e->code;
    }
    return ERR_NONE;
}

enum err fields_read_text(const struct field *fields, size_t count, void *record, struct slice json,
                          const char *what, const char *within, struct arena *a, struct err_info *e)
{
    struct err_info why = {0};
    struct arena scratch;
    struct json *object;
    enum err err;

    arena_init(&scratch, 0);
    if (json_parse(&scratch, json, &object, &why))
        err = err_set(e, ERR_BAD_REQUEST, "%s: %s", what, err_info_text(&why));
    else if (!json_is(object, JSON_OBJECT))
        err = err_set(e, ERR_BAD_REQUEST, "%s: must be an object", what);
    else
        err = fields_read_object(fields, count, record, object, within, a, e);
    arena_release(&scratch);
    return err;
}
