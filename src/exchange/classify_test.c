/* classify_test.c - what a request line asks for. */
#include "exchange/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    const char *method, *target, *fields, *out;
} cases[] = {
#define ASKS(method, target, fields, out)    {method, target, fields, out},
#define REFUSED(method, target, fields, out) {method, target, fields, out},
#include "exchange/classify_test.def"
};

static void test_cases(void **state)
{
    static const char *const framings[] = {
        [FRAMING_BODY] = "body", [FRAMING_SSE] = "sse", [FRAMING_ARRAY] = "array"};
    static const char *const acts[] = {
        [FILE_NONE] = "none", [FILE_UPLOAD] = "upload",   [FILE_LIST] = "list",
        [FILE_GET] = "get",   [FILE_CONTENT] = "content", [FILE_DELETE] = "delete"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct target t;
        struct slice out, request;
        struct arena a;
        struct head head;
        enum err err;

        arena_init(&a, 0);
        request = arena_printf(&a, "%s %s HTTP/1.1\r\nhost: h\r\n%s\r\n", cases[i].method,
                               cases[i].target, cases[i].fields);
        if (head_parse_request(request, &head, &e) != ERR_NONE)
            fail_msg("%s: %s", cases[i].target, e.text);
        memset(&t, 0xa5, sizeof(t)); // all of it is set
        err = classify(&head, &a, &t, &e);
        assert_int_equal(err, e.code);
        if (err)
            out = arena_printf(&a, "%s %s", err_name(err), dialect_name(t.dialect));
        else if (t.operation == OP_FILES)
            out = arena_printf(&a, "files %s %s|%.*s|%.*s", dialect_name(t.dialect), acts[t.act],
                               SLICE_ARG(t.scope), SLICE_ARG(t.file));
        else
            out = arena_printf(&a, "%s %s %s|%.*s|%.*s|%.*s", operation_name(t.operation),
                               dialect_name(t.dialect), framings[t.framing], SLICE_ARG(t.scope),
                               SLICE_ARG(t.model), SLICE_ARG(t.action));
        if (!slice_eq(out, slice_str(cases[i].out)))
            fail_msg("%s %s: %s", cases[i].method, cases[i].target, out.ptr);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
