/* journal_format.h - how the journal's files are laid out. */
#ifndef STORE_JOURNAL_FORMAT_H
#define STORE_JOURNAL_FORMAT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

/*
 * Three kinds of files stand in <data-dir>/journal, beside `lock`:
 *
 *     worker-N.slots    header, then JOURNAL_SLOT_BYTES for every slot
 *     worker-N.ring     header, then the ring
 *     spill-SSSSSSSS    header, then records as they stood in rings (spill.h)
 *
 * Numbers are in the machine's byte order: the files do not travel.  What may
 * change is told by `version`; `magic` and `version` stay where they are for ever.
 */
#define JOURNAL_VERSION 1u

#define JOURNAL_MAGIC_SLOTS 0x31544f4c53505847ULL // "GXPSLOT1" in memory
#define JOURNAL_MAGIC_RING  0x31474e4952505847ULL
#define JOURNAL_MAGIC_SPILL 0x314c4c4950535847ULL

#define JOURNAL_HEADER_BYTES 4096
#define JOURNAL_WORDS_BYTES  3072

/*
 * `checksum` covers what stands between it and `head`.  The three positions
 * change all the time and are trusted only as far as the records bear them out.
 */
struct journal_header {
    uint64_t magic;
    uint32_t version;
    uint32_t worker; // or the number of the spill file
    uint64_t checksum;
    uint64_t body_bytes; // after the header; 0: until the end of the file
    int64_t created_unix_ms;
    char words[JOURNAL_WORDS_BYTES]; // names behind the numbers in records (journal_words.h)
    // Ring: where the next record goes; slots: the number of slots ever used.
    _Alignas(64) _Atomic uint64_t head;
    // Ring: everything before it is in the database or spilled.
    _Alignas(64) _Atomic uint64_t tail;
    _Alignas(64) char unused[JOURNAL_HEADER_BYTES - JOURNAL_WORDS_BYTES - 3 * 64];
};

static_assert(sizeof(struct journal_header) == JOURNAL_HEADER_BYTES, "one page");

/*
 * Positions count the bytes ever written to a ring; a record stands at its
 * position modulo the ring's size and never reaches over the end: a RECORD_PAD
 * fills what is left there.  The position inside the record tells the laps apart.
 */
#define RECORD_ALIGN 32

enum journal_record_kind {
    RECORD_PAD = 1,
    RECORD_SETTLED = 2,
};

struct journal_record {
    uint64_t checksum; // of all that follows, padding included
    uint64_t position;
    uint32_t length; // in all, a multiple of RECORD_ALIGN
    uint32_t kind;
    // the payload (journal_record.h)
};

static_assert(sizeof(struct journal_record) <= RECORD_ALIGN, "a pad fits wherever a record ends");

#define JOURNAL_SLOT_BYTES 512

/* The intent of one running exchange, or nothing. */
struct journal_slot {
    _Atomic uint64_t used; // length of the payload; 0: free
    uint64_t checksum;     // of the payload
    char payload[JOURNAL_SLOT_BYTES - 16];
};

static_assert(sizeof(struct journal_slot) == JOURNAL_SLOT_BYTES, "slots stand side by side");

#endif
