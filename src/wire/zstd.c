/* zstd.c - bytes made smaller, and large again. */
#include "wire/zstd.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/panic.h"

#define LEVEL          3
#define WINDOW_LOG_MAX 23 // 8 MiB: what level 3 never asks for, and a hostile frame may
#define STEP_BYTES     ((size_t)64 * 1024)

struct zstd_packer {
    ZSTD_CCtx *context;
};

struct zstd_packer *zstd_packer_new(void)
{
    struct zstd_packer *p = calloc(1, sizeof(*p));

    if (p)
        p->context = ZSTD_createCCtx();
    if (!p || !p->context)
        panic("out of memory: compression");
    ZSTD_CCtx_setParameter(p->context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(p->context, ZSTD_c_checksumFlag, 1);
    return p;
}

void zstd_packer_free(struct zstd_packer *p)
{
    if (!p)
        return;
    ZSTD_freeCCtx(p->context);
    free(p);
}

void zstd_pack(struct zstd_packer *p, struct slice bytes, struct buf *out)
{
    size_t room = ZSTD_compressBound(bytes.len);
    size_t len = ZSTD_compress2(p->context, buf_reserve(out, room), room, bytes.ptr, bytes.len);

    if (ZSTD_isError(len)) // there is room, so only memory can be missing
        panic("out of memory: compression");
    buf_grew(out, len);
}

/* Where `left` is 0 the frame has ended. */
static enum err unpack(ZSTD_DCtx *context, ZSTD_inBuffer *in, size_t limit, struct buf *out,
                       struct err_info *e)
{
    size_t began = buf_len(out), left = 1;

    while (left) {
        ZSTD_outBuffer to = {.dst = buf_reserve(out, STEP_BYTES), .size = STEP_BYTES};
        size_t read = in->pos;

        left = ZSTD_decompressStream(context, &to, in);
        if (ZSTD_isError(left))
            return err_set(e, ERR_DAMAGED, "not a zstd frame: %s", ZSTD_getErrorName(left));
        buf_grew(out, to.pos);
        if (buf_len(out) - began > limit)
            return err_set(e, ERR_TOO_LARGE, "more than %zu bytes when it is unpacked", limit);
        if (left && !to.pos && in->pos == read)
            return err_set(e, ERR_DAMAGED, "a zstd frame that is cut off");
    }
    return in->pos == in->size ? ERR_NONE : err_set(e, ERR_DAMAGED, "bytes after a zstd frame");
}

enum err zstd_unpack(struct slice frame, size_t limit, struct buf *out, struct err_info *e)
{
    ZSTD_inBuffer in = {.src = frame.ptr, .size = frame.len};
    ZSTD_DCtx *context = ZSTD_createDCtx();
    size_t began = buf_len(out);
    enum err err;

    if (!context)
        panic("out of memory: decompression");
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    err = unpack(context, &in, limit, out, e);
    if (err)
        out->end = out->start + began;
    ZSTD_freeDCtx(context);
    return err;
}
