/* file_desk_test.c - jobs are answered on their worker, all of them, whatever the database does. */
#include "store/file_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite.h"

static char dir[64], dsn[128], path[112], gone[120];
static const int64_t providers[] = {1};

struct fixture {
    struct worker *worker;
    struct file_desk *desk;
    size_t answers, wanted;
    char said[256];
};

static struct fixture f;

static int set_up(void **state)
{
    struct err_info e = {0};
    struct store *s;

    *state = &f;
    f = (struct fixture){.wanted = 1};
    snprintf(dir, sizeof(dir), "/tmp/file_desk_test.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/gproxy.db", dir);
    snprintf(dsn, sizeof(dsn), "sqlite://%s", path);
    snprintf(gone, sizeof(gone), "%s.gone", path);
    if (store_open(dsn, 0, &s, &e) ||
        db_run(s->db,
               "INSERT INTO provider VALUES (1, 1, 1, 'a', 'openai', NULL, 1, NULL, NULL, NULL,"
               " NULL, NULL)",
               &e))
        return -1;
    store_close(s);
    f.worker = worker_new(0);
    return file_desk_open(dsn, &f.desk, &e) ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    file_desk_close(f.desk);
    worker_free(f.worker);
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    return system(command);
}

static void note(struct file_job *job)
{
    size_t used = strlen(f.said);

    if (job->err.code)
        snprintf(f.said + used, sizeof(f.said) - used, "%s ", err_name(job->err.code));
    else
        snprintf(f.said + used, sizeof(f.said) - used, "%zu ", job->count);
    for (size_t i = 0; i < job->count; i++)
        assert_true(job->files[i].file.len && job->files[i].about.len);
    if (++f.answers == f.wanted)
        worker_stop(f.worker);
    file_job_release(job);
    free(job);
}

static struct file_job *job_of(enum file_job_kind kind, const char *id)
{
    struct file_job *job = malloc(sizeof(*job));

    assert_non_null(job);
    file_job_init(job, kind);
    job->worker = f.worker;
    job->done = note;
    job->file = (struct file_owner){.provider_id = 1,
                                    .user_id = 1,
                                    .dialect = DIALECT_OPENAI,
                                    .file = slice_str(id),
                                    .about = SLICE("{}")};
    job->page = (struct file_owner_page){.user_id = 1,
                                         .dialect = DIALECT_OPENAI,
                                         .providers = providers,
                                         .provider_count = 1,
                                         .limit = 100};
    return job;
}

static void test_in_order(void **state)
{
    char id[16];

    (void)state;
    f.wanted = 44;
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "f%d", i);
        assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_ADD, id)));
    }
    memset(id, 'x', sizeof(id)); // its words are the job's own by now
    assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_LIST, "")));
    assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_DELETE, "f7")));
    assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_DELETE, "unknown")));
    assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_LIST, "")));
    worker_run(f.worker);
    assert_string_equal(f.said + 80, "40 0 0 39 ");
}

static void test_database_gone(void **state)
{
    (void)state;
    f.wanted = 2;
    assert_int_equal(rename(path, gone), 0);
    assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_ADD, "f")));
    assert_true(file_desk_ask(f.desk, job_of(FILE_JOB_LIST, "")));
    worker_run(f.worker);
    assert_string_equal(f.said, "IO IO ");
    assert_int_equal(rename(gone, path), 0);
}

/* While another has the database, so many wait and no more; all are answered after. */
static void test_full(void **state)
{
    struct err_info e = {0};
    struct store *s;
    size_t taken = 0;
    struct file_job *job;

    (void)state;
    assert_int_equal(store_open(dsn, 0, &s, &e), ERR_NONE);
    assert_int_equal(store_begin(s, &e), ERR_NONE);
    job = job_of(FILE_JOB_ADD, "f");
    while (file_desk_ask(f.desk, job)) {
        taken++;
        job = job_of(FILE_JOB_LIST, "");
    }
    assert_in_range(taken, FILE_DESK_MOST, FILE_DESK_MOST + 1);
    f.wanted = taken;
    file_job_release(job);
    free(job);
    store_rollback(s);
    store_close(s);
    worker_run(f.worker);
    assert_int_equal(f.answers, taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_database_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
