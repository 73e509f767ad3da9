/* journal_set.c - the journals of one data directory: replayed, made, handed to workers. */
#include "store/journal_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"
#include "store/journal_record.h"
#include "store/journal_set_inside.h"

#define DEFAULT_RING_BYTES  ((size_t)32 << 20)
#define DEFAULT_SLOT_COUNT  16384u
#define DEFAULT_SPILL_BYTES ((uint64_t)1 << 30)
#define DEFAULT_SPILL_ROWS  10000000u
#define LOCK_PATIENCE_MS    1000
#define MOST_SLOTS          (1u << 20)
#define LEAST_RING_BYTES    ((size_t)4 * RECORD_MOST_BYTES)

static struct journal_limits with_defaults(const struct journal_limits *given)
{
    struct journal_limits l = given ? *given : (struct journal_limits){.ring_bytes = 0};

    if (!l.ring_bytes)
        l.ring_bytes = DEFAULT_RING_BYTES;
    if (l.ring_bytes < LEAST_RING_BYTES)
        l.ring_bytes = LEAST_RING_BYTES;
    if (!l.slot_count)
        l.slot_count = DEFAULT_SLOT_COUNT;
    if (l.slot_count > MOST_SLOTS)
        l.slot_count = MOST_SLOTS;
    if (!l.spill_bytes)
        l.spill_bytes = DEFAULT_SPILL_BYTES;
    if (!l.spill_rows)
        l.spill_rows = DEFAULT_SPILL_ROWS;
    l.slot_count = (l.slot_count + 63) / 64 * 64;
    l.ring_bytes = (l.ring_bytes + 4095) / 4096 * 4096;
    return l;
}

/* Of whoever holds the lock, as far as it has said. */
static long read_pid(int fd)
{
    char text[24] = "";

    if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    return strtol(text, NULL, 10);
}

/* Another process may be on its way out, or only reading along ("gproxy usage"). */
static bool lock(int fd, int patience_ms)
{
    const struct timespec nap = {.tv_nsec = 20000000};
    int64_t until = clock_mono_ms() + patience_ms;

    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK || clock_mono_ms() >= until)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

static enum err take_lock(struct journal_set *set, const char *data_dir, struct err_info *e)
{
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

    set->lock_fd = openat(set->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (set->lock_fd < 0)
        return err_set(e, ERR_IO, "cannot open %s/journal/lock: %s", data_dir, strerror(errno));
    if (!lock(set->lock_fd, set->worker_count ? LOCK_PATIENCE_MS : 0)) {
        if (errno == EWOULDBLOCK)
            return err_set(e, ERR_CONFLICT,
                           "the data directory %s is in use by another gproxy (process %ld)",
                           data_dir, read_pid(set->lock_fd));
        return err_set(e, ERR_IO, "cannot lock %s/journal/lock: %s", data_dir, strerror(errno));
    }
    // Only for the message above.
    if (ftruncate(set->lock_fd, 0) || pwrite(set->lock_fd, pid, (size_t)len, 0) != len)
        return err_set(e, ERR_IO, "cannot write %s/journal/lock: %s", data_dir, strerror(errno));
    return ERR_NONE;
}

static enum err take_directory(struct journal_set *set, const char *data_dir, struct err_info *e)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/journal", data_dir) >= (int)sizeof(path))
        return err_set(e, ERR_IO, "the name of the data directory is too long");
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_set(e, ERR_IO, "cannot make the directory %s: %s", path, strerror(errno));
    set->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (set->dir_fd < 0)
        return err_set(e, ERR_IO, "cannot open the directory %s: %s", path, strerror(errno));
    return take_lock(set, data_dir, e);
}

/* The file, made if it is not there. */
static enum err get_file(int dir_fd, const char *name, uint64_t magic, unsigned worker,
                         size_t body_bytes, struct journal_file *f, struct err_info *e)
{
    if (faccessat(dir_fd, name, F_OK, 0) &&
        journal_file_make(dir_fd, name, magic, worker, body_bytes, e))
        return e->code;
    return journal_file_map(dir_fd, name, magic, f, e);
}

static enum err open_journal(struct journal_set *set, unsigned i, struct err_info *e)
{
    size_t slot_bytes = (size_t)set->limits.slot_count * JOURNAL_SLOT_BYTES;
    struct journal_file slots, ring;
    char name[JOURNAL_NAME_BYTES];

    snprintf(name, sizeof(name), JOURNAL_SLOTS_NAME, i);
    if (get_file(set->dir_fd, name, JOURNAL_MAGIC_SLOTS, i, slot_bytes, &slots, e))
        return e->code;
    snprintf(name, sizeof(name), JOURNAL_RING_NAME, i);
    if (get_file(set->dir_fd, name, JOURNAL_MAGIC_RING, i, set->limits.ring_bytes, &ring, e)) {
        journal_file_unmap(&slots);
        return e->code;
    }
    journal_init(&set->journals[i], &slots, &ring);
    set->worker_count = i + 1;
    return ERR_NONE;
}

static enum err open_journals(struct journal_set *set, unsigned worker_count, struct err_info *e)
{
    if (!worker_count)
        return ERR_NONE;
    set->journals = aligned_alloc(_Alignof(struct journal), worker_count * sizeof(struct journal));
    if (!set->journals)
        panic("out of memory: %u journals", worker_count);
    set->worker_count = 0; // those that are open
    for (unsigned i = 0; i < worker_count; i++) {
        if (open_journal(set, i, e))
            return e->code;
    }
    return ERR_NONE;
}

enum err journal_set_open(const char *data_dir, unsigned worker_count,
                          const struct journal_limits *limits, struct ledger *into,
                          struct journal_report *report, struct journal_set **out,
                          struct err_info *e)
{
    struct journal_set *set = calloc(1, sizeof(*set));

    if (!set)
        panic("out of memory: journals");
    *report = (struct journal_report){.settled = 0};
    set->limits = with_defaults(limits);
    set->dir_fd = set->lock_fd = -1;
    set->worker_count = worker_count;
    if (take_directory(set, data_dir, e) || journal_replay(set, into, report, e) ||
        open_journals(set, worker_count, e)) {
        journal_set_close(set);
        return e->code;
    }
    *out = set;
    return ERR_NONE;
}

void journal_set_close(struct journal_set *set)
{
    if (!set)
        return;
    for (unsigned i = 0; set->journals && i < set->worker_count; i++)
        journal_release(&set->journals[i]);
    free(set->journals);
    if (set->lock_fd >= 0)
        close(set->lock_fd); // and the lock goes with it
    if (set->dir_fd >= 0)
        close(set->dir_fd);
    free(set);
}

struct journal *journal_set_worker(struct journal_set *set, unsigned index)
{
    return &set->journals[index];
}

/* Reads what a ring's header says without mapping it. */
static bool read_header(int dir_fd, unsigned worker, struct journal_header *h)
{
    char name[JOURNAL_NAME_BYTES];
    ssize_t got = -1;
    int fd;

    snprintf(name, sizeof(name), JOURNAL_RING_NAME, worker);
    fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = pread(fd, h, sizeof(*h), 0);
        close(fd);
    }
    return got == (ssize_t)sizeof(*h);
}

/* Whether that ring is read up to `head`, or gone. */
static bool is_drained(int dir_fd, unsigned worker, uint64_t head)
{
    struct journal_header h;

    return !read_header(dir_fd, worker, &h) || atomic_load(&h.tail) >= head;
}

static bool has_spilled(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool found = false;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && (entry = readdir(dir))) {
        struct slice name = slice_str(entry->d_name);
        found = slice_starts(name, SLICE("spill-")) && !slice_ends(name, SLICE(".damaged"));
    }
    closedir(dir);
    return found;
}

static bool await(int dir_fd, int64_t until_mono_ms)
{
    const struct timespec nap = {.tv_nsec = 10000000};
    struct journal_header h;

    for (unsigned i = 0; read_header(dir_fd, i, &h); i++) {
        uint64_t head = atomic_load(&h.head);
        while (!is_drained(dir_fd, i, head) && clock_mono_ms() < until_mono_ms)
            nanosleep(&nap, NULL);
        if (!is_drained(dir_fd, i, head))
            return false;
    }
    while (has_spilled(dir_fd)) {
        if (clock_mono_ms() >= until_mono_ms)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

bool journal_set_await(const char *data_dir, int timeout_ms)
{
    char path[PATH_MAX];
    int dir_fd;
    bool done;

    snprintf(path, sizeof(path), "%s/journal", data_dir);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return true;
    done = await(dir_fd, clock_mono_ms() + timeout_ms);
    close(dir_fd);
    return done;
}
