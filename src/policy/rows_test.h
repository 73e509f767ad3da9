/* rows_test.h - rows for tests, written as JSON. */
#ifndef POLICY_ROWS_TEST_H
#define POLICY_ROWS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/field.h"
#include "policy/row.h"
#include "policy/snapshot.h"

/*
 * {'provider': [{'name': 'a', 'channel': 'echo'}], 'key': [...]}: single quotes stand for
 * double ones, ids count from 1 within a kind, references are ids, a digest is text that is
 * filled up with zeros.  Nothing is checked, so that rows may be bad.
 */
static inline void rows_read_field(struct arena *a, const struct field *f, void *row,
                                   const struct json *value)
{
    struct err_info e = {0};
    struct slice text;
    char *bytes;

    if (f->type != FIELD_BYTES) {
        if (field_read_json(f, row, value, "", a, &e))
            fail_msg("%s", e.text);
        return;
    }
    text = json_str(a, value);
    bytes = arena_alloc(a, KEY_DIGEST_BYTES, 1);
    memcpy(bytes, text.ptr, text.len);
    *(struct slice *)(void *)((char *)row + f->offset) = slice_of(bytes, KEY_DIGEST_BYTES);
}

static inline void rows_read_list(struct arena *a, enum row_type type, const struct json *list,
                                  struct row_set *set)
{
    const struct row_kind *k = row_kind(type);
    char *rows = arena_alloc(a, k->size * (list->count + 1), _Alignof(max_align_t));
    size_t i = 0;

    json_for_each(object, list) {
        void *row = rows + k->size * i++;
        row_set_defaults(k, row);
        ((struct row_head *)row)->id = (int64_t)i;
        ((struct row_head *)row)->created_unix_ms = 1000 * (int64_t)i;
        json_for_each(member, object) {
            const struct field *f = row_field(k, member->key);
            if (!f)
                fail_msg("%s has no %.*s", k->table, SLICE_ARG(member->key));
            rows_read_field(a, f, row, member);
        }
    }
    set->rows[type] = rows;
    set->counts[type] = i;
}

static inline struct row_set rows_from_json(struct arena *a, const char *text)
{
    size_t len = strlen(text);
    char *copy = arena_alloc(a, len + 1, 1);
    struct err_info e = {0};
    struct row_set set = {0};
    struct json *top;

    for (size_t i = 0; i < len; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    if (json_parse(a, slice_of(copy, len), &top, &e))
        fail_msg("%s", e.text);
    for (int type = 0; type < ROW_TYPE_COUNT; type++) {
        const struct json *list = json_member(top, slice_str(row_kind((enum row_type)type)->table));
        if (list)
            rows_read_list(a, (enum row_type)type, list, &set);
    }
    return set;
}

#endif
