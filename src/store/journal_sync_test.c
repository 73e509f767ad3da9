/* journal_sync_test.c - mode durable: what is on the disk when somebody is told so, and the power goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/array.h"
#include "base/clock.h"
#include "store/journal_sync.h"
#include "store/journal_testing.h"
#include "store/writer.h"

#define PAGE 4096
#define RING (JOURNAL_HEADER_BYTES + 65536)

static struct fixture running, disk;
static struct journal_set *set;
static struct writer *writer;
static struct worker *worker;
static pthread_t loop;

/*
 * The disk: what was synced, no more.  A ring is as it was when its sync began, page by page,
 * but for pages that a sync which failed has made look clean: they go with a later one only
 * when something has written to them since.
 */
static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(PAGE) char ring_on_disk[RING], ring_seen[RING];
static bool page_is_lost[RING / PAGE];
static const char *ring_at;
static _Atomic bool fails;
static _Atomic bool spill_fails, wal_fails;
static bool wal_is_lost; // looks written, and is not
static _Atomic unsigned ring_syncs, ring_failures, wal_syncs, spill_syncs, spill_failures,
    wal_failures;
static _Atomic int sync_ms;

/* As a disk reads memory, of which no thread knows; answers whether anything has changed. */
__attribute__((no_sanitize("thread"))) static bool look_at_page(size_t at)
{
    const volatile uint64_t *from =
        (const volatile uint64_t *)(const volatile void *)(ring_at + at);
    uint64_t *to = (uint64_t *)(void *)(ring_seen + at);
    bool is_dirty = false;

    for (size_t i = 0; i < PAGE / sizeof(*to); i++) {
        uint64_t word = from[i];
        is_dirty = is_dirty || to[i] != word;
        to[i] = word;
    }
    return is_dirty;
}

static void keep_page(size_t at, bool works)
{
    bool is_dirty = look_at_page(at);

    if (is_dirty)
        page_is_lost[at / PAGE] = false;
    if (!works)
        page_is_lost[at / PAGE] = page_is_lost[at / PAGE] || is_dirty;
    else if (!page_is_lost[at / PAGE])
        memcpy(ring_on_disk + at, ring_seen + at, PAGE);
}

/* The program's own call stands before the C library's. */
int msync(void *at, size_t len, int flags)
{
    bool works = !atomic_load(&fails);

    if (len != RING)
        return (int)syscall(SYS_msync, at, len, flags);
    pthread_mutex_lock(&disk_lock);
    ring_at = at;
    for (size_t page = 0; page < RING; page += PAGE)
        keep_page(page, works);
    pthread_mutex_unlock(&disk_lock);
    for (int64_t end = clock_mono_ms() + atomic_load(&sync_ms); clock_mono_ms() < end;)
        usleep(1000);
    ++*(works ? &ring_syncs : &ring_failures);
    errno = EIO;
    return works ? 0 : -1;
}

int madvise(void *at, size_t len, int advice)
{
    size_t from;

    if (advice != MADV_POPULATE_WRITE)
        return (int)syscall(SYS_madvise, at, len, advice);
    pthread_mutex_lock(&disk_lock);
    from = (size_t)((const char *)at - ring_at);
    assert_true(from < RING && from + len <= RING && from % PAGE == 0);
    memset(page_is_lost + from / PAGE, 0, (len + PAGE - 1) / PAGE);
    pthread_mutex_unlock(&disk_lock);
    return 0;
}

/* The log is on the disk as a whole, unless a sync has failed: then the tables must be instead. */
static bool keep_database(const char *path)
{
    bool is_wal = strstr(path, "-wal") != NULL, works = !is_wal || !atomic_load(&wal_fails);
    char command[512];

    pthread_mutex_lock(&disk_lock);
    wal_is_lost = is_wal && (wal_is_lost || !works);
    snprintf(command, sizeof(command), "cp %s/gproxy.db %s && %s %s/gproxy.db-wal %s", running.dir,
             disk.dir, is_wal ? "cp" : "rm -f", is_wal ? running.dir : disk.dir,
             is_wal ? disk.dir : "");
    if (!wal_is_lost && system(command))
        abort();
    pthread_mutex_unlock(&disk_lock);
    wal_failures += !works;
    wal_syncs += is_wal && works;
    errno = EIO;
    return works;
}

int fdatasync(int fd)
{
    char link[32], path[256] = "", command[512];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof(path) - 1) < 0)
        return -1;
    if (strstr(path, "/spill-") && atomic_load(&spill_fails)) {
        spill_failures++;
        errno = EIO;
        return -1;
    }
    if (strstr(path, "/spill-")) {
        snprintf(command, sizeof(command), "cp %.200s %s", path, disk.dir);
        if (system(command))
            abort();
        spill_syncs++;
    }
    if (strstr(path, running.dir) && strstr(path, "/gproxy.db") && !keep_database(path))
        return -1;
    return (int)syscall(SYS_fdatasync, fd);
}

/* What a start after the power has gone finds: [seen] says which numbers there are. */
static struct census after_power_loss(void)
{
    struct journal_limits limits = {.ring_bytes = RING - JOURNAL_HEADER_BYTES, .slot_count = 64};
    struct journal_report report;
    struct fixture found;
    struct census c;
    char command[512];
    FILE *ring;

    fixture_make(&found);
    pthread_mutex_lock(&disk_lock);
    snprintf(
        command, sizeof(command),
        "cd %s && mkdir %s/journal && for f in gproxy.db*; do ! [ -f $f ] || cp $f %s; done && "
        "for f in spill-*; do ! [ -f $f ] || cp $f %s/journal; done",
        disk.dir, found.dir, found.dir, found.dir);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "%s/journal/worker-0.ring", found.dir);
    ring = fopen(command, "w");
    assert_int_equal(fwrite(ring_on_disk, RING, 1, ring), 1);
    fclose(ring);
    pthread_mutex_unlock(&disk_lock);
    journal_set_close(fixture_journals(&found, 1, limits, &report));
    assert_int_equal(report.damaged_files, 0);
    c = fixture_census(&found, seen, MOST);
    fixture_remove(&found);
    return c;
}

static void *run_loop(void *ctx)
{
    worker_run(ctx);
    return NULL;
}

static void start(void)
{
    struct journal_limits limits = {
        .ring_bytes = RING - JOURNAL_HEADER_BYTES, .slot_count = 64, .durable = true};
    struct err_info e = {.code = ERR_NONE};
    struct journal_report report;

    fixture_make(&running);
    fixture_make(&disk);
    ring_at = NULL;
    memset(page_is_lost, 0, sizeof(page_is_lost));
    memset(ring_on_disk, 0, sizeof(ring_on_disk));
    memset(ring_seen, 0, sizeof(ring_seen));
    atomic_store(&fails, false);
    atomic_store(&sync_ms, 0);
    set = fixture_journals(&running, 1, limits, &report);
    worker = worker_new(0);
    assert_int_equal(journal_sync_start(set, 0, worker, &e), ERR_NONE);
    ring_syncs = ring_failures = wal_syncs = spill_syncs = spill_failures = 0;
    wal_failures = 0;
    wal_is_lost = false;
    writer = NULL;
    assert_int_equal(pthread_create(&loop, NULL, run_loop, worker), 0);
}

static void start_writer(void)
{
    struct err_info e = {.code = ERR_NONE};

    assert_int_equal(writer_start(set, running.dsn, &writer, &e), ERR_NONE);
}

static void stop_worker(void *ctx)
{
    worker_stop(ctx);
}

static void stop(void)
{
    worker_post(worker, stop_worker, worker);
    pthread_join(loop, NULL);
    journal_sync_stop(set);
    worker_free(worker);
    writer_stop(writer);
    journal_set_close(set);
    fixture_remove(&running);
    fixture_remove(&disk);
}

/* An exchange, as far as it matters here: it settles on the worker's thread, and waits. */
struct one {
    struct journal_wait wait;
    struct task task;
    uint64_t number;
    _Atomic bool settled, safe;
};

static void look(void *ctx)
{
    struct one *x = ctx;

    if (journal_wait_is_over(journal_set_worker(set, 0), &x->wait))
        atomic_store(&x->safe, true);
}

static void settle_one(void *ctx)
{
    struct one *x = ctx;
    struct journal *j = journal_set_worker(set, 0);

    if (!settle(j, JOURNAL_NO_SLOT, x->number)) {
        worker_post(worker, settle_one, x); // the writer makes room soon
        return;
    }
    journal_wait_begin(j, &x->wait, &x->task);
    atomic_store(&x->settled, true);
    look(x);
}

static void give_up(void *ctx)
{
    struct one *x = ctx;

    journal_wait_cancel(&x->wait);
    task_cancel(&x->task);
    atomic_store(&x->settled, false);
}

static void begin(struct one *x, uint64_t number)
{
    *x = (struct one){.number = number};
    journal_wait_init(&x->wait);
    task_init(&x->task, look, x);
    worker_post(worker, settle_one, x);
}

static void await(_Atomic bool *what, bool wanted)
{
    for (int64_t end = clock_mono_ms() + 20000; atomic_load(what) != wanted; usleep(200))
        assert_true(clock_mono_ms() < end);
}

/* All that were told that they are safe are there after the power has gone, at any moment. */
static void test_power(void **state)
{
    static struct one all[600];
    static bool was_safe[600];
    uint64_t begun = 0;

    (void)state;
    for (int with_writer = 0; with_writer < 2; with_writer++) {
        start();
        if (with_writer)
            start_writer();
        begun = 0;
        for (int round = 0; round < (with_writer ? 25 : 6); round++) { // laps of the ring, with it
            uint64_t first = begun;
            size_t safe = 0;

            for (int i = 0; i < 15; i++, begun++)
                begin(&all[begun], begun);
            if (round % 2)
                await(&all[first].safe, true); // the others may be under way
            else
                await(&all[begun - 1].safe, true);
            for (uint64_t n = 0; n < begun; n++)
                was_safe[n] = atomic_load(&all[n].safe);
            after_power_loss();
            for (uint64_t n = 0; n < begun; n++) {
                safe += was_safe[n];
                assert_true(seen[n] == 1 || !was_safe[n]);
            }
            assert_true(safe > 0);
            await(&all[begun - 1].safe, true);
        }
        assert_true(atomic_load(&ring_syncs) > 0);
        assert_true(with_writer || !atomic_load(&wal_syncs));
        stop();
    }
}

/* One sync for all that have come by its beginning. */
static void test_group(void **state)
{
    static struct one all[200];

    (void)state;
    start();
    atomic_store(&sync_ms, 100);
    begin(&all[0], 0);
    await(&all[0].settled, true);
    for (uint64_t n = 1; n < ARRAY_LEN(all); n++)
        begin(&all[n], n);
    for (uint64_t n = 0; n < ARRAY_LEN(all); n++)
        await(&all[n].safe, true);
    assert_true(atomic_load(&ring_syncs) <= 4);
    assert_int_equal(after_power_loss().rows, ARRAY_LEN(all));
    stop();
}

/* Nobody is safe while it fails, and all are, on the disk as well, once it does not any more. */
static void test_failure(void **state)
{
    struct journal *j;
    static struct one all[40];

    (void)state;
    start();
    j = journal_set_worker(set, 0);
    assert_false(journal_is_failing(j));
    begin(&all[0], 0);
    await(&all[0].safe, true);
    atomic_store(&fails, true);
    for (uint64_t n = 1; n < ARRAY_LEN(all); n++)
        begin(&all[n], n);
    while (atomic_load(&ring_failures) < 3)
        usleep(1000);
    await(&all[ARRAY_LEN(all) - 1].settled, true);
    assert_true(journal_is_failing(j));
    assert_false(atomic_load(&all[1].safe));
    assert_int_equal(after_power_loss().rows, 1);
    worker_post(worker, give_up, &all[5]); // its client is gone
    await(&all[5].settled, false);

    atomic_store(&fails, false);
    for (uint64_t n = 0; n < ARRAY_LEN(all); n++) {
        if (n != 5)
            await(&all[n].safe, true);
    }
    assert_false(atomic_load(&all[5].safe));
    assert_int_equal(after_power_loss().rows, ARRAY_LEN(all)); // also what looked clean
    while (journal_is_failing(j))
        usleep(1000);
    stop();
}

/* What the writer has brought to the disk is safe, whatever becomes of the ring. */
static void test_writer(void **state)
{
    struct journal_sync_stats stats;
    struct one x;

    (void)state;
    start();
    start_writer();
    atomic_store(&fails, true);
    begin(&x, 0);
    await(&x.safe, true);
    assert_true(atomic_load(&wal_syncs) > 0);
    assert_int_equal(after_power_loss().rows, 1);
    journal_sync_read_stats(set, &stats);
    assert_true(stats.errors > 0);
    assert_int_equal(stats.syncs, 0);
    stop();
}

/* A log that could not be synced once is not believed, although it can be now. */
static void test_log(void **state)
{
    struct one x;

    (void)state;
    start();
    start_writer();
    atomic_store(&fails, true);
    atomic_store(&wal_fails, true);
    begin(&x, 0);
    while (atomic_load(&wal_failures) < 2)
        usleep(1000);
    await(&x.settled, true);
    assert_false(atomic_load(&x.safe));
    assert_int_equal(after_power_loss().rows, 0);
    atomic_store(&wal_fails, false);
    await(&x.safe, true);
    assert_int_equal(after_power_loss().rows, 1);
    stop();
}

/* Nor does a record leave the ring for a file that is not on the disk. */
static void test_spill(void **state)
{
    static struct one all[20];
    struct journal *j;
    sqlite3 *other;

    (void)state;
    start();
    start_writer();
    j = journal_set_worker(set, 0);
    assert_int_equal(sqlite3_open(running.dsn + strlen("sqlite://"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    atomic_store(&fails, true);
    atomic_store(&spill_fails, true);
    for (uint64_t n = 0; n < ARRAY_LEN(all); n++)
        begin(&all[n], n);
    while (atomic_load(&spill_failures) < 2)
        usleep(1000);
    assert_int_equal(journal_tail(j), 0);
    assert_false(atomic_load(&all[0].safe));
    assert_int_equal(after_power_loss().rows, 0);

    atomic_store(&spill_fails, false);
    for (uint64_t n = 0; n < ARRAY_LEN(all); n++)
        await(&all[n].safe, true); // the ring is not
    assert_int_equal(atomic_load(&spill_syncs), 1);
    assert_int_equal(after_power_loss().rows, ARRAY_LEN(all));
    sqlite3_close(other);
    assert_true(writer_flush(writer, 5000));
    assert_int_equal(fixture_census(&running, seen, MOST).rows, ARRAY_LEN(all));
    assert_int_equal(count_files(&running, ".damaged"), 0);
    stop();
}

/* Without a thread nobody waits. */
static void test_fast(void **state)
{
    struct journal_report report;
    struct journal_wait w;
    struct journal *j;

    (void)state;
    fixture_make(&running);
    fixture_make(&disk);
    set = fixture_journals(&running, 1, small_limits(), &report);
    j = journal_set_worker(set, 0);
    journal_wait_init(&w);
    assert_true(settle(j, JOURNAL_NO_SLOT, 0));
    journal_wait_begin(j, &w, NULL);
    assert_true(journal_wait_is_over(j, &w));
    assert_false(journal_is_failing(j));
    journal_wait_cancel(&w);
    journal_set_close(set);
    fixture_remove(&running);
    fixture_remove(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power),  cmocka_unit_test(test_group), cmocka_unit_test(test_failure),
        cmocka_unit_test(test_writer), cmocka_unit_test(test_log),   cmocka_unit_test(test_spill),
        cmocka_unit_test(test_fast),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
