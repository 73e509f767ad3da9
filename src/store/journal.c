/* journal.c - crash-safe records of what exchanges used: the worker's side. */
#include <assert.h>
#include <stdlib.h>

#include "base/panic.h"
#include "store/journal_record.h"
#include "store/journal_ring.h"

#define ORDINARY_BYTES 512 // what a record may take without being called unusual

static void *must_alloc(size_t count)
{
    uint64_t *words = calloc(count, sizeof(*words));
    if (!words)
        panic("out of memory: free slots of a journal");
    return words;
}

static void free_all_slots(struct journal *j)
{
    size_t words = j->slot_count / 64;

    j->free_words_count = (words + 63) / 64;
    j->free_slots = must_alloc(words);
    j->free_words = must_alloc(j->free_words_count);
    for (size_t w = 0; w < words; w++) {
        j->free_slots[w] = UINT64_MAX;
        j->free_words[w / 64] |= 1ULL << (w % 64);
    }
}

void journal_init(struct journal *j, const struct journal_file *slots,
                  const struct journal_file *ring)
{
    *j = (struct journal){.slots = *slots, .ring = *ring};
    j->head = atomic_load_explicit(&ring->header->head, memory_order_relaxed);
    j->given_back = j->head;
    j->slot_count = (uint32_t)(slots->body_bytes / JOURNAL_SLOT_BYTES) / 64 * 64;
    free_all_slots(j);
}

void journal_release(struct journal *j)
{
    free(j->free_slots);
    free(j->free_words);
    journal_file_unmap(&j->slots);
    journal_file_unmap(&j->ring);
}

/* The lowest free slot, taken. */
static uint32_t take_slot(struct journal *j)
{
    for (size_t i = 0; i < j->free_words_count; i++) {
        size_t word, bit;

        if (!j->free_words[i])
            continue;
        word = i * 64 + (size_t)__builtin_ctzll(j->free_words[i]);
        bit = (size_t)__builtin_ctzll(j->free_slots[word]);
        j->free_slots[word] &= ~(1ULL << bit);
        if (!j->free_slots[word])
            j->free_words[i] &= ~(1ULL << (word % 64));
        return (uint32_t)(word * 64 + bit);
    }
    return JOURNAL_NO_SLOT;
}

static void put_slot(struct journal *j, uint32_t slot)
{
    size_t word = slot / 64;

    assert(slot < j->slot_count && !(j->free_slots[word] >> (slot % 64) & 1));
    j->free_slots[word] |= 1ULL << (slot % 64);
    j->free_words[word / 64] |= 1ULL << (word % 64);
}

static struct journal_slot *slot_at(const struct journal *j, uint32_t slot)
{
    return (struct journal_slot *)(void *)(j->slots.body + (size_t)slot * JOURNAL_SLOT_BYTES);
}

uint32_t journal_intent(struct journal *j, const struct usage_record *record)
{
    _Atomic uint64_t *ever_used = &j->slots.header->head;
    uint32_t slot = take_slot(j);
    struct usage_record intent = *record;
    struct journal_slot *s;
    size_t len;

    if (slot == JOURNAL_NO_SLOT)
        return slot;
    if (slot >= atomic_load_explicit(ever_used, memory_order_relaxed))
        atomic_store_explicit(ever_used, slot + 1, memory_order_release);
    intent.outcome = OUTCOME_UNKNOWN;
    s = slot_at(j, slot);
    len = record_encode(&intent, s->payload, sizeof(s->payload));
    s->checksum = record_checksum(s->payload, len);
    atomic_store_explicit(&s->used, len, memory_order_release);
    j->running++;
    return slot;
}

void journal_cancel(struct journal *j, uint32_t slot)
{
    if (slot == JOURNAL_NO_SLOT)
        return;
    atomic_store_explicit(&slot_at(j, slot)->used, 0, memory_order_release);
    put_slot(j, slot);
    j->running--;
}

static size_t room(const struct journal *j)
{
    return j->ring.body_bytes - (size_t)(j->head - journal_tail(j));
}

/* The ring first, then the slot: a reader after a crash who finds both believes the ring. */
bool journal_settle(struct journal *j, uint32_t slot, const struct usage_record *record)
{
    size_t at = (size_t)(j->head % j->ring.body_bytes), left = j->ring.body_bytes - at;
    size_t pad = left < RECORD_MOST_BYTES ? left : 0;

    if (room(j) < pad + RECORD_MOST_BYTES)
        return false;
    if (pad) {
        record_write_pad(j->head, pad, j->ring.body + at);
        j->head += pad;
        at = 0;
    }
    j->head += record_write(record, j->head, j->ring.body + at);
    atomic_store_explicit(&j->ring.header->head, j->head, memory_order_release);
    atomic_store_explicit(&j->settled, atomic_load_explicit(&j->settled, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    journal_cancel(j, slot);
    return true;
}

/* What runs already must be able to settle, too. */
bool journal_has_room(const struct journal *j)
{
    return room(j) >= 2 * RECORD_MOST_BYTES + (size_t)j->running * ORDINARY_BYTES;
}
