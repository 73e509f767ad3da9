/* veto.h - what a body may not ask for, since nobody here would see it happen. */
#ifndef EXCHANGE_VETO_H
#define EXCHANGE_VETO_H

#include "base/err.h"
#include "base/slice.h"
#include "chat/dialect.h"

/* Values of members of the body's object; a NULL pointer: absent. */
struct veto_members {
    struct slice background, models, fallbacks, tools;
};

/**
 * ERR_BAD_REQUEST where a body that passes unchanged would let an upstream do what permissions,
 * prices and quotas cannot speak of: ask other models than the one that was named, or go on
 * after the answer.
 */
enum err veto_check(enum dialect d, const struct veto_members *m, struct err_info *e);

#endif
