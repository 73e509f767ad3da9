/* rule.h - changes that operators make to requests on their way (spec.md 9). */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "base/err.h"
#include "policy/row.h"

/** What can be said of a rule by itself: ERR_BAD_REQUEST, and names the field. */
enum err rule_check(const struct rule_row *row, struct err_info *e);

#endif
