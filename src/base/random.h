/* random.h - numbers nobody guesses the use of, and ids made of them. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Fast and good enough for ids, jitter and choices; never for keys or nonces
 * (crypto/random.h).  One per worker, no locks; seeded from the kernel.
 */
struct random {
    uint64_t state[4];
};

void random_seed(struct random *r, const uint64_t seed[4]);
uint64_t random_next(struct random *r);

/** Evenly below `bound`, which is not 0. */
uint64_t random_below(struct random *r, uint64_t bound);

/** An exchange id: UUIDv7 text (RFC 9562, 5.7), ordered by time.  36 bytes and a NUL. */
#define ID_TEXT_BYTES 37
void id_make(struct random *r, int64_t unix_ms, char out[ID_TEXT_BYTES]);

/** An id's own bytes, which begin with the time; false: the text is no id. */
#define ID_BYTES 16
bool id_pack(struct slice text, unsigned char out[ID_BYTES]);
void id_unpack(const unsigned char id[ID_BYTES], char out[ID_TEXT_BYTES]);

/** The least id of that time, and the time of an id. */
void id_at(int64_t unix_ms, unsigned char out[ID_BYTES]);
int64_t id_unix_ms(const unsigned char id[ID_BYTES]);

#endif
