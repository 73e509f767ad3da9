/* worker_test.c - tasks, timers, posts, buffers: what a worker does in its turns. */
#include "loop/worker.h"

#include <pthread.h>
#include <sys/resource.h>

#include "base/array.h"
#include "loop/test_kit.h"

static char order[64], letters[] = "abc";

static void note(void *letter)
{
    size_t len = strlen(order);

    order[len] = *(const char *)letter;
    order[len + 1] = '\0';
}

static void test_tasks(void **state)
{
    struct worker *w = worker_new(0);
    struct task a, b, c;

    (void)state;
    order[0] = '\0';
    task_init(&a, note, &letters[0]);
    task_init(&b, note, &letters[1]);
    task_init(&c, note, &letters[2]);
    worker_wake(w, &b);
    worker_wake(w, &a);
    worker_wake(w, &b); // already woken
    worker_wake(w, &c);
    task_cancel(&c);
    assert_string_equal(order, "");
    uv_run(&w->loop->uv, UV_RUN_NOWAIT);
    assert_string_equal(order, "ba");
    worker_wake(w, &c);
    kit_end(w); // stopping runs what is woken
    assert_string_equal(order, "bac");
}

static struct {
    struct worker *w;
    struct task task;
    int runs, runs_at_post, runs_at_timer;
} greedy;

static void run_again(void *ctx)
{
    (void)ctx;
    if (++greedy.runs < 10000)
        worker_wake(greedy.w, &greedy.task);
}

static void on_post(void *ctx)
{
    (void)ctx;
    greedy.runs_at_post = greedy.runs;
}

static void on_timer(void *ctx)
{
    (void)ctx;
    greedy.runs_at_timer = greedy.runs;
}

/* A task that always wakes itself leaves room for the rest, and the loop does not sleep. */
static void test_tasks_are_bounded(void **state)
{
    struct timer t;

    (void)state;
    greedy.w = worker_new(0);
    greedy.runs = 0;
    task_init(&greedy.task, run_again, NULL);
    timer_init(&t, on_timer, NULL);
    worker_wake(greedy.w, &greedy.task);
    worker_post(greedy.w, on_post, NULL);
    kit_end(greedy.w);
    assert_int_equal(greedy.runs, 10000);
    assert_in_range(greedy.runs_at_post, 1, 2048);
}

static struct {
    struct worker *w;
    struct timer timers[4];
    int64_t fired_ms[4], wanted_ms[4];
} clocks;

static void on_fire(void *index)
{
    size_t i = (size_t)(uintptr_t)index;

    assert_true(clocks.w->now_ms >= clocks.wanted_ms[i]);
    clocks.fired_ms[i] = clocks.w->now_ms;
}

static void set_timer(size_t i, int64_t after_ms)
{
    clocks.wanted_ms[i] = clocks.w->now_ms + after_ms;
    timer_set(clocks.w, &clocks.timers[i], clocks.wanted_ms[i]);
}

static void test_timers(void **state)
{
    (void)state;
    clocks.w = worker_new(0);
    for (size_t i = 0; i < ARRAY_LEN(clocks.timers); i++)
        timer_init(&clocks.timers[i], on_fire, (void *)(uintptr_t)i);
    set_timer(0, 120);
    set_timer(1, 30);
    set_timer(2, 60);
    set_timer(3, 20);
    set_timer(0, 60000);
    set_timer(0, 90); // there and back
    timer_clear(&clocks.timers[3]);
    RUN_UNTIL(clocks.w, clocks.fired_ms[0]);
    assert_true(clocks.fired_ms[1] && clocks.fired_ms[1] < clocks.fired_ms[2]);
    assert_true(clocks.fired_ms[2] < clocks.fired_ms[0]);
    assert_int_equal(clocks.fired_ms[3], 0);
    assert_true(clocks.fired_ms[0] < clocks.wanted_ms[0] + 60);
    set_timer(3, 3600000); // does not keep a stopped worker
    kit_end(clocks.w);
}

static int64_t cpu_ms(void)
{
    struct rusage u;

    getrusage(RUSAGE_THREAD, &u);
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Nothing to do: the thread sleeps, and wakes a handful of times for a far timer. */
static void test_idle_sleeps(void **state)
{
    struct worker *w = worker_new(0);
    struct timer far, end;
    struct rusage before, after;
    int64_t cpu_before_ms = cpu_ms();
    bool over = false;

    (void)state;
    timer_init(&far, kit_nothing, NULL);
    timer_init(&end, kit_nothing, NULL);
    timer_set(w, &far, w->now_ms + 3600000);
    timer_set(w, &end, w->now_ms + 300);
    getrusage(RUSAGE_THREAD, &before);
    while (!over) {
        uv_run(&w->loop->uv, UV_RUN_ONCE);
        over = end.at_ms == 0;
    }
    getrusage(RUSAGE_THREAD, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 5);
    assert_in_range(cpu_ms() - cpu_before_ms, 0, 50);
    timer_clear(&far);
    uv_run(&w->loop->uv, UV_RUN_NOWAIT);
    kit_end(w);
}

#define POSTERS 4
#define POSTS   5000

static struct {
    struct worker *w;
    size_t seen[POSTERS], total;
} mail;

static void on_numbered_post(void *ctx)
{
    size_t poster = (size_t)(uintptr_t)ctx / POSTS, number = (size_t)(uintptr_t)ctx % POSTS;

    assert_int_equal(mail.seen[poster], number); // in order
    mail.seen[poster]++;
    if (++mail.total == (size_t)POSTERS * POSTS)
        worker_stop(mail.w);
}

static void *post_many(void *poster)
{
    for (size_t i = 0; i < POSTS; i++)
        worker_post(mail.w, on_numbered_post, (void *)((uintptr_t)poster + i));
    return NULL;
}

static void test_posts(void **state)
{
    pthread_t threads[POSTERS];

    (void)state;
    mail.w = worker_new(0);
    for (size_t i = 0; i < POSTERS; i++)
        pthread_create(&threads[i], NULL, post_many, (void *)(uintptr_t)(i * POSTS));
    worker_run(mail.w);
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mail.total, POSTERS * POSTS);
    worker_free(mail.w);
}

static void test_buffers(void **state)
{
    struct worker *w = worker_new(0);
    char *taken[100], *again;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        taken[i] = worker_buffer_take(w);
        memset(taken[i], (int)i, WORKER_BUFFER_BYTES);
    }
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        worker_buffer_give(w, taken[i]);
    assert_in_range(w->loop->spare_count, 1, 64); // the rest went back
    again = worker_buffer_take(w);
    worker_buffer_give(w, again);
    assert_ptr_equal(worker_buffer_take(w), again); // the one that is warm
    worker_buffer_give(w, again);
    worker_buffer_give(w, NULL);
    kit_end(w);
}

static void test_random_differs(void **state)
{
    struct worker *a = worker_new(0), *b = worker_new(1);

    (void)state;
    assert_int_not_equal(random_next(&a->random), random_next(&b->random));
    assert_int_equal(b->index, 1);
    worker_free(a); // never run
    worker_free(b);
    worker_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks),          cmocka_unit_test(test_tasks_are_bounded),
        cmocka_unit_test(test_timers),         cmocka_unit_test(test_idle_sleeps),
        cmocka_unit_test(test_posts),          cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_random_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
