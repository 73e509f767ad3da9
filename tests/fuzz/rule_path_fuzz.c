/* rule_path_fuzz.c - a path that is accepted, written out again step by step, is the same path. */
#include <assert.h>

#include "base/buf.h"
#include "policy/rule_path.h"
#include "json/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_path(const struct rule_path *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++) {
        switch (p->steps[i].kind) {
        case RULE_STEP_KEY:
            buf_append_byte(out, '[');
            json_write_string(out, p->steps[i].key);
            buf_append_byte(out, ']');
            break;
        case RULE_STEP_ITEM: buf_printf(out, "[%zu]", p->steps[i].item); break;
        case RULE_STEP_ALL: buf_append_str(out, "[*]"); break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_info e = {0};
    struct rule_path first, second;
    struct buf text = {0}, again = {0};
    struct arena a;

    arena_init(&a, 0);
    if (rule_path_parse(slice_of((const char *)data, size), &a, &first, &e)) {
        assert(e.code == ERR_BAD_REQUEST && e.text[0]);
        arena_release(&a);
        return 0;
    }
    assert(first.count >= 1 && first.count <= RULE_PATH_STEPS);
    assert(first.steps[0].kind == RULE_STEP_KEY);
    write_path(&first, &text);
    if (buf_len(&text) <= RULE_PATH_BYTES) { // quotes make it longer
        assert(rule_path_parse(buf_peek(&text), &a, &second, &e) == ERR_NONE);
        write_path(&second, &again);
        assert(second.count == first.count && slice_eq(buf_peek(&text), buf_peek(&again)));
    }
    buf_release(&text);
    buf_release(&again);
    arena_release(&a);
    return 0;
}
