/* journal_read.c - crash-safe records of what exchanges used: the writer's side. */
#include "store/journal_record.h"
#include "store/journal_ring.h"

#define GIVE_BACK_BYTES ((uint64_t)1 << 20) // at once, so that the calls are few

uint64_t journal_head(const struct journal *j)
{
    return atomic_load_explicit(&j->ring.header->head, memory_order_acquire);
}

uint64_t journal_tail(const struct journal *j)
{
    return atomic_load_explicit(&j->ring.header->tail, memory_order_acquire);
}

/* What stands at `position`, to the end of the ring. */
static struct slice bytes_at(const struct journal_file *file, uint64_t position)
{
    size_t at = (size_t)(position % file->body_bytes);

    return slice_of(file->body + at, file->body_bytes - at);
}

static bool check_at(const struct journal_file *file, uint64_t position, struct slice *bytes,
                     struct journal_record *head)
{
    *bytes = bytes_at(file, position);
    return record_check(*bytes, head) && head->position == position;
}

size_t ring_record_at(const struct journal_file *file, uint64_t position)
{
    struct journal_record head;
    struct slice bytes;

    return check_at(file, position, &bytes, &head) ? head.length : 0;
}

bool ring_next(struct ring_reader *r, struct slice *payload)
{
    while (r->at < r->end) {
        struct journal_record head;
        struct slice bytes;

        if (!check_at(r->file, r->at, &bytes, &head)) {
            r->at += RECORD_ALIGN;
            r->damaged_bytes += RECORD_ALIGN;
            continue;
        }
        r->at += head.length;
        if (head.kind == RECORD_PAD)
            continue;
        *payload = record_payload(bytes, &head);
        return true;
    }
    return false;
}

static void give_back(struct journal *j, uint64_t to)
{
    size_t size = j->ring.body_bytes;

    while (j->given_back < to) {
        size_t from = (size_t)(j->given_back % size);
        uint64_t span = to - j->given_back;

        if (span > size - from)
            span = size - from;
        journal_file_give_back(&j->ring, from, from + (size_t)span);
        j->given_back += span;
    }
}

void journal_ack(struct journal *j, uint64_t position)
{
    atomic_store_explicit(&j->ring.header->tail, position, memory_order_release);
    if (position - j->given_back >= GIVE_BACK_BYTES)
        give_back(j, position);
}

void journal_give_back(struct journal *j)
{
    uint64_t tail = journal_tail(j);

    give_back(j, tail);
    journal_file_give_back(&j->slots, 0, j->slots.body_bytes);
}
