/* file_refs_test.c - ids of files are found where upstreams look for them, and only there. */
#include "chat/file_refs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"

static const struct {
    const char *body, *ids;
} cases[] = {
#define REFS(body, ids) {body, ids},
#include "chat/file_refs_test.def"
};

static void write_body(struct buf *out, const char *text)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
}

static void write_ids(struct buf *out, enum err err, const struct file_refs *refs)
{
    buf_clear(out);
    if (err)
        buf_append_str(out, err_name(err));
    for (size_t i = 0; !err && i < refs->count; i++)
        buf_printf(out, "%s%.*s", i && refs->ids[i].len ? " " : "", SLICE_ARG(refs->ids[i]));
}

static void test_cases(void **state)
{
    struct buf body = {0}, ids = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct file_refs refs;
        struct arena a;

        arena_init(&a, 0);
        write_body(&body, cases[i].body);
        write_ids(&ids, file_refs_find(buf_peek(&body), &a, &refs, &e), &refs);
        if (!slice_eq(buf_peek(&ids), slice_str(cases[i].ids)))
            fail_msg("%s: %.*s", cases[i].body, SLICE_ARG(buf_peek(&ids)));
        if (cases[i].ids[0] && !file_refs_may(buf_peek(&body)))
            fail_msg("%s: is not looked at", cases[i].body);
        arena_release(&a);
    }
    buf_release(&body);
    buf_release(&ids);
}

/* Wherever a body ends, it is refused or what stands there is found. */
static void test_any_cut(void **state)
{
    struct buf body = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_body(&body, cases[i].body);
        for (size_t len = 0; len < buf_len(&body); len++) {
            struct err_info e = {0};
            struct file_refs refs;
            struct arena a;
            struct slice cut;

            arena_init(&a, 0);
            cut = slice_of(malloc(len ? len : 1), len);
            memcpy((char *)(uintptr_t)cut.ptr, body.data, len);
            file_refs_may(cut);
            assert_int_equal(file_refs_find(cut, &a, &refs, &e), ERR_BAD_REQUEST);
            free((char *)(uintptr_t)cut.ptr);
            arena_release(&a);
        }
    }
    buf_release(&body);
}

/* Most bodies are let be, those with escapes of other languages too. */
static void test_may(void **state)
{
    (void)state;
    assert_false(file_refs_may(SLICE("")));
    assert_false(file_refs_may(SLICE("{\"messages\":[{\"content\":\"fileid file-id\"}]}")));
    assert_false(file_refs_may(SLICE("caf\\u00e9 \\u4f60\\u00c4 \\u003c \\u00")));
    assert_true(file_refs_may(SLICE("file\\u005Fid")));
    assert_true(file_refs_may(SLICE("\\u00e9\\u0066ile_i\\u0064")));
}

static void test_too_many(void **state)
{
    struct err_info e = {0};
    struct buf body = {0};
    struct file_refs refs;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    buf_append_str(&body, "{\"input\":[");
    for (int i = 0; i < FILE_REFS_MOST; i++)
        buf_printf(&body, "{\"file_id\":\"f%d\"},", i);
    buf_append_str(&body, "{\"file_id\":\"f0\"}]}");
    assert_int_equal(file_refs_find(buf_peek(&body), &a, &refs, &e), ERR_NONE);
    assert_int_equal(refs.count, FILE_REFS_MOST);
    body.end -= 2;
    buf_append_str(&body, ",{\"file_id\":\"one\"}]}");
    assert_int_equal(file_refs_find(buf_peek(&body), &a, &refs, &e), ERR_BAD_REQUEST);
    buf_release(&body);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_may),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
