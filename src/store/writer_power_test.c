/* writer_power_test.c - what is on the disk when the power goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "store/ledger_testing.h"
#include "store/writer.h"

#define MOST 10000

static unsigned char seen[MOST];
static struct fixture running, disk;
static _Atomic unsigned wal_syncs, spill_syncs, ring_syncs;

/*
 * The program's own fdatasync() stands before the C library's, for SQLite as well.  What
 * the write-ahead log holds when it is synced is what the disk has; nothing else is.
 */
int fdatasync(int fd)
{
    char link[32], path[256] = "", command[512];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof(path) - 1) < 0)
        return -1;
    if (strstr(path, "/spill-"))
        spill_syncs++;
    if (strstr(path, "-wal") && strstr(path, running.dir)) {
        snprintf(command, sizeof(command), "cp %s/gproxy.db %s/gproxy.db-wal %s", running.dir,
                 running.dir, disk.dir);
        if (system(command))
            abort();
        wal_syncs++;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int msync(void *at, size_t len, int flags)
{
    ring_syncs++;
    return (int)syscall(SYS_msync, at, len, flags);
}

static struct journal_set *set;
static struct writer *writer;

static void start(void)
{
    struct err_info e = {.code = ERR_NONE};
    struct journal_report report;

    fixture_make(&running);
    fixture_make(&disk);
    set = fixture_journals(&running, 1, (struct journal_limits){.ring_bytes = 0}, &report);
    assert_int_equal(writer_start(set, running.dsn, &writer, &e), ERR_NONE);
    wal_syncs = spill_syncs = ring_syncs = 0;
}

static void stop(void)
{
    writer_stop(writer);
    journal_set_close(set);
    fixture_remove(&running);
    fixture_remove(&disk);
}

static void settle(uint64_t n)
{
    struct usage_record r = record_number(n);

    assert_true(journal_settle(journal_set_worker(set, 0), JOURNAL_NO_SLOT, &r));
}

/* P2: at most about the last second, also of the last records before it is quiet. */
static void test_last_second(void **state)
{
    static int64_t settled_at[MOST];
    int64_t begun = clock_mono_ms(), cut_at;
    uint64_t count = 0, on_disk;
    unsigned syncs;

    (void)state;
    start();
    while (clock_mono_ms() - begun < 2600) {
        settled_at[count] = clock_mono_ms();
        settle(count++);
        usleep(2000);
    }
    cut_at = clock_mono_ms();
    syncs = wal_syncs;
    on_disk = fixture_census(&disk, seen, MOST).rows;
    assert_true(on_disk < count || syncs > 0);
    assert_true(on_disk > 0);
    for (uint64_t n = 0; n < count; n++)
        assert_true(seen[n] || cut_at - settled_at[n] < 1500); // and what a busy machine adds
    assert_true(syncs >= 2 && syncs <= 4);                     // not one for every commit

    usleep(1600000);
    assert_int_equal(fixture_census(&disk, seen, MOST).rows, count);
    syncs = wal_syncs;
    usleep(1000000);
    assert_int_equal(wal_syncs, syncs); // nothing to do
    assert_int_equal(ring_syncs, 0);
    stop();
}

/* The database is away: the ring is synced while it holds records, and then what is written aside. */
static void test_database_away(void **state)
{
    sqlite3 *other;

    (void)state;
    start();
    assert_int_equal(sqlite3_open(running.dsn + strlen("sqlite://"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (uint64_t n = 0; n < 50; n++)
        settle(n);
    for (size_t i = 0; i < 500 && !spill_syncs; i++)
        usleep(10000);
    assert_true(ring_syncs >= 1);
    assert_true(spill_syncs >= 1);
    assert_int_equal(wal_syncs, 0);
    sqlite3_close(other);
    assert_true(writer_flush(writer, 5000));
    assert_int_equal(fixture_census(&disk, seen, MOST).rows, 50); // before the file went
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_second),
        cmocka_unit_test(test_database_away),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
