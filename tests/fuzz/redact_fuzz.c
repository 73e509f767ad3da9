/* redact_fuzz.c - no own secret comes through, JSON stays JSON, and nothing grows without end. */
#include <assert.h>

#include "base/array.h"
#include "base/buf.h"
#include "wire/redact.h"
#include "json/scan.h"

static const struct secret list[] = {{SLICE_INIT("qwertz")}, {SLICE_INIT("sk-own-123/45+6=")}};

static void check(struct slice in, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        assert(slice_find_slice(buf_peek(out), secret_reveal(list[i])) == SIZE_MAX);
    assert(buf_len(out) <= 3 * in.len + 8);
}

static bool is_json(struct slice text)
{
    struct err_info e = {0};
    return json_scan(text, NULL, 0, NULL, &e) == ERR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct redact_own own = {list, ARRAY_LEN(list)};
    struct slice in = slice_of((const char *)data, size);
    struct buf out = {0};

    redact_text(in, own, &out);
    check(in, &out);
    assert(!is_json(in) || is_json(buf_peek(&out)));
    buf_clear(&out);
    redact_target(in, own, &out);
    check(in, &out);
    buf_clear(&out);
    redact_lines(in, own, &out);
    check(in, &out);
    buf_release(&out);
    return 0;
}
