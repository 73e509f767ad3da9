/* log_test.c - lines in both formats: what is escaped, what is cut, what is not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"

static char line[LOG_LINE_BYTES * 2];
static size_t lines;

static void keep(void *ctx, struct slice s)
{
    assert_ptr_equal(ctx, &lines);
    assert_in_range(s.len, 1, LOG_LINE_BYTES);
    assert_int_equal(s.ptr[s.len - 1], '\n');
    memcpy(line, s.ptr, s.len - 1);
    line[s.len - 1] = '\0';
    assert_null(strchr(line, '\n')); // one event, one line
    lines++;
}

static void use(enum log_level level, enum log_format format)
{
    log_configure(level, format, keep, &lines);
    lines = 0;
    line[0] = '\0';
}

/* Takes the time off the line: it is now. */
static const char *without_time(enum log_format format)
{
    size_t skip = format == LOG_JSON ? strlen("{\"time\":\"") : 0;
    int64_t now = clock_unix_ms(), then = 0;
    struct slice text = slice_of(line + skip, CLOCK_TEXT_BYTES - 1);

    if (!clock_parse(text, &then) || then > now || now - then > 5000)
        fail_msg("not now: %.*s", SLICE_ARG(text));
    return line + skip + text.len + (format == LOG_JSON ? 2 : 1);
}

/* Whether `s` is one flat JSON object, and what stands in it. */
static bool skip_string(const char **s)
{
    if (*(*s)++ != '"')
        return false;
    for (; **s != '"'; (*s)++) {
        if ((unsigned char)**s < 0x20)
            return false;
        if (**s != '\\')
            continue;
        (*s)++;
        if (**s == 'u') {
            for (int i = 0; i < 4; i++) {
                if (!strchr("0123456789abcdef", *++*s) || !**s)
                    return false;
            }
        } else if (!**s || !strchr("\"\\/bfnrt", **s)) {
            return false;
        }
    }
    (*s)++;
    return true;
}

static bool is_flat_object(const char *s)
{
    if (*s++ != '{')
        return false;
    for (;;) {
        if (!skip_string(&s) || *s++ != ':')
            return false;
        if (*s == '"') {
            if (!skip_string(&s))
                return false;
        } else {
            size_t len = strspn(s, "-0123456789");
            if (!len)
                return false;
            s += len;
        }
        if (*s == '}')
            return s[1] == '\0';
        if (*s++ != ',')
            return false;
    }
}

static void test_levels(void **state)
{
    (void)state;
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            struct log_line l;

            use((enum log_level)least, LOG_TEXT);
            log_event((enum log_level)level, NULL, "e", "k=%d", 1);
            assert_int_equal(lines, level >= least);
            assert_int_equal(log_enabled((enum log_level)level), level >= least);
            assert_int_equal(log_line_begin(&l, (enum log_level)level, NULL, "e"), level >= least);
        }
    }
}

/* Written as pairs by log_event() with "%s". */
static const struct {
    const char *pairs, *text, *json;
} events[] = {
    {"a=1",                      "a=1",                              "\"a\":1"                         },
    {"a=-5 b=0 c=-0",            "a=-5 b=0 c=-0",                    "\"a\":-5,\"b\":0,\"c\":-0"       },
    {"a=007",                    "a=007",                            "\"a\":\"007\""                   },
    {"a=1.5 b=- c=+1 d=0x1",     "a=1.5 b=- c=+1 d=0x1",
     "\"a\":\"1.5\",\"b\":\"-\",\"c\":\"+1\",\"d\":\"0x1\""                                            },
    {"a=18446744073709551615",   "a=18446744073709551615",           "\"a\":18446744073709551615"      },
    {"a=18446744073709551616",   "a=18446744073709551616",           "\"a\":\"18446744073709551616\""  },
    {"a=word b_c=other",         "a=word b_c=other",                 "\"a\":\"word\",\"b_c\":\"other\""},
    {"a= b=x",                   "a=\"\" b=x",                       "\"a\":\"\",\"b\":\"x\""          },
    {"a=",                       "a=\"\"",                           "\"a\":\"\""                      },
    {"a=b=c",                    "a=b=c",                            "\"a\":\"b=c\""                   },
    {"a=\"\"",                   "a=\"\"",                           "\"a\":\"\""                      },
    {"a=\"one\"",                "a=one",                            "\"a\":\"one\""                   },
    {"a=\"12\"",                 "a=12",                             "\"a\":12"                        },
    {"a=\"two words\" b=1",      "a=\"two words\" b=1",              "\"a\":\"two words\",\"b\":1"     },
    {"a=\"he \"said\" it\" b=1", "a=\"he \\\"said\\\" it\" b=1",
     "\"a\":\"he \\\"said\\\" it\",\"b\":1"                                                            },
    {"a=\"\"\" b=1",             "a=\"\\\"\" b=1",                   "\"a\":\"\\\"\",\"b\":1"          },
    {"a=\"x\" y\" b=1",          "a=\"x\\\" y\" b=1",                "\"a\":\"x\\\" y\",\"b\":1"       },
    {"a=\"x\" y",                "a=\"x\\\" y\"",                    "\"a\":\"x\\\" y\""               },
    {"a=\"open",                 "a=open",                           "\"a\":\"open\""                  },
    {"a=\"x\" B=1\" c=2",        "a=\"x\\\" B=1\" c=2",              "\"a\":\"x\\\" B=1\",\"c\":2"     },
    {"a=back\\slash",            "a=back\\\\slash",                  "\"a\":\"back\\\\slash\""         },
    {"a=x\ny",                   "a=x\\u000ay",                      "\"a\":\"x\\u000ay\""             },
    {"a=x\r\ty\x7f\x01",         "a=x\\u000d\\u0009y\\u007f\\u0001",
     "\"a\":\"x\\u000d\\u0009y\\u007f\\u0001\""                                                        },
    {"a=\xc3\xa9",               "a=\xc3\xa9",                       "\"a\":\"\xc3\xa9\""              },
};

static void test_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        char expected[512];

        use(LOG_INFO, LOG_TEXT);
        log_event(LOG_WARN, "id-1", "some.event", "%s", events[i].pairs);
        snprintf(expected, sizeof(expected), "warn some.event id=id-1 %s", events[i].text);
        assert_string_equal(without_time(LOG_TEXT), expected);

        use(LOG_INFO, LOG_JSON);
        log_event(LOG_ERROR, NULL, "some.event", "%s", events[i].pairs);
        snprintf(expected, sizeof(expected), ",\"level\":\"error\",\"event\":\"some.event\",%s}",
                 events[i].json);
        assert_string_equal(without_time(LOG_JSON) - 1, expected);
        assert_true(is_flat_object(line));
    }
}

static void test_no_pairs(void **state)
{
    (void)state;
    use(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "x", "started", "%s", "");
    assert_string_equal(without_time(LOG_JSON) - 1,
                        ",\"level\":\"info\",\"event\":\"started\",\"id\":\"x\"}");
    use(LOG_INFO, LOG_TEXT);
    log_event(LOG_INFO, NULL, "started", "%s", "");
    assert_string_equal(without_time(LOG_TEXT), "info started");
}

/* The API for lines in the making: values are whole whatever stands in them. */
static void test_line(void **state)
{
    static const struct {
        struct slice value;
        const char *text, *json;
    } cases[] = {
        {SLICE_INIT("plain"),          "plain",                  "\"plain\""             },
        {SLICE_INIT("12"),             "12",                     "\"12\""                }, // a text stays one
        {SLICE_INIT(""),               "\"\"",                   "\"\""                  },
        {{NULL, 0},                    "\"\"",                   "\"\""                  },
        {SLICE_INIT("a b"),            "\"a b\"",                "\"a b\""               },
        {SLICE_INIT("x\" forged=\"1"), "\"x\\\" forged=\\\"1\"", "\"x\\\" forged=\\\"1\""},
        {SLICE_INIT("x\" forged=1"),   "\"x\\\" forged=1\"",     "\"x\\\" forged=1\""    },
        {SLICE_INIT("a\0b"),           "a\\u0000b",              "\"a\\u0000b\""         },
        {SLICE_INIT("\""),             "\"\\\"\"",               "\"\\\"\""              },
        {SLICE_INIT("\\"),             "\\\\",                   "\"\\\\\""              },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
            bool json = format == LOG_JSON;
            char expected[256];
            struct log_line l;

            use(LOG_INFO, (enum log_format)format);
            assert_true(log_line_begin(&l, LOG_INFO, "i", "e"));
            log_line_text(&l, "v", cases[i].value);
            log_line_int(&l, "n", -7);
            assert_int_equal(lines, 0); // not before its end
            log_line_end(&l);
            assert_int_equal(lines, 1);
            snprintf(expected, sizeof(expected),
                     json ? ",\"level\":\"info\",\"event\":\"e\",\"id\":\"i\",\"v\":%s,\"n\":-7}"
                          : "info e id=i v=%s n=-7",
                     json ? cases[i].json : cases[i].text);
            assert_string_equal(without_time((enum log_format)format) - (json ? 1 : 0), expected);
        }
    }
}

static void test_ints(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0,         "0"                   },
        {5,         "5"                   },
        {-5,        "-5"                  },
        {10,        "10"                  },
        {INT64_MAX, "9223372036854775807" },
        {INT64_MIN, "-9223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[64];
        struct log_line l;

        use(LOG_INFO, LOG_TEXT);
        assert_true(log_line_begin(&l, LOG_INFO, NULL, "e"));
        log_line_int(&l, "n", cases[i].value);
        log_line_end(&l);
        snprintf(expected, sizeof(expected), "info e n=%s", cases[i].text);
        assert_string_equal(without_time(LOG_TEXT), expected);
    }
}

/* At every place where a line may be full: it is still one line, and still JSON. */
static void test_cut(void **state)
{
    static const char *const fills[] = {"x", "\"", "\\", "\n", "\xc3\xa9"};

    (void)state;
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        for (size_t f = 0; f < ARRAY_LEN(fills); f++) {
            for (size_t len = LOG_LINE_BYTES / 6 - 60; len < LOG_LINE_BYTES + 20; len++) {
                char value[LOG_LINE_BYTES + 64];
                struct log_line l;

                for (size_t i = 0; i < len; i++)
                    value[i] = fills[f][i % strlen(fills[f])];
                use(LOG_INFO, (enum log_format)format);
                assert_true(log_line_begin(&l, LOG_INFO, "id", "e"));
                log_line_text(&l, "before", SLICE("v"));
                log_line_text(&l, "value", slice_of(value, len));
                log_line_text(&l, "after", SLICE("two words"));
                log_line_int(&l, "number", 123456);
                log_line_end(&l);
                assert_int_equal(lines, 1);
                if (format == LOG_JSON && !is_flat_object(line))
                    fail_msg("%zu times '%s': not JSON: ...%s", len, fills[f],
                             line + strlen(line) - 40);
            }
        }
    }
}

static void test_cut_events(void **state)
{
    (void)state;
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        for (int len = LOG_LINE_BYTES - 500; len < LOG_LINE_BYTES + 500; len++) {
            use(LOG_INFO, (enum log_format)format);
            log_event(LOG_INFO, "id", "e", "why=\"%0*d\" n=%d", len, 1, 5);
            assert_int_equal(lines, 1);
            if (format == LOG_JSON && !is_flat_object(line))
                fail_msg("%d: not JSON: ...%s", len, line + strlen(line) - 40);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),     cmocka_unit_test(test_events),
        cmocka_unit_test(test_no_pairs),   cmocka_unit_test(test_line),
        cmocka_unit_test(test_ints),       cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
