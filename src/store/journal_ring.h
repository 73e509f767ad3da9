/* journal_ring.h - one worker's journal from the inside, and the writer's view of it. */
#ifndef STORE_JOURNAL_RING_H
#define STORE_JOURNAL_RING_H

#include "store/journal.h"
#include "store/journal_file.h"

/*
 * Private to `store`.  The worker alone moves `head`, the writer alone `tail`:
 * what lies between them is the writer's to read, the rest the worker's to write.
 * The slots are the worker's; the free ones are a bitmap beside the file, and the
 * lowest is taken first, so that few pages are ever touched.
 */
struct journal {
    struct journal_file slots, ring;
    // the worker's
    uint64_t head;                         // as in the ring's header
    uint32_t slot_count;                   // a multiple of 64
    uint32_t running;                      // intents that stand
    uint64_t *free_slots;                  // a bit each: free
    uint64_t *free_words;                  // a bit for each word of free_slots: not zero
    size_t free_words_count;               // words in free_words
    _Alignas(64) _Atomic uint64_t settled; // records written, for the writer's statistics
    struct journal_sync *sync;             // NULL: mode fast (journal_sync.h)
    // the writer's
    _Alignas(64) uint64_t given_back; // positions before it hold no page of ours
};

/** Over two mapped files whose content has been dealt with: slots are free, the ring is empty. */
void journal_init(struct journal *j, const struct journal_file *slots,
                  const struct journal_file *ring);

/** Unmaps the files. */
void journal_release(struct journal *j);

/** Up to where the worker has written, and from where on the writer has not acknowledged. */
uint64_t journal_head(const struct journal *j);
uint64_t journal_tail(const struct journal *j);

/*
 * Reading records between two positions.  What does not check out is passed over
 * in steps of RECORD_ALIGN and counted, so that one damaged record costs no other.
 */
struct ring_reader {
    const struct journal_file *file;
    uint64_t at, end;
    uint64_t damaged_bytes;
};

/** The next record's payload, borrowed from the ring; false at the end. */
bool ring_next(struct ring_reader *r, struct slice *payload);

/** The length of the good record that stands at `position`; 0: there is none. */
size_t ring_record_at(const struct journal_file *file, uint64_t position);

/** The writer is done with everything before `position`. */
void journal_ack(struct journal *j, uint64_t position);

/** Takes what nobody has needed for a while out of memory.  Called by the writer when idle. */
void journal_give_back(struct journal *j);

#endif
