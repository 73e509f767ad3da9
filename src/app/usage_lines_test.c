/* usage_lines_test.c - usage for programs and for people, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/usage_lines.h"
#include "base/array.h"

struct output {
    char *text;
    size_t len;
    struct arena arena;
    struct usage_printer printer;
};

static void begin(struct output *o)
{
    memset(o, 0, sizeof(*o));
    arena_init(&o->arena, 0);
    o->printer.out = open_memstream(&o->text, &o->len);
    o->printer.arena = &o->arena;
    assert_non_null(o->printer.out);
}

static void flush(struct output *o)
{
    fflush(o->printer.out);
}

static void end(struct output *o)
{
    usage_printer_release(&o->printer);
    fclose(o->printer.out);
    arena_release(&o->arena);
    free(o->text);
}

/* RFC 4180, and nothing that a spreadsheet would run. */
static void test_csv_names(void **state)
{
    static const struct {
        const char *model, *csv;
    } cases[] = {
        {"gpt-5.4-mini",        "gpt-5.4-mini"                },
        {"a,b",                 "\"a,b\""                     },
        {"say \"a\"",           "\"say \"\"a\"\"\""           },
        {"two\r\nlines",        "\"two\r\nlines\""            },
        {"=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""},
        {"@cmd",                "'@cmd"                       },
        {"-1+2",                "'-1+2"                       },
        {"a=1",                 "a=1"                         },
        {"\xe6\xa8\xa1",        "\xe6\xa8\xa1"                },
        {"",                    ""                            },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ledger_total total = {.requests = 3};
        struct output o;

        begin(&o);
        o.printer.groups = 1u << LEDGER_BY_MODEL;
        total.names[LEDGER_BY_MODEL] = slice_str(cases[i].model);
        assert_true(usage_print_total_csv(&o.printer, &total));
        flush(&o);
        assert_true(slice_starts(slice_of(o.text, o.len), slice_str(cases[i].csv)));
        assert_memory_equal(o.text + strlen(cases[i].csv), ",3,", 3);
        end(&o);
    }
}

static size_t count_bytes(struct slice text, char c)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == c;
    return count;
}

/* Every line has as many columns as the heading; money is exact. */
static void test_csv_columns(void **state)
{
    struct ledger_row row = {
        .record = {.id = "01a0b8d8-6c00-7000-8000-000000000001",
                   .started_unix_ms = 1790000000000,
                   .cost_nusd = 1,
                   .connect_ms = -1,
                   .price_id = INT64_MAX,
                   .user = SLICE("alice")},
        .tier = SLICE("flex"),
    };
    struct slice lines, heading, line;
    struct output o;

    (void)state;
    begin(&o);
    usage_print_row_csv_heading(&o.printer);
    assert_true(usage_print_row_csv(&o.printer, &row));
    flush(&o);
    lines = slice_of(o.text, o.len);
    heading = slice_cut(lines, '\n', &lines);
    line = slice_cut(lines, '\n', &lines);
    assert_int_equal(lines.len, 0);
    assert_true(slice_starts(heading, SLICE("id,client_request_id,started_at,user,key,")));
    assert_true(slice_starts(line, SLICE("01a0b8d8-6c00-7000-8000-000000000001,,"
                                         "2026-09-21T14:13:20.000Z,alice,,")));
    assert_int_equal(count_bytes(heading, ','), count_bytes(line, ','));
    assert_non_null(strstr(o.text, ",0.000000001,false,9223372036854775807,flex,,"));
    assert_true(slice_ends(heading, SLICE("\r")) && slice_ends(line, SLICE("\r")));
    end(&o);
}

static void test_steps(void **state)
{
    static const struct {
        enum ledger_step step;
        const char *json;
    } cases[] = {
        {LEDGER_BY_DAY,    "{\"day\":\"2026-09-21\",\"requests\":1,"                  },
        {LEDGER_BY_HOUR,   "{\"hour\":\"2026-09-21T19:45:00+05:45\",\"requests\":1,"  },
        {LEDGER_BY_MINUTE, "{\"minute\":\"2026-09-21T19:45:00+05:45\",\"requests\":1,"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ledger_total total = {.requests = 1, .step_unix_ms = 1789999200000};
        struct output o;

        begin(&o);
        o.printer.step = cases[i].step;
        assert_true(zone_parse_fixed(&o.printer.zone, SLICE("+05:45")));
        assert_true(usage_print_total_json(&o.printer, &total));
        flush(&o);
        o.text[strlen(cases[i].json)] = '\0';
        assert_string_equal(o.text, cases[i].json);
        end(&o);
    }
}

/* The lines of a table are as long as each other, whatever the figures are. */
static void assert_aligned(const struct output *o, size_t column_end)
{
    struct slice lines = slice_of(o->text, o->len);
    size_t count = 0;

    for (; lines.len; count++) {
        struct slice line = slice_cut(lines, '\n', &lines);

        assert_true(line.len >= column_end);
        assert_true(line.ptr[column_end - 1] != ' ');
    }
    assert_int_equal(count, 4);
}

static void test_wide_numbers(void **state)
{
    struct ledger_total totals[2] = {
        {.requests = INT64_MAX, .cost_nusd = INT64_MAX},
        {.requests = 1,         .cost_nusd = 5        },
    };
    struct output o;
    struct slice first;

    (void)state;
    begin(&o);
    o.printer.groups = 1u << LEDGER_BY_USER;
    usage_begin_table(&o.printer);
    for (size_t i = 0; i < 2; i++) {
        totals[i].names[LEDGER_BY_USER] = i ? SLICE("b\x1b[31m") : SLICE("alice");
        totals[i].usage.tokens[USAGE_CACHE_WRITE_5M] = INT64_MAX;
        totals[i].usage.tokens[USAGE_CACHE_WRITE_1H] = 7;
        usage_add_total(&o.printer, &totals[i]);
    }
    usage_print_table(&o.printer);
    flush(&o);
    first = slice_cut(slice_of(o.text, o.len), '\n', &(struct slice){NULL, 0});
    assert_aligned(&o, first.len);
    assert_null(strchr(o.text, '\x1b'));
    assert_null(strchr(o.text, '-')); // a sum that wrapped would be negative
    end(&o);
}

static void test_wide_rows(void **state)
{
    struct ledger_row row = {
        .record = {.id = "01a0b8d8-6c00-7000-8000-000000000001",
                   .user = SLICE("a user with a name that is long")}
    };
    struct slice first;
    struct output o;

    (void)state;
    begin(&o);
    usage_begin_rows(&o.printer);
    for (size_t i = 0; i < 3; i++) {
        usage_add_row(&o.printer, &row);
        row.record.usage.tokens[USAGE_INPUT] = INT64_MAX;
        row.record.user = SLICE("b");
    }
    usage_print_rows(&o.printer);
    flush(&o);
    first = slice_cut(slice_of(o.text, o.len), '\n', &(struct slice){NULL, 0});
    assert_aligned(&o, first.len); // where "ID" ends there is something of every id
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_names), cmocka_unit_test(test_csv_columns),
        cmocka_unit_test(test_steps),     cmocka_unit_test(test_wide_numbers),
        cmocka_unit_test(test_wide_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
