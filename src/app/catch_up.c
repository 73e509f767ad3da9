/* catch_up.c - usage that is only in the journal yet. */
#include "app/catch_up.h"

#include "store/journal_set.h"

/* A running server needs a fifth of a second at most, unless its database is away. */
#define CATCH_UP_MS 2000

/*
 * What is still only in the journal belongs to the answer, too.  A running server is
 * given time to write it; one that has died has left it, and it is replayed as its next
 * start would.  That start is also who says which database a journal belongs to: with
 * a --dsn of its own this command leaves the journal alone.
 */
void catch_up(const struct command_context *x, struct ledger *l)
{
    const struct options *o = &x->options;
    struct err_info e = {.code = ERR_NONE};
    struct journal_limits journal = {.on_unknown = ON_UNKNOWN_RELEASE};
    struct journal_report report;
    struct journal_set *set;
    struct limits limits;

    if (!o->dsn_given && !ledger_settings(l, &limits, x->arena, &e))
        journal.on_unknown = limits.on_unknown;
    if (!o->dsn_given && !e.code &&
        !journal_set_open(o->data_dir, 0, &journal, l, &report, &set, &e)) {
        journal_set_close(set);
        return;
    }
    if (e.code && e.code != ERR_CONFLICT)
        fprintf(x->err, "gproxy: what is only in the journal is not shown: %s\n",
                err_info_text(&e));
    else if (!journal_set_await(o->data_dir, CATCH_UP_MS))
        fprintf(x->err, "gproxy: the journal holds usage that is not in the database yet\n");
}
