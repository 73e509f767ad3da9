/* record.c - what is written down about one exchange. */
#include "policy/record.h"

#include <assert.h>

#include "base/array.h"

static const char *const names[] = {
    [OUTCOME_OK] = "ok",
    [OUTCOME_UPSTREAM_ERROR] = "upstream_error",
    [OUTCOME_UPSTREAM_CUT] = "upstream_cut",
    [OUTCOME_CLIENT_ABORT] = "client_abort",
    [OUTCOME_TIMEOUT] = "timeout",
    [OUTCOME_SHUTDOWN] = "shutdown",
    [OUTCOME_UNKNOWN] = "unknown",
};

const char *outcome_name(enum outcome o)
{
    assert((size_t)o < ARRAY_LEN(names));
    return names[o];
}
