/* zstd_fuzz.c - any bytes are refused or unpacked within the limit; what was packed comes out. */
#include <assert.h>

#include "wire/zstd.h"

#define LIMIT ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zstd_packer *packer;
    struct slice in = slice_of((const char *)data, size);
    struct buf out = {0}, packed = {0};
    struct err_info e = {0};

    if (!packer)
        packer = zstd_packer_new();
    if (zstd_unpack(in, LIMIT, &out, &e) == ERR_NONE)
        assert(buf_len(&out) <= LIMIT);
    else
        assert(!buf_len(&out));
    buf_clear(&out);
    e = (struct err_info){0};
    zstd_pack(packer, in, &packed);
    assert(zstd_unpack(buf_peek(&packed), size, &out, &e) == ERR_NONE);
    assert(slice_eq(buf_peek(&out), in));
    buf_release(&out);
    buf_release(&packed);
    return 0;
}
