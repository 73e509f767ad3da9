/* files.h - files at upstreams: whose they are, and who keeps them. */
#ifndef EXCHANGE_FILES_H
#define EXCHANGE_FILES_H

#include "exchange/exchange.h"
#include "store/file_desk.h"

/*
 * An upload goes to the one provider where the caller may keep files in the client's dialect,
 * and is noted as the caller's, with the credential, before the client hears of it.  Lists and
 * what is known of one file are answered from those notes; content and deletion go to the
 * credential that the file was put there with, and nowhere else.
 *
 * What is asked of the files' desk outlives an exchange that goes away meanwhile.
 */
struct file_errand {
    struct file_job job;
    struct gateway_worker *gw;
    struct exchange *x; // NULL: it has gone
    bool is_done;
};

/* Where the caller may keep files: what is permitted, and has any in the client's dialect. */
struct file_keepers {
    const struct provider **list; // [count]
    int64_t *ids;                 // of the same
    size_t count, permitted;
};

/** In the order of nothing; in the arena.  `d` is one that files are kept in. */
struct file_keepers files_keepers(struct exchange *x, enum dialect d);

/** The provider's credential of that id, or NULL: it is gone or disabled, and x->err says so. */
const struct credential *files_credential(struct exchange *x, const struct provider *p, int64_t id);

/** What of OP_FILES is resolved: makes x->local, or the route. */
enum verdict files_resolve(struct exchange *x);

/** An errand to fill in. */
struct file_errand *files_errand_new(struct exchange *x, enum file_job_kind kind);

/** Sends it, and it is x->errand then.  False: too many wait, and it is gone. */
bool files_ask(struct exchange *x, struct file_errand *errand);

/** STAGE_NEXT once x->errand is answered. */
enum verdict files_wait(struct exchange *x);

/** The exchange no longer waits for its errand. */
void files_release(struct exchange *x);

/** Whether an upstream's id of a file may stand in a path as it is. */
bool files_id_is_good(struct slice id);

/** What upstream's path has behind "/v1/files": "/ID" or "/ID/content". */
struct slice files_path(struct exchange *x, struct slice id, enum file_act act);

const char *files_method(enum file_act act);

/** The beta header that Anthropic wants, unless the client's own lines name it. */
void files_write_beta(const struct channel *c, enum dialect d, struct slice lines, struct buf *out);

/** The page that the query asks for; files_list.c. */
enum err files_read_page(struct exchange *x, struct file_owner_page *page, struct err_info *e);

/** The answer: a list in the client's dialect; files_list.c. */
void files_write_list(const struct exchange *x, const struct file_job *job, struct buf *out);

#endif
