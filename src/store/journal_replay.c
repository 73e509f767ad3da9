/* journal_replay.c - what an earlier process left in the journal goes to the database. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/log.h"
#include "base/panic.h"
#include "store/journal_record.h"
#include "store/journal_set_inside.h"
#include "store/spill.h"

#define BATCH_ROWS 4096

/*
 * The order in which they are replayed: a settled record has left its slot for
 * the ring, and the ring for a spill file, so whoever comes later is believed less.
 */
enum leftover_kind { LEFT_SPILL, LEFT_RING, LEFT_SLOTS };

struct leftover {
    enum leftover_kind kind;
    uint32_t number;
    char name[JOURNAL_NAME_BYTES];
    struct journal_file file;
    uint64_t damaged_bytes;
};

struct leftovers {
    struct leftover *at;
    size_t count, cap;
};

/* Where records go: the ledger, some thousands a transaction. */
struct sink {
    struct ledger *ledger;
    enum on_unknown on_unknown;
    size_t in_batch;
    uint64_t added;
    struct err_info *e;
};

static bool sink_add(struct sink *s, const struct usage_record *r)
{
    if (!s->in_batch && ledger_begin(s->ledger, s->e))
        return false;
    s->in_batch++;
    if (ledger_add(s->ledger, r, s->e))
        return false;
    if (s->in_batch < BATCH_ROWS)
        return true;
    s->in_batch = 0;
    if (ledger_commit(s->ledger, s->e))
        return false;
    s->added += ledger_added(s->ledger);
    return true;
}

/* Commits what is under way; answers the rows added since the last call. */
static bool sink_end(struct sink *s, uint64_t *added)
{
    if (s->in_batch) {
        if (ledger_commit(s->ledger, s->e))
            return false;
        s->added += ledger_added(s->ledger);
    }
    s->in_batch = 0;
    *added += s->added;
    s->added = 0;
    return true;
}

static const struct {
    const char *before, *after; // the number
    uint64_t magic;
} forms[] = {
    [LEFT_SPILL] = {"spill-",  "",       JOURNAL_MAGIC_SPILL},
    [LEFT_RING] = {"worker-", ".ring",  JOURNAL_MAGIC_RING },
    [LEFT_SLOTS] = {"worker-", ".slots", JOURNAL_MAGIC_SLOTS},
};

static bool parse_name(struct slice name, enum leftover_kind *kind, uint32_t *number)
{
    for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
        struct slice before = slice_str(forms[k].before), after = slice_str(forms[k].after);
        size_t around = before.len + after.len;
        uint64_t value;

        if (name.len > around && name.len < JOURNAL_NAME_BYTES && slice_starts(name, before) &&
            slice_ends(name, after) &&
            slice_to_u64(slice_sub(name, before.len, name.len - around), &value) &&
            value <= UINT32_MAX) {
            *kind = (enum leftover_kind)k;
            *number = (uint32_t)value;
            return true;
        }
    }
    return false;
}

static void add_leftover(struct leftovers *all, const char *name)
{
    struct leftover l = {.kind = LEFT_SPILL};

    if (!parse_name(slice_str(name), &l.kind, &l.number))
        return;
    memcpy(l.name, name, strlen(name));
    if (all->count == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 16;
        all->at = realloc(all->at, all->cap * sizeof(*all->at));
        if (!all->at)
            panic("out of memory: files of the journal");
    }
    all->at[all->count++] = l;
}

static int by_order(const void *a, const void *b)
{
    const struct leftover *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static enum err list(int dir_fd, struct leftovers *all, struct err_info *e)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir) {
        err_set(e, ERR_IO, "cannot read the journal's directory: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return e->code;
    }
    while ((entry = readdir(dir))) {
        if (slice_ends(slice_str(entry->d_name), SLICE(".new")))
            unlinkat(dir_fd, entry->d_name, 0); // begun and never finished
        else
            add_leftover(all, entry->d_name);
    }
    closedir(dir);
    if (all->count)
        qsort(all->at, all->count, sizeof(*all->at), by_order);
    return ERR_NONE;
}

/* All are looked at before any is changed: a newer version's journal stays as it is. */
static enum err map_all(int dir_fd, struct leftovers *all, struct err_info *e)
{
    for (size_t i = 0; i < all->count; i++) {
        struct leftover *l = &all->at[i];
        if (journal_file_map(dir_fd, l->name, forms[l->kind].magic, &l->file, e))
            return e->code;
    }
    return ERR_NONE;
}

static bool replay_payload(struct leftover *l, struct slice payload, struct sink *sink)
{
    struct usage_record record;

    if (record_decode(payload, &l->file.words, &record))
        return sink_add(sink, &record);
    l->damaged_bytes += payload.len;
    return true;
}

/* Every good record of the file, wherever it stands. */
static bool replay_records(struct leftover *l, uint64_t least_position, struct sink *sink)
{
    struct records r = {
        .rest = slice_of(l->file.body, l->file.body_bytes),
        .least_position = least_position,
    };
    struct slice payload;

    while (records_next(&r, &payload)) {
        if (!replay_payload(l, payload, sink))
            return false;
    }
    if (l->kind == LEFT_SPILL) // what is torn at its end still stands in the ring
        l->damaged_bytes += r.damaged_bytes;
    return true;
}

/*
 * From the tail to the head, and on as long as records follow: after a power cut
 * the header may be older than they are.
 */
static bool replay_ring(struct leftover *l, struct sink *sink)
{
    const struct journal_header *h = l->file.header;
    uint64_t tail = atomic_load_explicit(&h->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&h->head, memory_order_acquire);
    struct ring_reader r = {.file = &l->file, .at = tail, .end = head};
    struct slice payload;

    if (l->file.damaged || head < tail || head - tail > l->file.body_bytes) {
        l->file.damaged = true;
        return replay_records(l, 0, sink);
    }
    do {
        while (ring_next(&r, &payload)) {
            if (!replay_payload(l, payload, sink))
                return false;
        }
        r.end = r.at + ring_record_at(&l->file, r.at);
    } while (r.end > r.at && r.end - tail <= l->file.body_bytes);
    l->damaged_bytes += r.damaged_bytes;
    return l->damaged_bytes == 0 || replay_records(l, tail, sink);
}

/* An intent's cost is what was reserved, as much as it can have come to. */
static void charge(struct usage_record *r, enum on_unknown on_unknown)
{
    switch (on_unknown) {
    case ON_UNKNOWN_RELEASE:
        r->cost_nusd = 0;
        r->price_id = 0;
        return;
    case ON_UNKNOWN_CHARGE_ESTIMATE:
        if (r->cost_nusd)
            r->source = USAGE_ESTIMATED;
        return;
    }
}

/* What was running: nobody knows what it used. */
static bool replay_slot(struct leftover *l, struct journal_slot *s, uint64_t used,
                        struct sink *sink)
{
    struct usage_record record;

    if (used > sizeof(s->payload) || s->checksum != record_checksum(s->payload, used) ||
        !record_decode(slice_of(s->payload, used), &l->file.words, &record)) {
        l->damaged_bytes += sizeof(*s);
        return true;
    }
    record.outcome = OUTCOME_UNKNOWN;
    record.source = USAGE_NONE;
    record.usage = (struct chat_usage){.tokens = {0}};
    charge(&record, sink->on_unknown);
    return sink_add(sink, &record);
}

static bool replay_slots(struct leftover *l, struct sink *sink)
{
    struct journal_slot *slots = (struct journal_slot *)(void *)l->file.body;
    uint64_t count = l->file.body_bytes / sizeof(*slots);
    uint64_t ever_used = atomic_load_explicit(&l->file.header->head, memory_order_acquire);

    if (!l->file.damaged && ever_used < count)
        count = ever_used;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t used = atomic_load_explicit(&slots[i].used, memory_order_acquire);
        if (used && !replay_slot(l, &slots[i], used, sink))
            return false;
    }
    return true;
}

static bool replay_one(struct leftover *l, struct sink *sink)
{
    if (!l->file.header)
        return true; // shorter than a header
    switch (l->kind) {
    case LEFT_SPILL: return replay_records(l, 0, sink);
    case LEFT_RING: return replay_ring(l, sink);
    case LEFT_SLOTS: return replay_slots(l, sink);
    }
    return true;
}

static bool replay_all(struct leftovers *all, struct sink *sink, struct journal_report *report)
{
    for (size_t i = 0; i < all->count; i++) {
        struct leftover *l = &all->at[i];

        if (l->kind == LEFT_SLOTS && !sink_end(sink, &report->settled))
            return false;
        if (!replay_one(l, sink))
            return false;
        if (l->kind == LEFT_SLOTS && !sink_end(sink, &report->unknown))
            return false;
    }
    return sink_end(sink, &report->settled);
}

static bool may_be_kept(const struct journal_set *set, const struct leftover *l)
{
    size_t bytes = l->kind == LEFT_RING ? set->limits.ring_bytes
                                        : (size_t)set->limits.slot_count * JOURNAL_SLOT_BYTES;

    return l->kind != LEFT_SPILL && l->number < set->worker_count && l->file.of_this_version &&
           l->file.body_bytes == bytes;
}

/* The file as it is when new, what stands behind its positions aside. */
static void empty(struct leftover *l)
{
    struct journal_header *h = l->file.header;

    if (l->kind == LEFT_RING) {
        atomic_store(&h->tail, atomic_load(&h->head));
        return;
    }
    for (uint64_t i = 0, count = atomic_load(&h->head); i < count; i++)
        atomic_store(&((struct journal_slot *)(void *)l->file.body)[i].used, 0);
    atomic_store(&h->head, 0);
}

static enum err put_aside(int dir_fd, const struct leftover *l, struct journal_report *report,
                          struct err_info *e)
{
    char kept_as[JOURNAL_NAME_BYTES];

    if (journal_file_put_aside(dir_fd, l->name, kept_as, e))
        return e->code;
    report->damaged_files++;
    report->damaged_bytes += l->damaged_bytes;
    log_event(LOG_ERROR, NULL, "journal.damaged", "file=%s kept_as=%s damaged_bytes=%llu", l->name,
              kept_as, (unsigned long long)l->damaged_bytes);
    return ERR_NONE;
}

/* Everything is in the database now, and on the disk. */
static enum err clear(const struct journal_set *set, struct leftover *l,
                      struct journal_report *report, struct err_info *e)
{
    if (l->file.damaged || l->damaged_bytes)
        return put_aside(set->dir_fd, l, report, e);
    if (may_be_kept(set, l))
        empty(l);
    else if (unlinkat(set->dir_fd, l->name, 0))
        return err_set(e, ERR_IO, "cannot delete the journal file %s: %s", l->name,
                       strerror(errno));
    return ERR_NONE;
}

enum err journal_replay(const struct journal_set *set, struct ledger *into,
                        struct journal_report *report, struct err_info *e)
{
    struct leftovers all = {.at = NULL};
    struct sink sink = {.ledger = into, .e = e, .on_unknown = set->limits.on_unknown};

    if (!list(set->dir_fd, &all, e) && !map_all(set->dir_fd, &all, e)) {
        if (!replay_all(&all, &sink, report) || ledger_sync(into, e))
            ledger_rollback(into);
        for (size_t i = 0; !e->code && i < all.count; i++)
            clear(set, &all.at[i], report, e);
    }
    for (size_t i = 0; i < all.count; i++)
        journal_file_unmap(&all.at[i].file);
    free(all.at);
    return e->code;
}
