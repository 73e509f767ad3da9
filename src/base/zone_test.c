/* zone_test.c - places, their clocks, and their days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/zone.h"

/* A file as zic makes them, small enough to be read here: its changes and what comes after. */
struct place {
    const char *name, *rule;
    struct {
        const char *at;
        int32_t offset_s;
    } changes[8];
    int32_t first_offset_s;
};

static const struct place places[] = {
    {"Europe/Berlin",       "CET-1CEST,M3.5.0,M10.5.0/3",           {{NULL, 0}},                                                         3600  },
    {"America/New_York",    "EST5EDT,M3.2.0,M11.1.0",               {{"2026-03-08T07:00:00Z", -14400}},                                  -18000},
    {"Asia/Kathmandu",      "<+0545>-5:45",                         {{"1985-12-31T18:30:00Z", 20700}},                                   19800 },
    {"Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", {{NULL, 0}},                                                         37800 },
    {"Africa/Casablanca",   // an hour back for Ramadan, listed for many years
     "<+01>-1",                            {{"2026-02-15T02:00:00Z", 0},
      {"2026-03-22T02:00:00Z", 3600},
      {"2027-02-07T02:00:00Z", 0},
      {"2027-03-14T02:00:00Z", 3600}},
     3600                                                                                                                                      },
    {"Europe/Dublin",       "IST-1GMT0,M10.5.0,M3.5.0/1",           {{NULL, 0}},                                                         0     }, // winter is its summer
    {"America/Sao_Paulo",   // until 2019 the day of the change had no midnight
     "<-03>3",                             {{"2018-11-04T03:00:00Z", -7200}, {"2019-02-17T02:00:00Z", -10800}},
     -10800                                                                                                                                    },
    {"Pacific/Apia",        // skipped December 30th
     "<+13>-13",                                {{"2011-12-30T10:00:00Z", 50400}, {"2012-03-31T14:00:00Z", 46800}},
     -36000                                                                                                                                    },
    {"America/St_Johns",    // went back over midnight
     "NST3:30NDT,M3.2.0,M11.1.0",           {{"2010-03-14T03:31:00Z", -9000}, {"2010-11-07T02:31:00Z", -12600}},
     -12600                                                                                                                                    },
    {"Nowhere",             "",                                     {{"2026-01-01T00:00:00Z", -18000}},                                  3600  },
};

static size_t put_big(char *out, size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[at + i] = (char)(value >> 8 * (bytes - 1 - i));
    return at + bytes;
}

static size_t put_header(char *out, size_t at, size_t times, size_t infos, size_t chars)
{
    memcpy(out + at, "TZif2", 5);
    memset(out + at + 5, 0, 27);
    at = put_big(out, at + 32, times, 4);
    at = put_big(out, at, infos, 4);
    return put_big(out, at, chars, 4);
}

static size_t count_changes(const struct place *p)
{
    size_t count = 0;

    while (count < ARRAY_LEN(p->changes) && p->changes[count].at)
        count++;
    return count;
}

#define FILE_BYTES 400

/* RFC 9636, 3: an empty half for 32 bits, then the other. */
static struct slice file_of(const struct place *p, char out[FILE_BYTES])
{
    size_t count = count_changes(p), at = put_header(out, 0, 0, 1, 1);

    memset(out + at, 0, 7);
    at = put_header(out, at + 7, count, count + 1, 4);
    for (size_t i = 0; i < count; i++) {
        int64_t unix_ms;

        assert_true(clock_parse(slice_str(p->changes[i].at), &unix_ms));
        at = put_big(out, at, (uint64_t)(unix_ms / 1000), 8);
    }
    for (size_t i = 0; i < count; i++)
        out[at++] = (char)(i + 1);
    for (size_t i = 0; i <= count; i++) {
        int32_t offset = i ? p->changes[i - 1].offset_s : p->first_offset_s;

        at = put_big(out, at, (uint32_t)offset, 4);
        at = put_big(out, at, 0, 2);
    }
    memcpy(out + at, "XXX", 4);
    at += 4;
    return slice_of(out, at + (size_t)snprintf(out + at, FILE_BYTES - at, "\n%s\n", p->rule));
}

static struct zone zone_named(const char *name, char file[FILE_BYTES])
{
    struct zone z;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (strcmp(places[i].name, name) == 0) {
            assert_true(zone_parse(&z, file_of(&places[i], file)));
            return z;
        }
    }
    assert_true(zone_parse_fixed(&z, slice_str(name)));
    return z;
}

static int64_t moment(const char *text)
{
    int64_t unix_ms;

    assert_true(clock_parse(slice_str(text), &unix_ms));
    return unix_ms;
}

static void test_wall_clocks(void **state)
{
    static const struct {
        const char *zone, *utc, *wall;
    } cases[] = {
        {"UTC",                 "2026-11-22T16:03:00Z", "2026-11-22T16:03:00Z"     },
        {"+05:45",              "2026-11-22T20:00:00Z", "2026-11-23T01:45:00+05:45"},
        {"-09:30",              "2026-11-22T20:00:00Z", "2026-11-22T10:30:00-09:30"},
        {"Europe/Berlin",       "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"},
        {"Europe/Berlin",       "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"},
        {"Europe/Berlin",       "2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00"},
        {"Europe/Berlin",       "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"},
        {"Europe/Berlin",       "2400-07-01T00:00:00Z", "2400-07-01T02:00:00+02:00"},
        {"Europe/Berlin",       "1960-07-01T00:00:00Z", "1960-07-01T02:00:00+02:00"},
        {"America/New_York",    "2025-07-01T00:00:00Z", "2025-06-30T19:00:00-05:00"}, // as told
        {"America/New_York",    "2026-03-08T06:59:59Z", "2026-03-08T01:59:59-05:00"},
        {"America/New_York",    "2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00"},
        {"America/New_York",    "2026-11-01T06:00:00Z", "2026-11-01T01:00:00-05:00"},
        {"Asia/Kathmandu",      "2026-01-01T00:00:00Z", "2026-01-01T05:45:00+05:45"},
        {"Asia/Kathmandu",      "1980-01-01T00:00:00Z", "1980-01-01T05:30:00+05:30"},
        {"Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00+11:00"},
        {"Australia/Lord_Howe", "2026-04-04T14:59:59Z", "2026-04-05T01:59:59+11:00"},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-05T01:30:00+10:30"},
        {"Africa/Casablanca",   "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"     },
        {"Africa/Casablanca",   "2026-04-01T00:00:00Z", "2026-04-01T01:00:00+01:00"},
        {"Africa/Casablanca",   "2050-04-01T00:00:00Z", "2050-04-01T01:00:00+01:00"},
        {"Europe/Dublin",       "2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z"     },
        {"Europe/Dublin",       "2026-07-01T00:00:00Z", "2026-07-01T01:00:00+01:00"},
        {"Nowhere",             "2025-12-31T23:59:59Z", "2026-01-01T00:59:59+01:00"},
        {"Nowhere",             "2999-01-01T00:00:00Z", "2998-12-31T19:00:00-05:00"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char file[FILE_BYTES], wall[ZONE_TEXT_BYTES];
        struct zone z = zone_named(cases[i].zone, file);

        zone_format(&z, moment(cases[i].utc), wall);
        if (strcmp(wall, cases[i].wall) != 0)
            print_error("%s at %s\n", cases[i].zone, cases[i].utc);
        assert_string_equal(wall, cases[i].wall);
    }
}

static void test_slots(void **state)
{
    static const struct {
        const char *zone;
        enum zone_step step;
        const char *at, *begin, *end;
    } cases[] = {
        {"UTC",                 ZONE_DAY,    "2026-11-22T16:03:00Z",     "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
        {"UTC",                 ZONE_HOUR,   "2026-11-22T16:59:59.999Z", "2026-11-22T16:00:00Z",
         "2026-11-22T17:00:00Z"                                                                                        },
        {"UTC",                 ZONE_MINUTE, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:00Z",
         "1970-01-01T00:00:00Z"                                                                                        },
        {"+05:45",              ZONE_HOUR,   "2026-11-22T16:10:00Z",     "2026-11-22T15:15:00Z",
         "2026-11-22T16:15:00Z"                                                                                        },
 // 23 and 25 hours
        {"Europe/Berlin",       ZONE_DAY,    "2026-03-29T12:00:00Z",     "2026-03-28T23:00:00Z",
         "2026-03-29T22:00:00Z"                                                                                        },
        {"Europe/Berlin",       ZONE_DAY,    "2026-03-28T23:00:00Z",     "2026-03-28T23:00:00Z",
         "2026-03-29T22:00:00Z"                                                                                        },
        {"Europe/Berlin",       ZONE_DAY,    "2026-10-25T22:59:59Z",     "2026-10-24T22:00:00Z",
         "2026-10-25T23:00:00Z"                                                                                        },
 // the hour that comes twice
        {"Europe/Berlin",       ZONE_HOUR,   "2026-10-25T00:30:00Z",     "2026-10-25T00:00:00Z",
         "2026-10-25T01:00:00Z"                                                                                        },
        {"Europe/Berlin",       ZONE_HOUR,   "2026-10-25T01:30:00Z",     "2026-10-25T01:00:00Z",
         "2026-10-25T02:00:00Z"                                                                                        },
 // half an hour
        {"Australia/Lord_Howe", ZONE_DAY,    "2026-04-05T00:00:00Z",     "2026-04-04T13:00:00Z",
         "2026-04-05T13:30:00Z"                                                                                        },
        {"Australia/Lord_Howe", ZONE_HOUR,   "2026-04-04T14:45:00Z",     "2026-04-04T14:00:00Z",
         "2026-04-04T15:00:00Z"                                                                                        },
        {"Australia/Lord_Howe", ZONE_HOUR,   "2026-04-04T15:15:00Z",     "2026-04-04T15:00:00Z",
         "2026-04-04T15:30:00Z"                                                                                        },
        {"Asia/Kathmandu",      ZONE_DAY,    "2026-01-01T18:14:59Z",     "2025-12-31T18:15:00Z",
         "2026-01-01T18:15:00Z"                                                                                        },
        {"Africa/Casablanca",   ZONE_DAY,    "2026-02-15T12:00:00Z",     "2026-02-14T23:00:00Z",
         "2026-02-16T00:00:00Z"                                                                                        },
 // no midnight; no day at all; a midnight that comes twice
        {"America/Sao_Paulo",   ZONE_DAY,    "2018-11-04T12:00:00Z",     "2018-11-04T03:00:00Z",
         "2018-11-05T02:00:00Z"                                                                                        },
        {"America/Sao_Paulo",   ZONE_DAY,    "2018-11-04T02:59:59Z",     "2018-11-03T03:00:00Z",
         "2018-11-04T03:00:00Z"                                                                                        },
        {"America/Sao_Paulo",   ZONE_DAY,    "2019-02-17T02:30:00Z",     "2019-02-16T02:00:00Z",
         "2019-02-17T03:00:00Z"                                                                                        },
        {"Pacific/Apia",        ZONE_DAY,    "2011-12-30T09:59:59Z",     "2011-12-29T10:00:00Z",
         "2011-12-30T10:00:00Z"                                                                                        },
        {"Pacific/Apia",        ZONE_DAY,    "2011-12-30T10:00:00Z",     "2011-12-30T10:00:00Z",
         "2011-12-31T10:00:00Z"                                                                                        },
        {"America/St_Johns",    ZONE_DAY,    "2010-11-07T02:30:30Z",     "2010-11-07T02:30:00Z",
         "2010-11-08T03:30:00Z"                                                                                        },
        {"America/St_Johns",    ZONE_DAY,    "2010-11-07T02:29:59Z",     "2010-11-06T02:30:00Z",
         "2010-11-07T02:30:00Z"                                                                                        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char file[FILE_BYTES];
        struct zone z = zone_named(cases[i].zone, file);
        struct zone_slot slot = zone_slot_at(&z, cases[i].step, moment(cases[i].at));

        if (slot.begin_unix_ms != moment(cases[i].begin) ||
            slot.end_unix_ms != moment(cases[i].end))
            print_error("%s at %s\n", cases[i].zone, cases[i].at);
        assert_int_equal(slot.begin_unix_ms, moment(cases[i].begin));
        assert_int_equal(slot.end_unix_ms, moment(cases[i].end));
    }
}

/* Steps in a row leave nothing out and hold every moment once, over years of changes. */
static void test_slots_in_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char file[FILE_BYTES];
        struct zone z = zone_named(places[i].name, file);

        for (int step = ZONE_HOUR; step <= ZONE_DAY; step++) {
            int64_t at = moment("2010-01-01T00:00:00Z"), end = moment("2028-01-01T00:00:00Z");

            at = zone_slot_at(&z, (enum zone_step)step, at).end_unix_ms;
            while (at < end) {
                struct zone_slot slot = zone_slot_at(&z, (enum zone_step)step, at);

                assert_int_equal(slot.begin_unix_ms, at);
                assert_in_range(slot.end_unix_ms - at, 60000, 30 * 3600000);
                at = slot.end_unix_ms;
            }
        }
    }
}

static void test_any_moment(void **state)
{
    static const int64_t moments[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char file[FILE_BYTES], text[ZONE_TEXT_BYTES];
        struct zone z = zone_named(places[i].name, file);

        for (size_t m = 0; m < ARRAY_LEN(moments); m++) {
            for (int step = ZONE_MINUTE; step <= ZONE_DAY; step++) {
                struct zone_slot s = zone_slot_at(&z, (enum zone_step)step, moments[m]);
                assert_true(s.begin_unix_ms < s.end_unix_ms);
            }
            zone_format(&z, moments[m], text);
            assert_true(zone_span_at(&z, moments[m]).begin_s <= zone_span_at(&z, moments[m]).end_s);
        }
    }
}

static void test_any_cut(void **state)
{
    char file[FILE_BYTES];
    struct slice whole = file_of(&places[4], file);
    struct zone z;

    (void)state;
    for (size_t cut = 0; cut < whole.len; cut++) {
        char *bytes = test_malloc(cut + 1);

        memcpy(bytes, file, cut);
        assert_false(zone_parse(&z, slice_of(bytes, cut)));
        test_free(bytes);
    }
    assert_true(zone_parse(&z, whole));
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *why;
        size_t at;
        char byte;
    } cases[] = {
        {"not one",              0,       'X'   },
        {"the first version",    4,       '\0'  },
        {"no second half",       51,      'X'   },
        {"leap seconds",         51 + 31, 1     },
        {"no offsets",           51 + 39, 0     },
        {"times in disorder",    95,      '\x7f'},
        {"an offset of its own", 95 + 16, 9     },
        {"an offset too far",    95 + 18, 1     },
    };
    struct place two = {
        "", "", {{"2026-01-01T00:00:00Z", 60}, {"2027-01-01T00:00:00Z", 0}},
          0
    };
    char file[FILE_BYTES];
    struct zone z;

    (void)state;
    assert_true(zone_parse(&z, file_of(&two, file)));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice whole = file_of(&two, file);

        file[cases[i].at] = cases[i].byte;
        if (zone_parse(&z, whole))
            fail_msg("%s", cases[i].why);
    }
}

static void test_rules(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"UTC0",                                 true },
        {"<-03>3",                               true },
        {"EST5EDT,M3.2.0,M11.1.0",               true },
        {"EST5EDT,0/0,J365/25",                  true },
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", true },
        {"IST-2IDT,M3.4.4/26,M10.5.0",           true },
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0",      true },
        {"",                                     false},
        {"UT0",                                  false},
        {"UTC",                                  false},
        {"<UTC0",                                false},
        {"UTC25",                                false},
        {"UTC0:60",                              false},
        {"EST5EDT",                              false},
        {"EST5EDT,M3.2.0",                       false},
        {"EST5EDT,M3.2.0,M11.1.0,",              false},
        {"EST5EDT,M13.2.0,M11.1.0",              false},
        {"EST5EDT,M3.6.0,M11.1.0",               false},
        {"EST5EDT,M3.0.0,M11.1.0",               false},
        {"EST5EDT,M3.2.7,M11.1.0",               false},
        {"EST5EDT,J0,J365",                      false},
        {"EST5EDT,J1,366",                       false},
        {"EST5EDT,M3.2.0/168,M11.1.0",           false},
        {"EST5EDT,M3.2.0/2:60,M11.1.0",          false},
        {"EST99999999999999999999",              false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zone_rule rule;

        if (zone_rule_parse(&rule, slice_str(cases[i].text)) != cases[i].good)
            fail_msg("%s", cases[i].text);
    }
}

/* Summer time that never ends, days by number, and hours of the week before. */
static void test_rule_dates(void **state)
{
    static const struct {
        const char *rule, *utc;
        int32_t offset_s;
    } cases[] = {
        {"EST5EDT,0/0,J365/25",             "2026-12-31T23:30:00Z", -14400},
        {"EST5EDT,0/0,J365/25",             "2027-01-01T04:30:00Z", -14400},
        {"AAA0BBB,J60,J61",                 "2028-03-01T12:00:00Z", 3600  }, // not the 29th
        {"AAA0BBB,J60,J61",                 "2028-02-29T12:00:00Z", 0     },
        {"AAA0BBB,59,60",                   "2028-02-29T12:00:00Z", 3600  },
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200 },
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600 },
        {"AAA0BBB,M12.5.0/167,M1.2.0",      "2027-01-02T23:00:00Z", 3600  },
        {"AAA0BBB,M12.5.0/167,M1.2.0",      "2027-01-02T22:59:59Z", 0     },
        {"AAA0BBB,M12.5.0/167,M1.2.0",      "2027-01-10T01:00:00Z", 0     },
        {"NZST-12NZDT,M9.5.0,M4.1.0/3",     "2026-12-31T23:59:59Z", 46800 },
        {"NZST-12NZDT,M9.5.0,M4.1.0/3",     "2026-07-31T23:59:59Z", 43200 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zone_rule rule;
        struct zone_span span;

        assert_true(zone_rule_parse(&rule, slice_str(cases[i].rule)));
        span = zone_rule_span(&rule, moment(cases[i].utc) / 1000);
        if (span.offset_s != cases[i].offset_s)
            print_error("%s at %s\n", cases[i].rule, cases[i].utc);
        assert_int_equal(span.offset_s, cases[i].offset_s);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *text;
        bool is_name, is_fixed;
    } cases[] = {
        {"Europe/Berlin",                                                         true,  false},
        {"America/Port-au-Prince",                                                true,  false},
        {"Etc/GMT+5",                                                             true,  false},
        {"UTC",                                                                   true,  true },
        {"Z",                                                                     true,  true },
        {"+05:45",                                                                false, true },
        {"-18:00",                                                                false, true },
        {"+18:15",                                                                false, false},
        {"+05:40",                                                                false, false},
        {"+5:45",                                                                 false, false},
        {"+05:60",                                                                false, false},
        {"+05:45 ",                                                               false, false},
        {"",                                                                      false, false},
        {"/etc/passwd",                                                           false, false},
        {"../../../etc/passwd",                                                   false, false},
        {"Europe/../../etc/passwd",                                               false, false},
        {"Europe/.hidden",                                                        false, false},
        {"Europe//Berlin",                                                        false, false},
        {"Europe/",                                                               false, false},
        {"Europe\\Berlin",                                                        false, false},
        {"Europe/Berl\xc3\xadn",                                                  false, false},
        {"a23456789012345678901234567890123456789012345678901234567890123456789", false, false},
    };
    struct zone z;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (zone_is_name(slice_str(cases[i].text)) != cases[i].is_name ||
            zone_parse_fixed(&z, slice_str(cases[i].text)) != cases[i].is_fixed)
            fail_msg("%s", cases[i].text);
    }
    assert_false(zone_is_name(slice_of("Europe\0Berlin", 13)));
}

static void test_dates(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 800000; day += 13) {
        struct civil_date d = civil_from_days(day);

        assert_int_equal(civil_to_days(d.year, d.month, d.day), day);
    }
    assert_int_equal(civil_to_days(2026, 11, 27), 20784);
    assert_int_equal(civil_from_days(20784).day, 27);
    assert_int_equal(civil_to_days(2000, 2, 29) + 1, civil_to_days(2000, 3, 1));
    assert_int_equal(civil_to_days(1900, 2, 28) + 1, civil_to_days(1900, 3, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall_clocks),    cmocka_unit_test(test_slots),
        cmocka_unit_test(test_slots_in_a_row), cmocka_unit_test(test_any_moment),
        cmocka_unit_test(test_any_cut),        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_rules),          cmocka_unit_test(test_rule_dates),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
