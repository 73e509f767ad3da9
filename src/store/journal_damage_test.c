/* journal_damage_test.c - what a start makes of files that are damaged, cut short, or newer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "store/journal_testing.h"

/*
 * Any byte of the last record changed: that record may be lost, the others stand, nothing is
 * made up, and it is said.
 */
static void test_damage_at_every_byte(void **state)
{
    static _Alignas(64) char ring[JOURNAL_HEADER_BYTES + 16384];
    struct journal_report report;
    struct fixture f;
    uint64_t start, end;

    (void)state;
    fixture_make(&f);
    leave_behind(&f, 1, 10, 0);
    copy(&f, "worker-0.ring", ring, sizeof(ring));
    end = ((struct journal_header *)(void *)ring)->head;
    for (start = 0; start < end; start += RECORD_ALIGN) {
        struct journal_record head;
        assert_true(record_check(slice_of(ring + JOURNAL_HEADER_BYTES + start, 4096), &head));
        if (start + head.length == end)
            break;
        start += head.length - RECORD_ALIGN;
    }
    assert_true(end > start + 100);
    for (uint64_t at = start; at < end; at++) {
        char bad = (char)(ring[JOURNAL_HEADER_BYTES + at] ^ 0x41);
        char path[160];

        snprintf(path, sizeof(path), "rm -f %s/gproxy.db* %s/journal/*", f.dir, f.dir);
        assert_int_equal(system(path), 0);
        overwrite(&f, "worker-0.ring", 0, ring, sizeof(ring));
        overwrite(&f, "worker-0.ring", (off_t)(JOURNAL_HEADER_BYTES + at), &bad, 1);
        report = fixture_replay(&f);
        assert_int_equal(report.settled, 9);
        assert_int_equal(report.damaged_files, 1);
        assert_true(report.damaged_bytes >= end - start);
        assert_int_equal(count_files(&f, ".damaged"), 1);
        assert_census(&f, 9, 0);
        at += at % 5; // most of them; each costs a database
    }
    fixture_remove(&f);
}

/* The file cut anywhere: what stands before the cut is there. */
static void test_cut_at_every_length(void **state)
{
    static _Alignas(64) char ring[JOURNAL_HEADER_BYTES + 16384];
    struct fixture f;
    uint64_t end;

    (void)state;
    fixture_make(&f);
    leave_behind(&f, 1, 6, 0);
    copy(&f, "worker-0.ring", ring, sizeof(ring));
    end = ((struct journal_header *)(void *)ring)->head + JOURNAL_HEADER_BYTES;
    for (size_t cut = 0; cut <= end; cut += cut < JOURNAL_HEADER_BYTES ? 273 : 13) {
        struct journal_report report;
        struct records r = {
            .rest = slice_of(ring + JOURNAL_HEADER_BYTES,
                             cut > JOURNAL_HEADER_BYTES ? cut - JOURNAL_HEADER_BYTES : 0)};
        struct slice payload;
        uint64_t whole = 0;
        char command[160];

        while (records_next(&r, &payload))
            whole++;
        snprintf(command, sizeof(command), "rm -f %s/gproxy.db* %s/journal/*", f.dir, f.dir);
        assert_int_equal(system(command), 0);
        overwrite(&f, "worker-0.ring", 0, ring, cut);
        report = fixture_replay(&f);
        assert_int_equal(report.settled, whole);
        assert_int_equal(report.damaged_files, 1);
        assert_census(&f, whole, 0);
    }
    fixture_remove(&f);
}

/* The header of a power cut: older than the records, which are believed. */
static void test_stale_header(void **state)
{
    struct journal_report report;
    struct fixture f;
    uint64_t zero = 0;

    (void)state;
    fixture_make(&f);
    leave_behind(&f, 1, 10, 0);
    overwrite(&f, "worker-0.ring", offsetof(struct journal_header, head), &zero, 8);
    report = fixture_replay(&f);
    assert_int_equal(report.settled, 10);
    assert_int_equal(report.damaged_files, 0);
    assert_census(&f, 10, 0);
    fixture_remove(&f);
}

static void test_damaged_headers(void **state)
{
    enum {
        WORDS = offsetof(struct journal_header, words),
        CHECKSUM = offsetof(struct journal_header, checksum),
        TAIL = offsetof(struct journal_header, tail),
        BODY = JOURNAL_HEADER_BYTES,
    };
    static const struct {
        const char *why, *name;
        off_t at;
        uint64_t settled, unknown;
    } cases[] = {
        {"magic of the ring",    "worker-0.ring",  0,         20, 4},
        {"words of the ring",    "worker-0.ring",  WORDS,     20, 4},
        {"checksum of the ring", "worker-0.ring",  CHECKSUM,  20, 4},
        {"tail of the ring",     "worker-0.ring",  TAIL,      20, 4},
        {"magic of the slots",   "worker-0.slots", 0,         20, 4},
        {"a slot",               "worker-0.slots", BODY + 30, 20, 3},
        {"a slot's length",      "worker-0.slots", BODY + 2,  20, 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct journal_report report;
        struct fixture f;

        fixture_make(&f);
        leave_behind(&f, 1, 20, 4);
        overwrite(&f, cases[i].name, cases[i].at, "\xff\xff\xff\xff", 4);
        report = fixture_replay(&f);
        if (report.settled != cases[i].settled || report.unknown != cases[i].unknown)
            print_error("%s\n", cases[i].why);
        assert_int_equal(report.settled, cases[i].settled);
        assert_int_equal(report.unknown, cases[i].unknown);
        assert_int_equal(report.damaged_files, 1);
        assert_int_equal(count_files(&f, ".damaged"), 1);
        assert_census(&f, cases[i].settled + cases[i].unknown, cases[i].unknown);
        report = fixture_replay(&f); // a whole journal again
        assert_int_equal(report.damaged_files + report.settled + report.unknown, 0);
        fixture_remove(&f);
    }
}

/* Refused, said why, and left as it is. */
static void test_newer(void **state)
{
    static const char *const names[] = {"worker-0.ring", "worker-0.slots", "worker-7.ring"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        uint32_t version = JOURNAL_VERSION + 1;
        struct err_info e;
        struct fixture f;

        fixture_make(&f);
        leave_behind(&f, 8, 8, 8);
        overwrite(&f, names[i], offsetof(struct journal_header, version), &version, 4);
        assert_int_equal(try_open(&f, small_limits(), &e), ERR_NEWER);
        assert_non_null(strstr(e.text, names[i]));
        assert_census(&f, 0, 0);
        version = JOURNAL_VERSION;
        overwrite(&f, names[i], offsetof(struct journal_header, version), &version, 4);
        assert_int_equal(try_open(&f, small_limits(), &e), ERR_NONE);
        assert_census(&f, 16, 8);
        fixture_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_at_every_byte),
        cmocka_unit_test(test_cut_at_every_length),
        cmocka_unit_test(test_stale_header),
        cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_newer),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
