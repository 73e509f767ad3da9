/* writer_test.c - from the journals to the database, on good days and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/array.h"
#include "base/clock.h"
#include "store/journal_ring.h"
#include "store/ledger_testing.h"
#include "store/writer.h"

#define MOST 400000

static unsigned char seen[MOST];

struct running {
    struct fixture f;
    struct journal_set *set;
    struct writer *writer;
};

static void start(struct running *r, unsigned workers, struct journal_limits limits)
{
    struct err_info e = {.code = ERR_NONE};
    struct journal_report report;

    fixture_make(&r->f);
    r->set = fixture_journals(&r->f, workers, limits, &report);
    assert_int_equal(writer_start(r->set, r->f.dsn, &r->writer, &e), ERR_NONE);
}

static void stop(struct running *r)
{
    writer_stop(r->writer);
    journal_set_close(r->set);
}

static bool settle(struct journal *j, uint64_t n)
{
    struct usage_record r = record_number(n);
    uint32_t slot = journal_intent(j, &r);

    if (journal_settle(j, slot, &r))
        return true;
    journal_cancel(j, slot);
    return false;
}

static void settle_all(struct running *r, uint64_t first, uint64_t end)
{
    for (uint64_t n = first; n < end; n++)
        assert_true(settle(journal_set_worker(r->set, 0), n));
}

static struct writer_stats stats_of(const struct running *r)
{
    struct writer_stats s;

    writer_read_stats(r->writer, &s);
    return s;
}

/* Waits until `is_so` of the statistics, at most some seconds. */
static struct writer_stats await(const struct running *r,
                                 bool (*is_so)(const struct writer_stats *))
{
    struct writer_stats s = stats_of(r);

    for (size_t i = 0; i < 1000 && !is_so(&s); i++) {
        usleep(10000);
        s = stats_of(r);
    }
    assert_true(is_so(&s));
    return s;
}

static bool is_away(const struct writer_stats *s)
{
    return s->database_is_away;
}

static bool has_spilled(const struct writer_stats *s)
{
    return s->spilled_bytes > 0;
}

static bool has_caught_up(const struct writer_stats *s)
{
    return s->lag_records == 0;
}

static void assert_census(const struct running *r, uint64_t rows)
{
    struct census c = fixture_census(&r->f, seen, MOST);

    assert_int_equal(c.rows, rows);
    assert_int_equal(c.unknown, 0);
    assert_int_equal(c.wrong, 0);
}

static void test_writes(void **state)
{
    struct running r;

    (void)state;
    start(&r, 1, (struct journal_limits){.ring_bytes = 0});
    settle_all(&r, 0, 5000);
    await(&r, has_caught_up); // on its own
    assert_census(&r, 5000);
    settle_all(&r, 5000, 5005);
    assert_true(journal_set_await(r.f.dir, 5000)); // as another process would
    assert_census(&r, 5005);
    settle_all(&r, 5005, 5010);
    assert_true(writer_flush(r.writer, 5000));
    assert_census(&r, 5010);
    assert_int_equal(stats_of(&r).rows_written, 5010);
    assert_int_equal(stats_of(&r).lag_ms, 0);
    assert_true(writer_flush(r.writer, 5000)); // nothing to do
    settle_all(&r, 5010, 5020);
    stop(&r); // and what is there is written
    assert_census(&r, 5020);
    fixture_remove(&r.f);
}

/* A worker a thread, small rings, the writer beside them: TSan has something to look at. */
struct worker_job {
    struct journal *journal;
    uint64_t first, end;
};

static void *work(void *arg)
{
    struct worker_job *job = arg;

    for (uint64_t n = job->first; n < job->end; n++) {
        while (!journal_has_room(job->journal) || !settle(job->journal, n))
            usleep(200);
    }
    return NULL;
}

static void test_workers_beside_writer(void **state)
{
    enum { WORKERS = 3, EACH = 20000 };
    struct worker_job jobs[WORKERS];
    pthread_t threads[WORKERS];
    struct running r;

    (void)state;
    start(&r, WORKERS, (struct journal_limits){.ring_bytes = 256 << 10, .slot_count = 64});
    for (unsigned i = 0; i < WORKERS; i++) {
        jobs[i] = (struct worker_job){journal_set_worker(r.set, i), i * EACH, (i + 1) * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    }
    assert_true(writer_flush(r.writer, 20000)); // also while records keep coming
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(writer_flush(r.writer, 20000));
    assert_int_equal(stats_of(&r).rows_written, WORKERS * EACH);
    assert_int_equal(stats_of(&r).lag_records, 0);
    stop(&r);
    assert_census(&r, WORKERS * EACH);
    fixture_remove(&r.f);
}

/* Another connection that holds the write lock. */
static sqlite3 *lock_database(const struct fixture *f)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->dsn + strlen("sqlite://"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* Nothing is lost, the rings stay usable, and what waited comes in when the lock goes. */
static void test_locked_for_a_while(void **state)
{
    struct running r;
    sqlite3 *other;

    (void)state;
    start(&r, 1, (struct journal_limits){.ring_bytes = 512 << 10, .slot_count = 64});
    settle_all(&r, 0, 100);
    assert_true(writer_flush(r.writer, 5000));
    other = lock_database(&r.f);
    for (uint64_t n = 100; n < 20000; n++) { // ten rings full
        while (!settle(journal_set_worker(r.set, 0), n))
            usleep(1000);
    }
    await(&r, is_away);
    await(&r, has_spilled);
    assert_true(stats_of(&r).lag_records >= 19000);
    assert_true(stats_of(&r).lag_ms > 0);
    assert_true(stats_of(&r).db_errors > 0);
    assert_false(writer_flush(r.writer, 300));
    assert_false(journal_set_await(r.f.dir, 50));
    sqlite3_close(other);
    await(&r, has_caught_up);
    assert_true(writer_flush(r.writer, 5000));
    assert_false(stats_of(&r).database_is_away);
    assert_int_equal(stats_of(&r).spilled_bytes, 0);
    assert_census(&r, 20000);
    stop(&r);
    fixture_remove(&r.f);
}

/* At the bound of P6 there is no room any more; at the next start all is there. */
static void test_bound_and_restart(void **state)
{
    struct journal_limits limits = {
        .ring_bytes = 64 << 10, .slot_count = 64, .spill_bytes = 256 << 10};
    struct journal_report report;
    uint64_t written = 0;
    struct running r;
    sqlite3 *other;

    (void)state;
    start(&r, 1, limits);
    other = lock_database(&r.f);
    for (size_t idle = 0; idle < 200;) {
        if (journal_has_room(journal_set_worker(r.set, 0)) &&
            settle(journal_set_worker(r.set, 0), written)) {
            written++;
            idle = 0;
        } else {
            usleep(10000);
            idle++;
        }
    }
    assert_true(written > 500 && written < 2000);
    assert_true(stats_of(&r).spilled_bytes <= 256 << 10);
    assert_int_equal(stats_of(&r).lag_records, written);
    stop(&r); // does not wait for the database
    sqlite3_close(other);

    r.set = fixture_journals(&r.f, 1, limits, &report);
    assert_int_equal(report.settled, written);
    assert_int_equal(report.damaged_files, 0);
    journal_set_close(r.set);
    assert_census(&r, written);
    fixture_remove(&r.f);
}

/* No file may grow: neither the database nor what is written aside; the ring has its room. */
static void test_full_disk(void **state)
{
    struct rlimit before, small;
    struct writer_stats s;
    uint64_t written = 0;
    struct running r;

    (void)state;
    start(&r, 1, (struct journal_limits){.ring_bytes = 256 << 10, .slot_count = 64});
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 128 << 10, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (size_t idle = 0; idle < 150;) {
        if (settle(journal_set_worker(r.set, 0), written)) {
            written++;
            idle = 0;
        } else {
            usleep(10000);
            idle++;
        }
    }
    s = stats_of(&r);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(s.database_is_away);
    assert_true(s.lag_records > 0 && s.lag_records <= written);
    assert_true(writer_flush(r.writer, 10000));
    assert_true(settle(journal_set_worker(r.set, 0), written++));
    stop(&r);
    assert_census(&r, written);
    fixture_remove(&r.f);
}

static bool hide(const char *path, bool hidden)
{
    char aside[128];

    snprintf(aside, sizeof(aside), "%s.aside", path);
    return rename(hidden ? path : aside, hidden ? aside : path) == 0;
}

/* The file is moved away under the running writer and comes back. */
static void test_database_gone(void **state)
{
    struct running r;
    char path[96];

    (void)state;
    start(&r, 1, (struct journal_limits){.ring_bytes = 1 << 20, .slot_count = 64});
    snprintf(path, sizeof(path), "%s/gproxy.db", r.f.dir);
    settle_all(&r, 0, 100);
    assert_true(writer_flush(r.writer, 5000));
    assert_true(hide(path, true));
    settle_all(&r, 100, 200);
    await(&r, is_away);
    assert_true(hide(path, false));
    settle_all(&r, 200, 300);
    assert_true(writer_flush(r.writer, 5000));
    stop(&r);
    assert_census(&r, 300);
    fixture_remove(&r.f);
}

/* An empty file in its place, as a copy has that just began, is not made a database. */
static void test_database_empty(void **state)
{
    struct running r;
    struct stat st;
    char path[96];
    int fd;

    (void)state;
    start(&r, 1, (struct journal_limits){.ring_bytes = 1 << 20, .slot_count = 64});
    snprintf(path, sizeof(path), "%s/gproxy.db", r.f.dir);
    settle_all(&r, 0, 100);
    assert_true(writer_flush(r.writer, 5000));
    assert_true(hide(path, true));
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    settle_all(&r, 100, 200);
    await(&r, is_away);
    assert_false(writer_flush(r.writer, 500)); // tried again and again
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(unlink(path), 0);
    assert_true(hide(path, false));
    assert_true(writer_flush(r.writer, 5000));
    stop(&r);
    assert_census(&r, 200);
    fixture_remove(&r.f);
}

/* Made unusable for a while: another file stands in its place. */
static void test_database_damaged(void **state)
{
    struct running r;
    char path[96];
    int fd;

    (void)state;
    start(&r, 1, (struct journal_limits){.ring_bytes = 1 << 20, .slot_count = 64});
    snprintf(path, sizeof(path), "%s/gproxy.db", r.f.dir);
    settle_all(&r, 0, 100);
    assert_true(writer_flush(r.writer, 5000));
    assert_true(hide(path, true));
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "this is no database, and it is long enough to tell", 50), 50);
    close(fd);
    settle_all(&r, 100, 200);
    await(&r, is_away);
    usleep(300000);
    assert_int_equal(unlink(path), 0);
    assert_true(hide(path, false));
    assert_true(writer_flush(r.writer, 5000));
    stop(&r);
    assert_census(&r, 200);
    fixture_remove(&r.f);
}

/* As long as nothing comes in, it sleeps. */
static void test_idle(void **state)
{
    struct timespec before, after;
    struct running r;

    (void)state;
    start(&r, 2, (struct journal_limits){.ring_bytes = 1 << 20});
    usleep(500000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    usleep(500000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec <
                20000000);
    stop(&r);
    fixture_remove(&r.f);
}

/*
 * P1 with everything at work: workers, writer, now and then a locked database.  Killed at a random
 * moment, many times over; at the end each answered exchange has its row, once.
 */
struct shared {
    _Atomic uint64_t intended, settled;
};

static void child_serves(const struct fixture *f, struct shared *s, uint64_t first)
{
    struct journal_limits limits = {.ring_bytes = 64 << 10, .slot_count = 64};
    struct err_info e = {.code = ERR_NONE};
    struct journal_report report;
    struct journal_set *set = fixture_journals(f, 1, limits, &report);
    sqlite3 *other = first % 2 ? lock_database(f) : NULL;
    struct writer *w;

    if (writer_start(set, f->dsn, &w, &e))
        abort();
    for (uint64_t n = first; n < MOST; n++) {
        struct usage_record r = record_number(n);
        struct journal *j = journal_set_worker(set, 0);
        uint32_t slot = journal_intent(j, &r);

        s->intended = n + 1;
        while (!journal_settle(j, slot, &r))
            usleep(100);
        s->settled = n + 1;
    }
    sqlite3_close(other);
    _exit(0);
}

/* The child of a fork may start threads anywhere but under TSan, which then hangs now and then. */
#if defined(__SANITIZE_THREAD__)
#define CAN_FORK false
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAN_FORK false
#endif
#endif
#ifndef CAN_FORK
#define CAN_FORK true
#endif

static void test_kill_at_any_moment(void **state)
{
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct random random;
    struct fixture f;
    uint64_t unknown = 0;

    (void)state;
    if (!CAN_FORK)
        skip();
    random_seed(&random, (const uint64_t[]){9, 8, 7, 6});
    fixture_make(&f);
    for (size_t kills = 0; kills < 25; kills++) {
        uint64_t first = s->intended;
        struct journal_report report;
        struct census c;
        pid_t child = fork();

        if (child == 0)
            child_serves(&f, s, first);
        while (s->intended == first)
            usleep(100);
        usleep((useconds_t)random_below(&random, 200000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);

        report = fixture_replay(&f);
        assert_int_equal(report.damaged_files, 0);
        unknown += report.unknown;
        c = fixture_census(&f, seen, MOST);
        assert_int_equal(c.wrong, 0);
        for (uint64_t n = 0; n < s->settled; n++)
            assert_int_equal(seen[n], 1);
        assert_true(c.rows == s->intended || c.rows == s->intended + 1);
        assert_int_equal(c.unknown, unknown);
        s->intended = s->settled = c.rows;
        if (s->intended > MOST - 100000)
            break;
    }
    munmap(s, sizeof(*s));
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_workers_beside_writer),
        cmocka_unit_test(test_locked_for_a_while),
        cmocka_unit_test(test_bound_and_restart),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_database_gone),
        cmocka_unit_test(test_database_empty),
        cmocka_unit_test(test_database_damaged),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_kill_at_any_moment),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
