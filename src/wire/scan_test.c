/* scan_test.c - the fast ways find what the slow ones find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/scan.h"

#define ROOM 70

static const char *slow_control(const char *at, const char *end)
{
    while (at < end && !(((unsigned char)*at < 32 && *at != '\t') || *at == 127))
        at++;
    return at;
}

static const char *slow_line_end(const char *at, const char *end)
{
    while (at < end && *at != '\r' && *at != '\n')
        at++;
    return at;
}

static const char *slow_token(const char *at, const char *end)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (; at < end; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!is_letter && !(*at >= '0' && *at <= '9') && (!*at || !strchr(marks, *at)))
            break;
    }
    return at;
}

static const char *slow_line_end_twice(const char *at, const char *end)
{
    for (; at + 1 < end; at++) {
        if (at[0] == '\n' && (at[1] == '\r' || at[1] == '\n'))
            return at;
    }
    return end;
}

static void check(const char *at, const char *end)
{
    assert_ptr_equal(scan_control(at, end), slow_control(at, end));
    assert_ptr_equal(scan_line_end(at, end), slow_line_end(at, end));
    assert_ptr_equal(scan_token(at, end), slow_token(at, end));
    assert_ptr_equal(scan_line_end_twice(at, end), slow_line_end_twice(at, end));
}

/* Every byte at every place of runs of every length. */
static void test_runs(void **state)
{
    char bytes[ROOM];

    (void)state;
    for (size_t len = 0; len <= ROOM; len++) {
        memset(bytes, len % 2 ? 'a' : '\n', sizeof(bytes));
        memset(bytes, 'a', len);
        check(bytes, bytes + len);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                bytes[at] = (char)c;
                check(bytes, bytes + len);
                if (at + 1 < len) {
                    bytes[at + 1] = at % 2 ? '\r' : '\n';
                    check(bytes, bytes + len);
                    bytes[at + 1] = 'a';
                }
            }
            bytes[at] = 'a';
        }
    }
}

static void test_classes(void **state)
{
    static const struct {
        enum scan_class class;
        const char *marks; // beside letters and digits
    } cases[] = {
        {SCAN_TOKEN,      "!#$%&'*+-.^_`|~"            },
        {SCAN_TARGET,     "!$%&'()*+,-./:;=?@[]^_`{|}~"},
        {SCAN_HOST,       "-._"                        },
        {SCAN_UNRESERVED, "-._~"                       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int c = 0; c < 256; c++) {
            bool is_alnum =
                (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            bool wanted = is_alnum || (c && c < 128 && strchr(cases[i].marks, c));
            assert_int_equal(scan_is((char)c, cases[i].class), wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
