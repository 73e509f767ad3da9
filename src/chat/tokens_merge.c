/* tokens_merge.c - byte-pair encoding of one piece. */
#include "chat/tokens_merge.h"

#include <assert.h>

#define AT_BITS 11

static_assert(TOKENS_MERGE_BYTES <= 1 << AT_BITS, "a place fits its bits");
static_assert(VOCABULARY_MAX_RANK_BITS + AT_BITS <= 32, "so does a pair");

/*
 * The parts that the piece is cut into at the moment, each known by where it starts.  The
 * heap holds the pairs that would be tokens: rank above place, the smallest on top.  A part
 * that has changed leaves its old pairs in there; `rank` tells them from those that stand.
 */
struct merge {
    const struct vocabulary *vocabulary;
    struct slice piece;
    uint32_t rank[TOKENS_MERGE_BYTES]; // of the part and its next, as one
    uint16_t next[TOKENS_MERGE_BYTES]; // piece.len: it is the last
    uint16_t prev[TOKENS_MERGE_BYTES];
    uint32_t heap[3 * TOKENS_MERGE_BYTES]; // each merge makes at most two new pairs
    size_t heap_count;
};

static void heap_push(struct merge *m, uint32_t pair)
{
    size_t at = m->heap_count++;

    while (at && m->heap[(at - 1) / 2] > pair) {
        m->heap[at] = m->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    m->heap[at] = pair;
}

static uint32_t heap_pop(struct merge *m)
{
    uint32_t top = m->heap[0], last = m->heap[--m->heap_count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < m->heap_count) {
        if (child + 1 < m->heap_count && m->heap[child + 1] < m->heap[child])
            child++;
        if (m->heap[child] >= last)
            break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = last;
    return top;
}

/* What the part at `at` and its next would be. */
static void look_at_pair(struct merge *m, size_t at)
{
    size_t next = m->next[at];

    m->rank[at] = VOCABULARY_NO_RANK;
    if (next == m->piece.len)
        return;
    m->rank[at] = vocabulary_rank(m->vocabulary, m->piece.ptr + at, m->next[next] - at);
    if (m->rank[at] != VOCABULARY_NO_RANK)
        heap_push(m, m->rank[at] << AT_BITS | (uint32_t)at);
}

static void join(struct merge *m, size_t at)
{
    size_t gone = m->next[at];

    m->next[at] = m->next[gone];
    m->rank[gone] = VOCABULARY_NO_RANK;
    if (m->next[at] < m->piece.len)
        m->prev[m->next[at]] = (uint16_t)at;
    look_at_pair(m, at);
    if (at)
        look_at_pair(m, m->prev[at]);
}

size_t tokens_merge(const struct vocabulary *v, struct slice piece)
{
    struct merge m;
    size_t parts = piece.len;

    assert(piece.len && piece.len <= TOKENS_MERGE_BYTES);
    m.vocabulary = v;
    m.piece = piece;
    m.heap_count = 0;
    for (size_t i = 0; i < piece.len; i++) {
        m.next[i] = (uint16_t)(i + 1);
        m.prev[i] = (uint16_t)(i ? i - 1 : 0);
    }
    for (size_t i = 0; i < piece.len; i++)
        look_at_pair(&m, i);
    while (m.heap_count) {
        uint32_t pair = heap_pop(&m);
        size_t at = pair & ((1U << AT_BITS) - 1);

        if (m.rank[at] == pair >> AT_BITS) {
            join(&m, at);
            parts--;
        }
    }
    return parts;
}
