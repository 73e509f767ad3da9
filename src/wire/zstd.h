/* zstd.h - bytes made smaller, and large again. */
#ifndef WIRE_ZSTD_H
#define WIRE_ZSTD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * One struct zstd_packer is used by one thread at a time; it keeps its memory (some 100 KiB)
 * from one call to the next.
 */
struct zstd_packer;

struct zstd_packer *zstd_packer_new(void);
void zstd_packer_free(struct zstd_packer *p);

/** Puts one whole frame, with its length and a checksum, onto `out`. */
void zstd_pack(struct zstd_packer *p, struct slice bytes, struct buf *out);

/**
 * The contents of one frame, onto `out`.  ERR_DAMAGED: not one whole frame; ERR_TOO_LARGE: more
 * than `limit` bytes come out.  `out` is then as it was.  Whatever the frame says of itself, no
 * more than `limit` and a fixed window are allocated.
 */
enum err zstd_unpack(struct slice frame, size_t limit, struct buf *out, struct err_info *e);

#endif
