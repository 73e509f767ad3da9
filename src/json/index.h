/* index.h - where the tokens of a JSON text stand.  For json/walk.h; nobody else needs it. */
#ifndef JSON_INDEX_H
#define JSON_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * The first of two stages (Langdale and Lemire, "Parsing Gigabytes of JSON per
 * Second", 2019).  It goes over the text in blocks of 64 bytes and lists, in
 * order: both quotes of every string, every one of {}[]:, outside strings,
 * and the first byte of every other run outside strings that is not
 * whitespace.  What lies inside strings is checked here and never listed:
 * escapes and control characters.  The second stage, json/walk.h, holds the
 * list against the grammar.
 *
 * The list is made a piece at a time, so that it needs no heap.  It ends at the
 * first fault; what stands before that is still listed, so that the earliest
 * mistake is the one to be reported.
 */
enum json_fault {
    JSON_FAULT_NONE,
    JSON_FAULT_CONTROL,      // a control character in a string
    JSON_FAULT_ESCAPE,       // a backslash, then something unknown
    JSON_FAULT_UNTERMINATED, // the text ends within a string
};

#define JSON_INDEX_ROOM  1024
#define JSON_INDEX_BLOCK 64

struct json_index {
    struct slice text;
    size_t base;        // what `positions` count from
    size_t at;          // the first byte not looked at yet
    bool narrow;        // without the instructions that not every machine has
    uint64_t in_string; // all ones when the last block ended within a string
    uint64_t escaped;   // 1 when it ended in a backslash that escapes the next byte
    uint64_t plain;     // 1 when its last byte was neither whitespace, quote nor {}[]:,
    enum json_fault fault;
    size_t fault_at;
    uint32_t count, next; // of positions
    uint32_t positions[JSON_INDEX_ROOM + JSON_INDEX_BLOCK];
};

void json_index_init(struct json_index *x, struct slice text);

/** Replaces `positions` by the next ones; false when there are none left. */
bool json_index_fill(struct json_index *x);

#endif
