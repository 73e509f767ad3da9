/* log_sink_test.c - every line arrives whole and in order, or is counted. */
#include "loop/log_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#define WRITERS    4
#define LINES      20000
#define LINE_BYTES 64

struct reader {
    int fd;
    struct buf bytes;
};

static void *read_all(void *reader)
{
    struct reader *r = reader;
    ssize_t n;

    while ((n = read(r->fd, buf_reserve(&r->bytes, 65536), 65536)) > 0)
        buf_grew(&r->bytes, (size_t)n);
    return NULL;
}

struct writer {
    struct log_sink *sink;
    unsigned number;
    bool slowly;
};

static void *write_lines(void *writer)
{
    const struct writer *w = writer;

    for (unsigned i = 0; i < LINES; i++) {
        char line[LINE_BYTES];
        int len = snprintf(line, sizeof(line), "%u %u %.*s\n", w->number, i, (int)(i % 40),
                           "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
        log_sink_write(w->sink, slice_of(line, (size_t)len));
        if (w->slowly && i % 100 == 0)
            usleep(2000);
    }
    return NULL;
}

/* Checks each line; answers how many there are. */
static size_t check_lines(struct slice text)
{
    int64_t last[WRITERS];
    size_t count = 0;

    for (size_t i = 0; i < WRITERS; i++)
        last[i] = -1;
    while (text.len) {
        struct slice line = slice_cut(text, '\n', &text), number = slice_cut(line, ' ', &line);
        uint64_t writer, i;

        assert_true(slice_to_u64(number, &writer) && writer < WRITERS);
        assert_true(slice_to_u64(slice_cut(line, ' ', &line), &i));
        assert_int_equal(line.len, i % 40);
        assert_true((int64_t)i > last[writer]);
        last[writer] = (int64_t)i;
        count++;
    }
    return count;
}

static void run_writers(struct log_sink *sink, bool slowly)
{
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];

    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){sink, i, slowly};
        pthread_create(&threads[i], NULL, write_lines, &writers[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
}

static void test_all_arrive(void **state)
{
    struct reader r = {0};
    struct log_sink *sink;
    pthread_t thread;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    r.fd = fds[0];
    pthread_create(&thread, NULL, read_all, &r);
    sink = log_sink_new(fds[1]);
    run_writers(sink, true);
    assert_int_equal(log_sink_dropped(sink), 0);
    log_sink_free(sink); // flushes
    close(fds[1]);
    pthread_join(thread, NULL);
    assert_int_equal(check_lines(buf_peek(&r.bytes)), WRITERS * LINES);
    buf_release(&r.bytes);
    close(fds[0]);
}

static void test_file(void **state)
{
    char path[] = "/tmp/log-sink-test-XXXXXX";
    int fd = mkstemp(path);
    struct reader r = {.fd = fd};
    struct log_sink *sink = log_sink_new(fd);
    size_t written;

    (void)state;
    run_writers(sink, false);
    written = (size_t)WRITERS * LINES - log_sink_dropped(sink);
    log_sink_free(sink);
    lseek(fd, 0, SEEK_SET);
    read_all(&r);
    assert_int_equal(check_lines(buf_peek(&r.bytes)), written);
    buf_release(&r.bytes);
    close(fd);
    unlink(path);
}

/* A line must not wait for others: the sink sleeps until it comes, then writes it. */
static void test_one_line(void **state)
{
    struct log_sink *sink;
    char got[64];
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    sink = log_sink_new(fds[1]);
    for (int i = 0; i < 3; i++) {
        int64_t before_ms;

        usleep(60000); // it sleeps
        before_ms = clock_mono_ms();
        log_sink_write(sink, SLICE("hello\n"));
        assert_int_equal(read(fds[0], got, sizeof(got)), 6);
        assert_true(clock_mono_ms() - before_ms < 1000);
    }
    log_sink_write(sink, SLICE(""));
    log_sink_free(sink);
    log_sink_free(NULL);
    close(fds[0]);
    close(fds[1]);
}

/* A pipe that nobody reads: no thread waits, what is lost is counted, the end comes soon. */
static void test_stuck(void **state)
{
    struct reader r = {0};
    struct log_sink *sink;
    int64_t before_ms = clock_mono_ms();
    uint64_t dropped;
    pthread_t thread;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    sink = log_sink_new(fds[1]);
    log_configure(LOG_INFO, LOG_TEXT, log_sink_write, sink);
    run_writers(sink, false);
    run_writers(sink, false);
    assert_true(clock_mono_ms() - before_ms < 2000);
    usleep(50000);
    dropped = log_sink_dropped(sink);
    assert_in_range(dropped, 1, 2 * WRITERS * LINES);

    /* Somebody reads again: what was kept comes, and the log says what is missing. */
    r.fd = fds[0];
    pthread_create(&thread, NULL, read_all, &r);
    usleep(200000);
    log_sink_free(sink);
    log_configure(LOG_INFO, LOG_TEXT, NULL, NULL);
    close(fds[1]);
    pthread_join(thread, NULL);
    assert_int_not_equal(slice_find_slice(buf_peek(&r.bytes), SLICE("log.dropped lines=")),
                         SIZE_MAX);
    buf_release(&r.bytes);
    close(fds[0]);
}

static void test_stuck_at_the_end(void **state)
{
    struct log_sink *sink;
    int64_t before_ms;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    sink = log_sink_new(fds[1]);
    run_writers(sink, false);
    before_ms = clock_mono_ms();
    log_sink_free(sink);
    assert_in_range(clock_mono_ms() - before_ms, 0, 3000);
    close(fds[0]);
    close(fds[1]);
}

/* The reader has gone: lines are dropped and counted, nobody dies of SIGPIPE. */
static void test_broken_pipe(void **state)
{
    struct log_sink *sink;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    sink = log_sink_new(fds[1]);
    close(fds[0]);
    for (int i = 0; i < 10; i++)
        log_sink_write(sink, SLICE("lost\n"));
    for (int i = 0; i < 100 && log_sink_dropped(sink) < 10; i++)
        usleep(10000);
    assert_int_equal(log_sink_dropped(sink), 10);
    log_sink_free(sink);
    close(fds[1]);
}

static void test_too_long(void **state)
{
    static char huge[LOG_RING_BYTES + 1];
    struct log_sink *sink;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    sink = log_sink_new(fds[1]);
    log_sink_write(sink, slice_of(huge, sizeof(huge)));
    assert_int_equal(log_sink_dropped(sink), 1);
    log_sink_free(sink);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_arrive),       cmocka_unit_test(test_file),
        cmocka_unit_test(test_one_line),         cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_stuck_at_the_end), cmocka_unit_test(test_broken_pipe),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
