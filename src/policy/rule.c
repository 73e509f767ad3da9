/* rule.c - changes that operators make to requests on their way (spec.md 9). */
#include "policy/rule.h"

enum err rule_check(const struct rule_row *row, struct err_info *e)
{
    bool inbound = slice_eq(row->phase, SLICE("inbound"));

    if (!inbound && !slice_eq(row->phase, SLICE("outbound")))
        return err_set(e, ERR_BAD_REQUEST, "phase: must be inbound or outbound");
    return ERR_NONE;
}
