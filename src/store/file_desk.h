/* file_desk.h - notes and questions about files, carried out where no worker waits for them. */
#ifndef STORE_FILE_DESK_H
#define STORE_FILE_DESK_H

#include "base/arena.h"
#include "loop/worker.h"
#include "store/file_owner.h"

/*
 * One thread with a connection of its own, whose commits are on the disk when they are
 * answered.  The queue is short, and a job that has waited for FILE_DESK_WAIT_MS fails
 * unseen, so that all are answered soon, however long the database is away.
 */
struct file_desk;

#define FILE_DESK_WAIT_MS 5000
#define FILE_DESK_MOST    256 // jobs that wait

enum file_job_kind { FILE_JOB_ADD, FILE_JOB_LIST, FILE_JOB_DELETE };

struct file_job;

/* On the worker's thread, exactly once for a job that was taken; the job is its owner's again. */
typedef void file_job_fn(struct file_job *job);

/*
 * What is asked, and the answer.  It belongs to the desk from file_desk_ask() until `done` is
 * called, so that whoever waits for it may go meanwhile; what it says is copied into its arena.
 */
struct file_job {
    enum file_job_kind kind;
    struct worker *worker;
    file_job_fn *done;
    struct file_owner file;      // ADD: all of it; DELETE: provider and id
    struct file_owner_page page; // LIST
    /* the answer */
    struct err_info err;
    struct file_owner *files; // [count], of LIST
    size_t count;
    bool more;
    /* private */
    struct arena arena;
    struct file_job *next;
    size_t room;
    int64_t give_up_at_ms;
};

void file_job_init(struct file_job *job, enum file_job_kind kind);
void file_job_release(struct file_job *job);

/** Starts the thread; the database is opened with the first job. */
enum err file_desk_open(const char *dsn, struct file_desk **out, struct err_info *e);

/** Answers what was taken, then ends; workers that wait are still there.  NULL: nothing. */
void file_desk_close(struct file_desk *desk);

/** From any thread.  False: too many wait, and nothing was taken. */
bool file_desk_ask(struct file_desk *desk, struct file_job *job);

#endif
