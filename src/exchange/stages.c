/* stages.c - the life of a request, in order.  Read this file first. */
#include "exchange/stages.h"

#include "base/array.h"

typedef enum verdict stage_fn(struct exchange *x);

struct stage {
    const char *name;
    stage_fn *run;
};

static const struct stage stages[] = {
    {"receive",      stage_receive     }, // the head: operation, dialect, limits
    {"authenticate", stage_authenticate}, // whose key it is; no body is read before that
    {"resolve",      stage_resolve     }, // body, permission, model name to candidates
    {"refer",        stage_refer       }, // files that it speaks of: whose credential has them
    {"admit",        stage_admit       }, // room in the ledger, quota, then rate: reserve; the intent
    {"attempt",      stage_attempt     }, // one candidate after another, until one answers
    {"relay",        stage_relay       }, // upstream's answer to the client, its end once recorded
    {"settle",       stage_settle      }, // record if none yet, log line; always runs
};

const size_t stage_settle_index = ARRAY_LEN(stages) - 1;

enum verdict stages_run(struct exchange *x, size_t stage)
{
    return stages[stage].run(x);
}

const char *stage_name(size_t stage)
{
    return stages[stage].name;
}
