/*
 * measure_fuzz.c - any bytes as the body of a request, whether or not it is JSON.  The first byte
 * chooses dialect and operation.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/measure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_after(slice_of((const char *)data, size), 1);
    struct chat_measure m;

    if (size == 0)
        return 0;
    chat_measure((enum dialect)(data[0] % DIALECT_COUNT),
                 (enum operation)(data[0] / DIALECT_COUNT % OP_COUNT), body, &m);
    assert(m.text_bytes >= 0 && m.text_bytes <= (int64_t)body.len);
    assert(m.media >= 0 && m.media <= (int64_t)body.len);
    assert(m.media_tokens >= m.media && m.media_tokens <= m.media * MEASURE_MEDIUM_MOST);
    assert(m.max_output >= -1 && m.choices >= 1);
    assert(measure_input_bound(&m) >= measure_input_likely(&m));
    assert(measure_output_bound(&m, 0, 0) >= 0);
    return 0;
}
