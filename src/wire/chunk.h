/* chunk.h - the chunked transfer coding (RFC 9112, 7.1). */
#ifndef WIRE_CHUNK_H
#define WIRE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define CHUNK_MAX_LINE_BYTES    256  // a size with its extensions and CRLF
#define CHUNK_MAX_TRAILER_BYTES 8192 // all trailer fields, which are checked and dropped
#define CHUNK_MAX_BYTES         (UINT64_C(1) << 53)
#define CHUNK_SIZE_BYTES        20 // room for chunk_write_size()

/* What stands after a chunk's bytes, and at the end of a body without trailers. */
#define CHUNK_AFTER SLICE("\r\n")
#define CHUNK_LAST  SLICE("0\r\n\r\n")

enum chunk_result {
    CHUNK_MORE, // everything was consumed, more bytes are needed
    CHUNK_DATA, // `data` holds some of the body
    CHUNK_END,  // the body is over; what is not consumed belongs to the next message
    CHUNK_BAD,  // not the chunked coding, for good
};

/*
 * Zeroed storage is a reader at the start of a body.  Strict: CRLF only, no
 * white space around the size; extensions and trailers are checked bytewise,
 * bounded, and dropped.
 */
struct chunk_reader {
    /* private */
    uint64_t left;      // of the chunk's bytes
    unsigned seen;      // bytes of the size line, or of the trailers
    unsigned char step; // enum step
};

/** Takes from `in`: `consumed` says how much; `data` points into it (CHUNK_DATA, never empty). */
enum chunk_result chunk_reader_next(struct chunk_reader *r, struct slice in, size_t *consumed,
                                    struct slice *data);

/** What stands before `size` bytes, "1a" and CRLF; returns its length.  `size` is not 0. */
size_t chunk_write_size(char out[CHUNK_SIZE_BYTES], size_t size);

#endif
