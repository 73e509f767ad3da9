/*
 * listener_fuzz.c - any bytes as payloads of an answer.  The first byte chooses dialect, operation
 * and framing; each line of the rest is a payload, behind its event's name and a bar if it has one.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/listener.h"
#include "chat/peek.h"
#include "json/extent.h"
#include "json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(const struct listener *l)
{
    for (int i = 0; i < USAGE_KIND_COUNT; i++)
        assert(l->usage.tokens[i] >= 0 && l->usage.tokens[i] <= PEEK_COUNT_MAX);
    assert(l->usage.tokens[USAGE_REASONING] <= l->usage.tokens[USAGE_OUTPUT]);
    assert(l->output_bytes >= 0);
}

static void check_inside(struct slice part, struct slice whole)
{
    assert(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

/* What passes for an object without being JSON has at least its two brackets. */
static void check_object(struct slice payload)
{
    while (payload.len && json_is_blank(payload.ptr[0]))
        payload = slice_after(payload, 1);
    while (payload.len && json_is_blank(payload.ptr[payload.len - 1]))
        payload.len--;
    assert(payload.len >= 2 && payload.ptr[0] == '{' && payload.ptr[payload.len - 1] == '}');
}

static void hear(struct listener *l, struct slice event, struct slice payload)
{
    struct listener before = *l;
    struct heard heard = listener_hear(l, event, payload);
    struct err_info e = {0};
    bool is_json = json_scan(payload, NULL, 0, NULL, &e) == ERR_NONE;

    check_range(l);
    check_inside(heard.model, payload);
    assert(!heard.is_error || l->failed);
    assert(!heard.is_terminal || l->terminal);
    if (heard.is_broken) {
        assert(!is_json && !heard.is_error && !heard.is_terminal && !heard.model.len);
        assert(memcmp(&before, l, sizeof(before)) == 0);
    } else if (!is_json && !slice_eq(slice_trim(payload), SLICE("[DONE]"))) {
        check_object(payload);
    }
}

static void hear_field(struct listener *l, struct slice value)
{
    size_t count;
    const struct slice *fields = listener_fields(l->dialect, l->operation, &count);

    assert(count <= 8);
    for (size_t i = 0; i < count; i++) {
        assert(fields[i].len > 0);
        listener_hear_field(l, i, value);
        check_range(l);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);
    struct listener l, fields;
    struct arena a;
    unsigned choice;

    if (size == 0)
        return 0;
    choice = data[0];
    listener_init(&l, (enum dialect)(choice % DIALECT_COUNT),
                  (enum operation)(choice / DIALECT_COUNT % OP_COUNT),
                  (enum framing)(choice / DIALECT_COUNT / OP_COUNT % 3));
    fields = l;
    arena_init(&a, 0);
    l.sample.arena = &a;
    sample_add(&l.sample, SLICE("x"), false); // its memory is there: what is broken changes nothing
    rest = slice_after(rest, 1);
    while (rest.len) {
        struct slice payload = slice_cut(rest, '\n', &rest), event = {NULL, 0};

        if (payload.len && payload.ptr[0] >= 'a' && payload.ptr[0] <= 'z')
            event = slice_cut(payload, '|', &payload);
        hear(&l, event, payload);
        hear_field(&fields, payload);
    }
    l.flowed_bytes = (int64_t)size * 3;
    listener_estimate(&l, SLICE("gpt-4o"), (int64_t)size);
    check_range(&l);
    assert(l.sample.len <= 2 * SAMPLE_BYTES);
    arena_release(&a);
    return 0;
}
