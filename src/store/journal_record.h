/* journal_record.h - one usage record as bytes, and back. */
#ifndef STORE_JOURNAL_RECORD_H
#define STORE_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/record.h"
#include "store/journal_format.h"
#include "store/journal_words.h"

/* Longer names are cut, at a character's border; the row's descriptors allow none that long. */
#define RECORD_NAME_BYTES 255
#define RECORD_NAMES      7

/* No record is longer, header and padding included. */
#define RECORD_MOST_BYTES 2080

/**
 * Writes `record` at `out`, which has room for `limit` bytes, and answers how many
 * it took.  What is in the way of the limit is cut from the names; 496 bytes hold
 * all but unusually long models.
 */
size_t record_encode(const struct usage_record *record, char *out, size_t limit);

/** Reads it back; slices borrow from `bytes`.  False when it is not a record. */
bool record_decode(struct slice bytes, const struct journal_words *words, struct usage_record *out);

/** A whole ring record of `record` at `out` (RECORD_MOST_BYTES of room): its length. */
size_t record_write(const struct usage_record *record, uint64_t position, char *out);

/** A record that fills `length` bytes and says nothing. */
void record_write_pad(uint64_t position, size_t length, char *out);

/** Whether a whole record begins at the start of `bytes`; its header is then in `head`. */
bool record_check(struct slice bytes, struct journal_record *head);

/** The payload of the record that record_check() has found. */
struct slice record_payload(struct slice bytes, const struct journal_record *head);

/*
 * Records in a row, wherever they come from: a spill file, or a ring of which
 * nothing else is known.  What does not check out is passed over in steps of
 * RECORD_ALIGN, so that one damaged record costs no other.
 */
struct records {
    struct slice rest;
    uint64_t least_position; // earlier ones are passed over
    uint64_t damaged_bytes;  // in front of a good record
    uint64_t torn_bytes;     // since the last good one
};

/** The next settled record's payload, borrowed; false at the end. */
bool records_next(struct records *r, struct slice *payload);

/** What slots and headers are checked by. */
uint64_t record_checksum(const void *bytes, size_t len);

#endif
