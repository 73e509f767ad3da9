/* journal_test.c - slots, rings, and what a start makes of what is left in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/journal_testing.h"
#include "store/spill.h"

static void test_slots_run_out(void **state)
{
    struct journal_report report;
    struct journal_set *set;
    struct fixture f;
    struct journal *j;

    (void)state;
    fixture_make(&f);
    set = fixture_journals(&f, 1, (struct journal_limits){.slot_count = 130}, &report);
    j = journal_set_worker(set, 0);
    for (uint32_t i = 0; i < 192; i++) // rounded up
        assert_int_equal(intend(j, i), i);
    assert_int_equal(intend(j, 500), JOURNAL_NO_SLOT);
    journal_cancel(j, 150);
    journal_cancel(j, 7);
    assert_int_equal(intend(j, 500), 7); // the lowest first
    assert_true(settle(j, 3, 3));
    assert_int_equal(intend(j, 501), 3);
    assert_int_equal(intend(j, 502), 150);
    assert_int_equal(intend(j, 503), JOURNAL_NO_SLOT);
    journal_cancel(j, JOURNAL_NO_SLOT); // nothing
    journal_set_close(set);
    fixture_remove(&f);
}

/* Many laps of a small ring, read in pieces of every size. */
static void test_wraps(void **state)
{
    uint64_t written = 0, read = 0;
    struct journal_report report;
    struct journal_set *set;
    struct fixture f;
    struct journal *j;

    (void)state;
    fixture_make(&f);
    set = fixture_journals(&f, 1, small_limits(), &report);
    j = journal_set_worker(set, 0);
    for (size_t round = 0; round < 2000; round++) {
        for (size_t i = 0; i < round % 37; i++)
            written += settle(j, JOURNAL_NO_SLOT, written);
        drain(j, round % 29, &read);
    }
    while (drain(j, 1000, &read))
        continue;
    assert_int_equal(read, written);
    assert_true(written > 20000);
    assert_int_equal(journal_tail(j), journal_head(j));
    journal_set_close(set);
    fixture_remove(&f);
}

static void test_full_ring(void **state)
{
    uint64_t written = 0, read = 0;
    struct journal_report report;
    struct journal_set *set;
    uint32_t slots[64];
    struct fixture f;
    struct journal *j;
    size_t running = 0;

    (void)state;
    fixture_make(&f);
    set = fixture_journals(&f, 1, small_limits(), &report);
    j = journal_set_worker(set, 0);
    while (journal_has_room(j)) { // what was admitted can settle, however many they are
        slots[running] = intend(j, running);
        running++;
    }
    assert_true(running > 8);
    for (size_t i = 0; i < running; i++)
        assert_true(settle(j, slots[i], written++));
    while (settle(j, JOURNAL_NO_SLOT, written))
        written++;
    slots[0] = intend(j, written);
    assert_int_equal(slots[0], 0);
    assert_false(settle(j, slots[0], written));
    assert_int_equal(intend(j, 1000), 1); // that slot still stands
    assert_false(journal_has_room(j));

    assert_true(drain(j, 1000, &read) > 0);
    assert_int_equal(read, written);
    assert_true(settle(j, slots[0], written));
    assert_true(journal_has_room(j));
    journal_set_close(set);
    fixture_remove(&f);
}

static void test_replay(void **state)
{
    static char slots[JOURNAL_HEADER_BYTES + 64 * JOURNAL_SLOT_BYTES];
    struct journal_report report;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    leave_behind(&f, 3, 60, 20);
    report = fixture_replay(&f); // one worker now: those of the others are replayed, too
    assert_int_equal(report.settled, 60);
    assert_int_equal(report.unknown, 20);
    assert_int_equal(report.damaged_files, 0);
    assert_census(&f, 80, 20);
    assert_int_equal(count_files(&f, ".ring"), 1);
    assert_int_equal(count_files(&f, ".slots"), 1);

    copy(&f, "worker-0.slots", slots, sizeof(slots)); // they are free again
    for (size_t i = JOURNAL_HEADER_BYTES; i < sizeof(slots); i += JOURNAL_SLOT_BYTES)
        assert_memory_equal(slots + i, "\0\0\0\0\0\0\0", 8);

    report = fixture_replay(&f); // and nothing the second time
    assert_int_equal(report.settled + report.unknown, 0);
    assert_census(&f, 80, 20);
    fixture_remove(&f);
}

/* Another number of slots, another ring: files are made anew, their content is not lost. */
static void test_replay_other_limits(void **state)
{
    struct journal_report report;
    struct journal_set *set;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    leave_behind(&f, 1, 20, 5);
    set = fixture_journals(&f, 1, (struct journal_limits){.ring_bytes = 65536, .slot_count = 128},
                           &report);
    assert_int_equal(report.settled, 20);
    assert_int_equal(report.unknown, 5);
    assert_int_equal(journal_set_worker(set, 0)->ring.body_bytes, 65536);
    assert_int_equal(journal_set_worker(set, 0)->slot_count, 128);
    journal_set_close(set);
    fixture_remove(&f);
}

/* The window between the ring's record and the cleared slot. */
static void test_replay_settled_slot(void **state)
{
    struct journal_report report;
    struct journal_set *set;
    struct fixture f;

    (void)state;
    fixture_make(&f);
    set = fixture_journals(&f, 1, small_limits(), &report);
    intend(journal_set_worker(set, 0), 1);
    assert_true(settle(journal_set_worker(set, 0), JOURNAL_NO_SLOT, 1));
    journal_set_close(set);
    report = fixture_replay(&f);
    assert_int_equal(report.settled, 1);
    assert_int_equal(report.unknown, 0);
    assert_census(&f, 1, 0);
    fixture_remove(&f);
}

static void test_locked(void **state)
{
    struct journal_report report;
    struct journal_set *set;
    struct fixture f;
    struct err_info e;
    char pid[24];

    (void)state;
    fixture_make(&f);
    set = fixture_journals(&f, 1, small_limits(), &report);
    assert_int_equal(try_open(&f, small_limits(), &e), ERR_CONFLICT);
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(e.text, pid));
    journal_set_close(set);
    assert_int_equal(try_open(&f, small_limits(), &e), ERR_NONE);
    fixture_remove(&f);
}

/* Met at start with words, and nothing half-made stays. */
static void test_no_room_on_disk(void **state)
{
    struct rlimit before, small;
    struct fixture f;
    struct err_info e;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f); // the database itself is larger than the limit below would allow
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(try_open(&f, (struct journal_limits){.ring_bytes = 4 << 20}, &e), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(e.text, "cannot reserve"));
    assert_int_equal(count_files(&f, ".new"), 0);
    assert_int_equal(try_open(&f, small_limits(), &e), ERR_NONE);
    ledger_close(l);
    fixture_remove(&f);
}

static void test_idle_pages(void **state)
{
    struct journal_report report;
    struct journal_set *set;
    struct fixture f;
    struct journal *j;
    uint64_t read = 0;

    (void)state;
    fixture_make(&f);
    set = fixture_journals(&f, 1, (struct journal_limits){.ring_bytes = 0}, &report);
    j = journal_set_worker(set, 0);
    for (uint64_t n = 0; n < 20000; n++)
        assert_true(settle(j, intend(j, n), n));
    drain(j, 20000, &read);
    assert_true(journal_tail(j) - j->given_back < 2 << 20);
    journal_give_back(j);
    assert_int_equal(j->given_back, journal_tail(j));
    // Given back is not lost: the bytes are still in the file.
    assert_true(ring_record_at(&j->ring, 0) > 0);
    journal_set_close(set);
    fixture_remove(&f);
}

/*
 * P1.  A child journals as a worker does and tells, after each settlement, that the client has
 * the answer; then it is killed at a random moment.
 */
struct shared {
    _Atomic uint64_t intended, settled; // numbers below these
};

static void child_works(const struct fixture *f, struct shared *s, uint64_t first)
{
    struct journal_limits limits = {.ring_bytes = 8 << 20, .slot_count = 64};
    struct journal_report report;
    struct journal_set *set = fixture_journals(f, 1, limits, &report);
    struct journal *j = journal_set_worker(set, 0);
    uint64_t ignored = first;

    for (uint64_t n = first; n < MOST; n++) {
        uint32_t slot = intend(j, n);
        s->intended = n + 1;
        if (!settle(j, slot, n)) {
            drain(j, 100000, &ignored); // never: the ring holds all of it
            abort();
        }
        s->settled = n + 1;
    }
    _exit(0);
}

static void kill_one(const struct fixture *f, struct shared *s, struct random *random)
{
    uint64_t first = s->intended;
    pid_t child = fork();
    int status;

    if (child == 0)
        child_works(f, s, first);
    while (s->intended == first) // the child is at work
        usleep(100);
    usleep((useconds_t)random_below(random, 700));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void test_kill_at_any_moment(void **state)
{
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct random random;
    struct fixture f;
    uint64_t unknown = 0;
    size_t kills = 0;

    (void)state;
    random_seed(&random, (const uint64_t[]){1, 2, 3, 4});
    fixture_make(&f);
    for (; kills < 60 && s->intended < MOST - 20000; kills++) {
        struct journal_report report;
        struct census c;

        kill_one(&f, s, &random);
        report = fixture_replay(&f);
        unknown += report.unknown;
        c = fixture_census(&f, seen, MOST);
        assert_int_equal(c.wrong, 0);
        assert_int_equal(report.damaged_files, 0);
        for (uint64_t n = 0; n < s->settled; n++)
            assert_int_equal(seen[n], 1);
        assert_true(c.rows == s->intended || c.rows == s->intended + 1);
        assert_int_equal(c.unknown, unknown);
        s->intended = s->settled = c.rows; // what the child had begun and not told
    }
    assert_true(kills > 10);
    munmap(s, sizeof(*s));
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_run_out),
        cmocka_unit_test(test_wraps),
        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_replay_other_limits),
        cmocka_unit_test(test_replay_settled_slot),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_no_room_on_disk),
        cmocka_unit_test(test_idle_pages),
        cmocka_unit_test(test_kill_at_any_moment),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
